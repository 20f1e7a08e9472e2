"""Parameters of tests of which some are left to the slow tests, since others compile and show nearly the same."""

import pytest


def quick(values, chosen):
    """The values for `parametrize`: those for which chosen(value) is not true are marked as slow."""
    return [value if chosen(value) else pytest.param(value, marks=pytest.mark.slow) for value in values]
