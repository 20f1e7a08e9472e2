"""Makes options from the fields of a dataclass, and collects the values that were given."""

import argparse
import csv
from dataclasses import MISSING, fields
from types import UnionType
from typing import get_args, get_type_hints

from fastrnn.cli.errors import user_errors

# Where the field's own name would be longer than anyone wants to type.
SHORT = {"hidden_size": "--hidden"}

# For fields that bring no metadata["help"] of their own.
HELP = {
    "hidden_size": "hidden units",
    "activation": "activation of the hidden units: sigmoid, tanh or relu",
    "bias": "train without biases",
    "bits": "bits of the result; each is one step",
    "operands": "number of operands",
    "reset": "where the reset gate acts: after or before the recurrent product",
    "beta": "what is subtracted from the gate that takes in new values",
    "alpha": "share of the way that h moves in a step, above 0 and at most 1, or none: each unit learns its own",
}


def flag(field):
    """Return the option of a field: --batch-size for batch_size, --no-bias for a bias that is on by default."""
    spelled = field.name.replace("_", "-")
    return f"--no-{spelled}" if field.default is True else SHORT.get(field.name, f"--{spelled}")


def flags(made_of):
    """Return {field name: option} of a dataclass."""
    return {field.name: flag(field) for field in fields(made_of)}


def add_options(parser, title, made_of, defaults=None, without=()):
    """Declare an option for each field of the dataclass `made_of`, and return their group; options that are not given
    stay out of the namespace.

    defaults: {field: what --help says of its default, where this is not the dataclass's own}; without: fields that
    get no option.
    """
    group, hints, defaults = parser.add_argument_group(title), get_type_hints(made_of), defaults or {}
    for field in fields(made_of):
        if field.name in without:
            continue
        choices = field.metadata.get("choices")
        text = field.metadata.get("help") or HELP.get(field.name, field.name.replace("_", " "))
        text += f": {', '.join(choices())}" if choices and ":" not in text else ""
        kind = _kind(hints[field.name])
        common = {"dest": field.name, "default": argparse.SUPPRESS}
        if kind is bool:
            group.add_argument(flag(field), action="store_const", const=not field.default, help=text, **common)
        elif kind is tuple:
            group.add_argument(flag(field), nargs="+", type=_pair, metavar="NAME=VALUE", help=text, **common)
        elif hasattr(kind, "parse"):
            group.add_argument(flag(field), nargs="?", const=field.default, type=_parsed(kind), metavar="X",
                               help=f"{text} (default: {defaults.get(field.name, field.default)})", **common)
        else:
            default = defaults.get(field.name, field.default)
            if field.name in defaults:
                text = text.partition(" (default:")[0]
            if default not in (None, MISSING):
                text += f" (default: {default})"
            # None can be given where it is not what a field is anyway.
            optional = kind is not hints[field.name] and field.default is not None
            parse = _optional(PARSERS[kind]) if optional else PARSERS[kind]
            group.add_argument(
                flag(field), type=parse, metavar=METAVARS[kind], help=text.replace("%", "%%"), **common
            )
    return group


def given(args, made_of):
    """Return {field: value} of the fields that were given on the command line."""
    return {field.name: getattr(args, field.name) for field in fields(made_of) if hasattr(args, field.name)}


def integer(text):
    """Parse an int; for argparse."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer") from None


def decimal(text):
    """Return the number that decimal digits spell, or None for any other text, or more digits than Python reads."""
    try:
        return int(text) if text.isascii() and text.isdigit() else None
    except ValueError:
        return None


def positive(text):
    """Parse an int of at least 1; for argparse."""
    if integer(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected an integer of at least 1")
    return int(text)


def seed(text):
    """Parse an int from 0 to 2**63 - 1; for argparse."""
    if not 0 <= integer(text) < 2**63:
        raise argparse.ArgumentTypeError(f"got {text}, expected an integer from 0 to 2**63 - 1")
    return int(text)


def real_number(text):
    """Parse a float; for argparse."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number") from None


def list_of(kind):
    """Return a parser of values separated by commas, each parsed by `kind`, into a tuple; for argparse. A value with a
    comma is in double quotes, as in a CSV file."""
    def parse(text):
        # csv refuses ends of lines within a line, and very long values.
        try:
            found = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
        except csv.Error:
            found = []
        values = [value.strip() for value in found]
        if not values or not all(values):
            raise argparse.ArgumentTypeError(f"got {text!r:.80}, expected values separated by commas, for example "
                                             "2,3,4; a space ends the list")
        return tuple(kind(value) for value in values)

    return parse


def class_named(option, text, known):
    """Return the class in {name: class} that a text names, in upper or lower case. Raises UserError for other texts."""
    from fastrnn.arguments import as_choice

    with user_errors({"name": option}):
        return known[as_choice("name", text, known)]


def class_in(argv, option, default, known):
    """Return the class in {name: class} that an option names in argv, the default one without it.

    Raises UserError for other names.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument(option, dest="name", nargs="?", default=default)
    # The command's own parser says what is wrong with an option without a value.
    return class_named(option, first.parse_known_args(argv)[0].name or default, known)


PARSERS = {int: integer, float: real_number, str: str}
METAVARS = {int: "N", float: "X", str: "NAME"}


def _pair(text):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=VALUE, for example beta2=0.99")
    return name, real_number(value)


def _parsed(kind):
    """Apply kind.parse with errors for argparse, which puts the option's name before them."""

    def parse(text):
        try:
            return kind.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None

    return parse


def _optional(parse):
    """Return a parser that also accepts "none" for None."""
    return lambda text: None if text == "none" else parse(text)


def _kind(hint):
    """Return the type inside an optional one."""
    if isinstance(hint, UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint
