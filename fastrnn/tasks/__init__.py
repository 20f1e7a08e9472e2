"""Tasks that networks learn, one file each."""

from fastrnn.tasks.addition import Addition

__all__ = ["Addition"]
