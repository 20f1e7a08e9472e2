"""Exceptions of our own; wrong arguments raise `ValueError` or `TypeError`."""

# Characters of a message at most: what a file holds may be quoted in it.
LONGEST = 500


class CheckpointError(Exception):
    """A checkpoint cannot be read or does not fit.

    Parameters
    ----------
    message : str
        It names the file, the fault and a remedy, in one printable line.
    """

    def __init__(self, message):
        super().__init__(shortened("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)))


def shortened(text):
    """The text, without its middle if it is long: the file's name stands before it, the way out after it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 + 5 :]}"


class SettingError(Exception):
    """An environment variable holds what nothing can be done with: the message names it, its value and what to do."""
