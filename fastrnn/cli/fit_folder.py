"""The folder of a fit: models.safetensors, columns.json, table.csv, report.md, pictures; refit.safetensors after
folds."""

import json
import os
from typing import NamedTuple

from fastrnn.cli.errors import UserError
from fastrnn.cli.options import decimal
from fastrnn.errors import printable
from fastrnn.wording import counted

MODELS_FILE, COLUMNS_FILE, TABLE_FILE = "models.safetensors", "columns.json", "table.csv"
REPORT_FILE, PARTS_FOLDER = "report.md", "parts"
# After folds: what they chose, fitted to all sequences.
REFIT = "refit.safetensors"
# What the file of the columns has at least.
ENTRIES = {"inputs", "target", "kind", "encoder", "digest", "classes"}


class Folder(NamedTuple):
    """The files that `fastrnn fit` wrote: the Fits of table.csv, how columns were read, and the Fits of the refit, or
    None."""

    fits: object
    columns: dict
    refitted: object

    def one(self, text, table):
        """Return (what predicts the sequences of a table, its description): the model that a text names; the "best" of
        separate networks for each value of a group is the best one of each value, for its sequences."""
        from fastrnn.cli.of_each import BestOfEach

        fits, model, name = self.chosen(text)
        if text == "best" and fits.groups:
            return BestOfEach(fits, table), f"the best of each {', '.join(fits.groups)}"
        return fits[model], f"{name}, {described_model(fits, model)}"

    def chosen(self, text):
        """Return (Fits, number, name) of a model: of a row of table.csv, or of the "best": that of the refit, if there
        is one.

        Raises UserError for others.
        """
        if text == "best" and self.refitted is not None:
            return self.refitted, self.refitted.best_index, "refit"
        model = chosen_model(self.fits, text)
        return self.fits, model, str(model)

    def said(self, text):
        """Return which model a text chose, where it is one of several groups' own networks, else ""."""
        fits, model, name = self.chosen(text)
        return f"model {name}, {described_model(fits, model)}" if fits.groups else ""


def check_folder(folder, force):
    """Create the folder. Raises UserError where it has models already, or cannot be written to."""
    from fastrnn.cli.output import check_writable

    if os.path.isfile(folder):
        raise UserError(f"--output: {folder} is a file, expected a folder")
    if os.path.exists(os.path.join(folder, MODELS_FILE)) and not force:
        raise UserError(f"{folder}: has fits already; give --force to replace them, or another --output")
    check_writable(os.path.join(folder, MODELS_FILE), force=True, make=True)


def open_folder(folder):
    """Return the Folder that `fastrnn fit` wrote."""
    from fastrnn.training.sequences.fits import Fits

    if not os.path.isdir(folder):
        raise UserError(f"{folder}: is not a folder; expected one that fastrnn fit wrote")
    path = os.path.join(folder, COLUMNS_FILE)
    if not os.path.exists(path):
        left = os.path.isdir(os.path.join(folder, PARTS_FOLDER))
        unfinished = "is of an unfinished fit: run the same command to continue it"
        raise UserError(f"{folder}: {unfinished if left else 'holds no fits'}")
    try:
        with open(path, encoding="utf-8") as file:
            columns = json.load(file)
        if not isinstance(columns, dict) or not ENTRIES <= set(columns):
            raise ValueError("entries are missing")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is damaged ({error}); fit again") from error
    refit = os.path.join(folder, REFIT)
    refitted = Fits.load(refit) if os.path.exists(refit) else None
    return Folder(Fits.load(os.path.join(folder, MODELS_FILE)), columns, refitted)


def chosen_model(fits, text):
    """Return the number of a model; "best" is the one with the lowest validation loss, or training loss. Raises
    UserError for other words."""
    if text == "best":
        return fits.best_index
    model = decimal(text)
    if model is None or model >= len(fits):
        raise UserError(f"--model: got {text!r:.80}, expected best or a number from 0 to {len(fits) - 1}")
    return model


def described_model(fits, model):
    """Return `4 units, seed 0`, with the value of the group that the model was fitted to."""
    own = [f"{name} {printable(str(values[model]))}" for name, values in fits.groups.items()]
    return ", ".join([*own, counted(int(fits.hidden_size[model]), "unit"), f"seed {int(fits.seeds[model])}"])


def output_names(columns, count):
    """Return the names of the outputs of the networks of a folder: the target columns, or y, or y0, y1, ..."""
    return list(columns["target"] or (["y"] if count == 1 else [f"y{n}" for n in range(count)]))


def own_data(fits, model, data, table):
    """Return those sequences of a table that belong to the group that a model was fitted to."""
    for name, values in fits.groups.items():
        said = f"of {name} {values[model]!s}, to which model {model} was fitted"
        own = data.groups[name] == values[model]
        if not own.any():
            raise UserError(f"{table}: has no row {said}")
        data = data.select(own)
        if not data.counted.any():
            raise UserError(f"{table}: no step counts {said}: all targets are missing or masked")
    return data


def check_fit_inputs(fits, data, table):
    """Raise UserError unless the data have as many inputs as the models."""
    expected = fits.weights(0)["w_ih"].shape[1]
    if data.x.shape[1] != expected:
        raise UserError(f"{table}: has {data.x.shape[1]} inputs, expected {expected} as the models have")
