"""The end of `fastrnn fit`: prints the summary and writes the folder."""

import contextlib
import json
import os

from fastrnn.cli.columns import columns_as_json
from fastrnn.cli.errors import UserError
from fastrnn.cli.fit_folder import COLUMNS_FILE, MODELS_FILE, REFIT, REPORT_FILE, TABLE_FILE, described_model, own_data
from fastrnn.cli.losses import described
from fastrnn.cli.sound import is_sound
from fastrnn.cli.text import aligned, shown_value, wrapped
from fastrnn.errors import printable
from fastrnn.files import write_atomically
from fastrnn.program import install, program, quoted
from fastrnn.wording import counted

PICTURE_KINDS = ("png", "svg", "pdf", "none")


def check_report(args):
    """Raise UserError for unknown kinds of pictures, or without the packages that the report needs."""
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise UserError(f"fit: pandas is missing ({error}): {install('pandas')}") from error
    if args.pictures not in PICTURE_KINDS:
        raise UserError(f"--pictures: got {args.pictures!r}, expected one of {', '.join(PICTURE_KINDS)}")
    if args.pictures != "none":
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"--pictures: matplotlib is missing ({error}): {install('matplotlib')}, or give --pictures none"
            ) from error


def report_fit(args, folder, data, roles, made):
    """Print the summary, and write the folder; made: Fits, or with --cv the Selection."""
    from fastrnn.analysis.baselines import baselines_in_folds, baselines_of_each
    from fastrnn.analysis.best import best_networks
    from fastrnn.data import folds

    fits = made.fits if args.cv else made
    summary = _shown(made.summary() if args.cv else best_of_each(made), data.kind)
    # Before baselines, which take seconds.
    print(aligned(_lines(summary)), flush=True)
    # Roles of all folds, which cross_validate has divided in the same way.
    roles = folds(data, *args.cv, args.by, args.seed) if args.cv else roles
    head = fits.head
    of_each, networks = {}, {}
    if args.each:
        of_each = baselines_of_each(data, roles, args.each, head=head)
        baselines = _mean_of_each(data, roles, args.each, of_each)
        networks = _mean_of_each(data, roles, args.each, {"the best network of each": best_networks(fits)[3]})
    else:
        baselines = baselines_in_folds(data, roles, head=head) if args.cv else _baselines(data, roles, head)
    best = fits.best_index
    mean = f", mean over values of {args.each}" if args.each else ""
    for name, loss in (networks | baselines).items():
        print(f"{name}, {_compared(roles)}{mean}: {loss:.4f}")
    if args.cv:
        print(wrapped(_refit(made)))
    if "diverged" in fits.stopped:
        print(f"diverged: {fits.stopped.count('diverged'):,} of {len(fits):,} models; try a smaller --learning-rate")
    if unfinished := still_improving(fits):
        print(f"still improving at the last epoch: {unfinished:,} of {len(fits):,} models; try more --epochs")
    table = made.table if args.cv else fits.to_frame()
    write_atomically(os.path.join(folder, TABLE_FILE), table.to_csv(index_label="model").encode())
    known = baselines, of_each
    pictures = {} if args.pictures == "none" else _draw(args, folder, data, roles, made, fits, best, known)
    losses = networks, baselines
    content = _markdown(args, data, roles, made, fits, best, summary, losses, pictures, folder)
    write_atomically(os.path.join(folder, REPORT_FILE), content.encode())
    columns = json.dumps(columns_as_json(args, data), indent=1, sort_keys=True)
    write_atomically(os.path.join(folder, COLUMNS_FILE), (columns + "\n").encode())
    refit = os.path.join(folder, REFIT)
    if args.cv:
        made.refitted.save(refit, overwrite=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(refit)
    # Last: a folder with models is finished.
    fits.save(os.path.join(folder, MODELS_FILE), overwrite=True)
    files = [TABLE_FILE, MODELS_FILE, *([REFIT] if args.cv else []), REPORT_FILE, *pictures]
    print(wrapped(f"saved {printable(folder)}: {', '.join(files)}"))
    print(f"try: {program()} evaluate {quoted(folder)} {_files(args)}")


def _files(args):
    """Return the files of the data, for a command."""
    return " ".join(quoted(path) for path in (args.table, args.sound) if path is not None)


def _refit(selection):
    """Describe the refit: the chosen options, the number of epochs on all sequences, and the loss to expect."""
    point, epochs = selection.choice()
    varied = [name for name, values in selection.grid.items() if name != "hidden_size" and len(set(values)) > 1]
    options = [f"{name} {point[name]:g}" for name in varied]
    estimate = selection.estimate()
    chosen = ", ".join([counted(int(point["hidden_size"]), "unit"), *options, counted(epochs, "epoch")])
    loss = f"{estimate.test_loss:.4f} ± {estimate.error:.4f}"
    return f"refit to all sequences: {chosen}; test loss of what each fold chose: {loss}"


def still_improving(fits):
    """Return the number of models whose best evaluation was the last one of all epochs."""
    ends = zip(fits.stopped, fits.best_epoch, fits.epochs)
    return sum(stopped == "epochs" and best == epochs for stopped, best, epochs in ends)


def best_of_each(fits):
    """Return a pandas table with a row for each combination of size and options: the seed with the lowest validation
    loss."""
    frame = fits.to_frame()
    axes = [name for name in ("hidden_size", "learning_rate", "l1", "weight_decay") if name in frame]
    axes = [*fits.groups, *(name for name in axes if name == "hidden_size" or frame[name].nunique() > 1)]
    best = frame.assign(score=fits.selection_loss).groupby(axes, sort=True).score.idxmin()
    rows = frame.loc[best, [*axes, "seed", "train_loss", "validation_loss", "test_loss", "test_accuracy", "epochs"]]
    return rows.dropna(axis=1, how="all").rename_axis("model").reset_index()


def _shown(frame, kind):
    """Return the table with the columns that are printed."""
    if kind == "reals":
        frame = frame.drop(columns=["likelihood", "test_accuracy"], errors="ignore")
    return frame.rename(columns={"hidden_size": "hidden"}).reset_index(drop=True)


def _lines(frame):
    """Return the lines of a table, each a list of texts, the names of the columns first."""
    return [list(map(str, frame.columns)), *(list(map(shown_value, row)) for row in frame.itertuples(index=False))]


def _baselines(data, roles, head):
    """Return {name: loss} on the sequences of `_compared`."""
    from fastrnn.analysis.baselines import suitable_baselines
    from fastrnn.data.roles import NAMES

    role = NAMES.index(_compared(roles))
    return {made.name: made.loss[role] for made in suitable_baselines(data, roles, head=head)}


def _mean_of_each(data, roles, each, found):
    """Return {name: loss} of the result of `baselines_of_each`: means over the values of a group, by counted steps, on
    the sequences of `_compared`."""
    import numpy as np

    from fastrnn.data.roles import NAMES
    from fastrnn.training.sequences.fit import owned_by

    role = NAMES.index(_compared(roles))
    steps = np.array([data.counted[own[roles[own] == role]].sum() for own in owned_by(data, each)])
    tested = steps > 0
    # Whether inputs take few values, and so n-grams are useful, depends on the sequences.
    return {
        name: float(np.average(losses[tested, role], weights=steps[tested]))
        for name, losses in found.items() if tested.any() and np.isfinite(losses[tested, role]).all()
    }


def _compared(roles):
    """Return the role of the sequences on which networks and baselines are compared: test, else validation, else
    training."""
    return "test" if (roles == 2).any() else "validation" if (roles == 1).any() else "train"


def _draw(args, folder, data, roles, made, fits, best, known):
    """Draw the pictures; return {file: what it shows}; known: {name: loss} of baselines, and of each value's own."""
    from fastrnn import analysis

    drawn, (baselines, of_each) = {}, known

    def path(name, text):
        drawn[f"{name}.{args.pictures}"] = text
        return os.path.join(folder, f"{name}.{args.pictures}")

    if args.cv:
        analysis.plot_selection(made, baselines, path("loss", "test loss against hidden units"))
        # Curves are those of one fold, and so are the baselines in the picture.
        baselines = _baselines(data, roles[made.outer[best] * args.cv[1] + made.inner[best]], fits.head)
    if args.each and set(fits.stopped) != {"diverged"}:
        analysis.plot_each(fits, of_each, path("each", f"loss of the networks of each {args.each}, and of baselines"))
    analysis.plot_learning_curves(
        fits if not args.cv else fits[best], baselines, path("curves", "losses against epochs")
    )
    one, data = made.best if args.cv else fits[best], own_data(fits, best, data, args.table)
    p = one.predict(data)
    counts = data.weight > 0
    if data.kind == "bits" and p.shape[1] == 1 or data.kind == "classes" and data.classes == 2:
        found = analysis.calibration(p[counts, -1], data.y[counts], weight=data.weight[counts])
        file = path("calibration", "probabilities of the best model against observed shares")
        analysis.plot_calibration(found, file, title=one)
    size = len(one.cell.state) * one.hidden_size
    if size <= 2 and data.kind != "reals":
        portrait = analysis.phase_portrait(one, data)
        if len(portrait.inputs) <= 8:
            analysis.plot_portrait(portrait, path("portrait", "the best model's logit and its change, by input"))
    return drawn


def _markdown(args, data, roles, made, fits, best, summary, losses, pictures, folder):
    networks, baselines = losses
    lines = [f"# Fit of {printable(data.name)}", "", printable(str(data)), ""]
    what = "Mean test loss over outer folds, in nats per step" if args.cv else "The best seed of each"
    lines += [f"{what}:" if data.kind != "reals" else f"{what.replace(', in nats per step', '')}:", ""]
    if loss := described(fits.head):
        lines[-2:] = [f"{lines[-2][:-1]}. Losses are {loss}:", ""]
    head, *rows = ("| " + " | ".join(text.replace("|", r"\|") for text in line) + " |" for line in _lines(summary))
    lines += [head, "|" + " ---: |" * len(summary.columns), *rows]
    own = f"separately for each {args.each} " if args.each else ""
    mean = "mean loss" if args.each else "loss"
    what = f"Baselines, learned {own}from the same sequences, by their {mean} on the {_compared(roles)} sequences"
    lines += ["", f"{what}:", ""]
    lines += [f"- {name}: {loss:.4f}" for name, loss in baselines.items()]
    lines += [line for name, loss in networks.items() for line in ("", f"Beside them, {name}: {loss:.4f}")]
    file, row = MODELS_FILE, best
    if args.cv:
        text, file, row = _refit(made), REFIT, made.refitted.best_index
        lines += ["", f"{text[0].upper()}{text[1:]}. It is in {REFIT}, the fits of the folds in {MODELS_FILE}."]
    else:
        which = f"number {best} of table.csv: {described_model(fits, best)}"
        lines += ["", f"The model with the lowest validation loss is {which}."]
    if unfinished := still_improving(fits):
        lines += ["", f"Still improving at the last epoch: {unfinished:,} of {len(fits):,} models; try more --epochs."]
    lines += [line for picture, text in pictures.items() for line in ("", f"![{text}]({picture})")]
    lines += [
        "",
        "```python",
        "import fastrnn",
        f"fits = fastrnn.Fits.load({printable(json.dumps(os.path.join(folder, file), ensure_ascii=False))})",
        f"best = fits[{row}]",
        "best.weights",
        "```",
        "",
        "```sh",
        f"fastrnn evaluate {quoted(folder)} {_files(args)}",
        f"fastrnn predict {quoted(folder)} {quoted(args.table)}" + " --output predicted.wav" * is_sound(args.table),
        "```",
        "",
    ]
    return "\n".join(lines)
