"""What tests of many models at once compare."""

import numpy as np


def same(a, i, b, j):
    """Whether model i of one run and model j of another are the same bytes, with their histories."""
    one, other = a.weights(i), b.weights(j)
    histories = zip(a.history(i)[:5], b.history(j)[:5], strict=True)
    return (
        all(one[name].tobytes() == other[name].tobytes() for name in one)
        and all(np.array_equal(x, y) for x, y in histories)
        and a.steps[i] == b.steps[j]
        and a.stopped[i] == b.stopped[j]
        and a.samples_to_exact[i] == b.samples_to_exact[j]
    )
