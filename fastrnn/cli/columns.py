"""The roles of a table's columns, from options or from the folder of a fit."""

import contextlib
import os
import re

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import integer, list_of, positive
from fastrnn.cli.sound import check_no_columns, check_pair, is_sound, rate_of, read_pair, read_pair_again

# What a folder keeps of how its table was read.
TABLE_OPTIONS = ("inputs", "target", "group", "time", "lag", "weight", "kind", "classes", "allowed")
OPTION_NAMES = {name: f"--{name.replace('_', '-')}" for name in (*TABLE_OPTIONS, "one_hot", "standardize")}


def add_columns(parser):
    """Declare the options that say how a table is read."""
    names = list_of(str)
    group = parser.add_argument_group("columns of the table, a row for each step")
    group.add_argument("--inputs", type=names, metavar="LIST", help="input columns")
    group.add_argument("--target", type=names, metavar="LIST", help="column or columns to predict")
    group.add_argument(
        "--group", type=names, default=(), metavar="LIST",
        help="columns that identify a sequence: rows with equal values belong together",
    )
    group.add_argument("--time", metavar="NAME", help="column to sort each sequence by (default: the table's order)")
    group.add_argument(
        "--lag", type=integer, default=0, metavar="N",
        help="feed inputs N rows later; 1 predicts a choice from earlier ones",
    )
    group.add_argument(
        "--one-hot", type=names, default=(), metavar="LIST", help="inputs to encode as one column for each value"
    )
    group.add_argument(
        "--standardize", type=names, default=(), metavar="LIST",
        help="inputs to standardise: mean 0, deviation 1 on training data",
    )
    group.add_argument(
        "--weight", metavar="NAME",
        help="column of weights for the steps; steps of weight 0 do not count",
    )
    group.add_argument(
        "--allowed", type=names, default=(), metavar="LIST",
        help="columns of 0 and 1, one for each class: which are allowed",
    )
    group.add_argument(
        "--segment", type=positive, metavar="N",
        help="cut sequences, or sound, into segments of N steps; --by id keeps those of a sequence together",
    )
    group.add_argument(
        "--kind", metavar="KIND", help="kind of target: classes, bits or reals (default: decided by its values)"
    )
    group.add_argument(
        "--classes", type=_named_classes, metavar="LIST",
        help="the target's values, in order, for example 1,2 or left,right; or how many classes there are",
    )


def _named_classes(text):
    """Return the number of classes, or names or integers in order, in a list."""
    names = list_of(str)(text)
    if not all(re.fullmatch(r"-?[0-9]{1,18}", name) for name in names):
        return list(names)
    return list(map(int, names)) if len(names) > 1 else int(names[0])


def read_sequences(args, training=None):
    """Return the Sequences that the options describe; training: the sequences that standardisation is fitted to."""
    with user_errors({"segments": "--segment"}):
        return read_pair(args) if is_sound(args.table) else _read_table(args, training)


def _read_table(args, training):
    from fastrnn.data import Sequences

    check_pair(args.table, args.sound, "fastrnn fit input.wav target.wav")
    is_table = not args.table.lower().endswith(".npz") or args.inputs
    if is_table and not (args.inputs and args.target):
        raise UserError(
            "--inputs and --target: name the columns that are inputs and targets; see fastrnn fit --help"
        )
    with table_errors(args.table):
        if not is_table:
            check_no_columns(args)
            own = {"kind": args.kind, "classes": args.classes, "segment": args.segment}
            return Sequences.read(args.table, **{name: value for name, value in own.items() if value is not None})
        given = {name: getattr(args, name) for name in TABLE_OPTIONS if name not in ("inputs", "target")}
        return Sequences.read(
            args.table,
            list(args.inputs),
            list(args.target),
            one_hot=args.one_hot,
            # Before roles are known the inputs are read as they are.
            standardize=args.standardize if training is not None else (),
            training=training if args.standardize else None,
            segment=args.segment,
            **given,
        )


@contextlib.contextmanager
def table_errors(table, options=None):
    """As `user_errors`, for messages that begin with the table's path; by default for the options of `add_columns`."""
    with user_errors(options or OPTION_NAMES, f"{table}: "):
        try:
            yield
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(str(error).removeprefix(f"{table}: ")) from error


def columns_as_json(args, data):
    """Return a dict, for JSON, from which `read_again` reads tables in the same way."""
    own = {name: getattr(args, name) for name in TABLE_OPTIONS}
    own |= {"kind": data.kind, "classes": list(data.class_names or ()) or data.classes, "names": data.input_names}
    own |= {"encoder": data.encoder and data.encoder.as_dict(), "digest": data.digest, "table": args.table}
    return own | {"segment": args.segment, "rate": rate_of(args.table)}


def read_again(path, own, sound=None):
    """Return Sequences of another table with the described columns, or of one or two .wav files, never cut; targets are
    None where there are none."""
    from fastrnn.data import Encoder, Sequences
    from fastrnn.data.files import open_table

    if is_sound(path):
        return read_pair_again(path, sound, own)
    check_pair(path, sound, "input.wav target.wav")
    kind = {"kind": own["kind"]} | ({"classes": own["classes"]} if own["kind"] == "classes" else {})
    with user_errors():
        if own["encoder"] is None:
            return Sequences.read(path, **kind)
        target = own["target"]
        try:
            names = open_table(os.fspath(path)).names
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if not set(target) <= {*names} and not set(target) & {*own["inputs"]}:
            target = None
        given = {name: own[name] for name in ("group", "time", "lag", "weight")} | {"allowed": own.get("allowed", ())}
        given |= kind if target is not None else {}
        return Sequences.read(path, own["inputs"], target, encoder=Encoder.from_dict(own["encoder"]), **given)
