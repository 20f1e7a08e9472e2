"""What a user did wrong, told in one line."""

import contextlib


class UserError(Exception):
    """Wrong use of the command line: the message says what came and what was expected."""


@contextlib.contextmanager
def user_errors(options=None, prefix=""):
    """Turn ValueError and TypeError of the body into UserError.

    Messages of the library begin with an argument's name; options {name: option} puts the option in its place.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        name, colon, rest = str(error).partition(":")
        message = f"{(options or {}).get(name, name)}{colon}{rest}"
        raise UserError(prefix + message) from error


def one_line(message):
    """The message without line breaks."""
    return " ".join(str(message).split())
