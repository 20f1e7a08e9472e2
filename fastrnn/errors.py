"""Exceptions of this package; wrong arguments raise `ValueError` or `TypeError`."""

# Characters of a message at most: what a file holds may be quoted in it.
MOST_CHARACTERS = 500


class CheckpointError(Exception):
    """A checkpoint cannot be read or does not fit.

    Parameters
    ----------
    message : str
        It names the file, the fault and a remedy, in one printable line.
    """

    def __init__(self, message):
        text, half = printable(message), MOST_CHARACTERS // 2
        # Messages put a file's name first and advice last.
        super().__init__(text if len(text) <= MOST_CHARACTERS else f"{text[:half]} ... {text[-half + 5 :]}")


def printable(text):
    """Return the text, with escapes for characters that could control a terminal, or that no file can hold."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(message):
    """Return a message, such as an exception, as text without line breaks."""
    return " ".join(str(message).split())


class SettingError(Exception):
    """An environment variable has an unusable value: the message names it, its value and what to do."""
