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
        super().__init__(shortened(printable(message)))


def printable(text):
    """Return the text, with escapes for characters that could control a terminal, or that no file can hold."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text):
    """Return the text, without its middle if it is long; messages put a file's name before it and advice after it."""
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]} ... {text[-half + 5 :]}"


class SettingError(Exception):
    """An environment variable has an unusable value: the message names it, its value and what to do."""
