"""Errors of users, each reported in one line."""

import contextlib
import re

# What messages of the library say in Python, and what it is called on the command line.
SPELLED = (
    (r"one_hot=\['(.*?)'\]", r"--one-hot \1"),
    (r"give lag=\{.*?\}, or lag=1 for all inputs,", "give --lag 1"),
    (r"or cut sequences by data\.segments\(length\)",
     "or cut sequences by --segment, or name more columns of a table in --group"),
    (r"or by=None to divide sequences instead of groups", "or no --by"),
    (r"\bclasses=\[([-\d, ]+)\]", lambda found: f"--classes={found[1].replace(' ', '')}"),
    (r"(?<!-)\bclasses=(\d+)", r"--classes \1"),
    (r"or give time=", "or give --time"),
    (r"\bby group=", "by --group"),
    (r"\b(kind)='(\w+)'", r"--\1 \2"),
)

class UserError(Exception):
    """Wrong use of the command line: the message says what was given and what was expected."""


@contextlib.contextmanager
def user_errors(options=None, prefix=""):
    """Turn a ValueError or TypeError of the body into a UserError.

    Messages of the library begin with an argument's name; options {name: option} puts the option in its place. What
    they recommend to do in Python is spelled as options, too.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        name, colon, rest = str(error).partition(":")
        message = f"{(options or {}).get(name, name)}{colon}{rest}"
        for python, option in SPELLED:
            message = re.sub(python, option, message)
        raise UserError(prefix + message) from error
