"""Tasks that networks learn: the class of every file here, Addition and the others, by its name."""

from fastrnn.tasks.base import tasks

_CLASSES = {made_of.__name__: made_of for made_of in tasks().values()}
globals().update(_CLASSES)
__all__ = sorted(_CLASSES)
