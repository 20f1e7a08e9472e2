"""Parameters of tests of which some are left to the slow tests, since others compile and show nearly the same."""

import pytest


def quick(values, chosen):
    """The values for `parametrize`: those for which chosen(value) is not true are marked as slow.

    A tuple is the values of several parameters.
    """
    found = [(value, value if isinstance(value, tuple) else (value,)) for value in values]
    return [pytest.param(*each, marks=() if chosen(value) else pytest.mark.slow) for value, each in found]
