"""`cached_property` without a lock: before Python 3.12 functools' has one, which a forked child may wait for forever.

Two threads that ask at once may both compute a value, which is the same.
"""

import typing

if typing.TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property:
        """A property that is computed when it is first asked for, and kept."""

        def __init__(self, compute):
            self.compute, self.__doc__ = compute, compute.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.compute(instance)
            return value
