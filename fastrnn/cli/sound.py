"""Pairs of .wav files on the command line: what goes into a device, and what comes out of it."""

import os

from fastrnn.cli.errors import UserError, user_errors

# Of the columns of a table.
COLUMN_OPTIONS = ("inputs", "target", "group", "time", "lag", "one_hot", "standardize", "weight", "allowed")


def add_pair(parser):
    """Declare the data: a table, or two .wav files."""
    parser.add_argument(
        "table", metavar="TABLE", help="a .csv, .tsv, .parquet or .npz file; or a .wav file, the input of a device"
    )
    parser.add_argument("sound", nargs="?", metavar="TARGET", help="its output, a .wav file with as many samples")


def is_sound(path):
    """Return whether a path is that of a .wav file."""
    return path.lower().endswith(".wav")


def check_no_columns(args):
    """Raise UserError where options name columns, which the file does not have."""
    for name in COLUMN_OPTIONS:
        if getattr(args, name) != args.parser.get_default(name):
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option}: is of the columns of a table, which {args.table} does not have; leave it out")


def read_pair(args):
    """Return the Sequences of two .wav files. Raises UserError where one is missing, or options are of tables."""
    from fastrnn.data import Sequences

    check_no_columns(args)
    for name in ("kind", "classes"):
        if getattr(args, name) is not None:
            raise UserError(f"--{name}: sound is real numbers; leave it out")
    check_pair(args.table, args.sound, "fastrnn fit input.wav target.wav")
    with user_errors():
        return Sequences.from_wav(args.table, args.sound, args.segment)


def check_pair(table, sound, example):
    """Raise UserError unless there are two .wav files, or one other file."""
    if is_sound(table) and sound is None:
        raise UserError(f"{table}: is the input; give the .wav file of the target, too: {example}")
    for path in () if sound is None else (table, sound):
        if not is_sound(path):
            raise UserError(f"{path}: is no .wav file; expected one table, or two .wav files: {example}")


def rate_of(path):
    """Return the samples per second of a .wav file; None for other files."""
    from fastrnn.data.wav import read_wav

    return read_wav(path)[0] if is_sound(path) else None


def read_pair_again(path, target, columns):
    """Return the Sequences of a .wav file, and of that of the targets if there is one.

    Raises UserError where a second has other samples than in the fit's files.
    """
    from fastrnn.data import Sequences
    from fastrnn.data.files import name_of
    from fastrnn.data.wav import read_wav

    with user_errors():
        rate, x = read_wav(path)
        expected = columns.get("rate")
        if expected not in (None, rate):
            raise UserError(
                f"{path}: has {rate:,} samples per second, expected {expected:,} as the network was fitted to: "
                "resample the file"
            )
        if target is None:
            return Sequences([x], name=name_of(path))
        return Sequences.from_wav(path, target)


def write_prediction(args, predicted):
    """Write predictions (S, channels) to --output, as sound at the rate of the input."""
    from fastrnn.data.wav import wav_bytes
    from fastrnn.files import write_atomically

    with user_errors({"samples": f"--output: {args.output}"}):
        write_atomically(args.output, wav_bytes(rate_of(args.table), predicted))
    print(f"saved {args.output}: {len(predicted):,} samples")


def check_written(args, kind):
    """Raise UserError unless what is predicted can be written as sound, where this is asked for."""
    if args.output is None or not is_sound(args.output):
        return
    name = os.path.basename(args.output)
    if not is_sound(args.table):
        raise UserError(f"--output: {name} is a .wav file, but {args.table} is no sound; expected a .csv file")
    if kind != "reals":
        raise UserError(f"--output: {name} is a .wav file, but the network predicts {kind}; expected a .csv file")
    if args.states:
        raise UserError(f"--states: {name} has no place for states; write a .csv file")
