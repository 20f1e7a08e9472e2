"""The one exception of our own; wrong arguments raise `ValueError` or `TypeError`."""


class CheckpointError(Exception):
    """A checkpoint cannot be read or does not fit: the message names the file, the fault and a way out."""
