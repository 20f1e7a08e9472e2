"""What fits are given wrong is said in one line, and nothing is computed from it."""

import numpy as np
import pytest
from tests.test_fit import DATA, QUICK, ROLES

from fastrnn import GRU, Sequences, fit_many


@pytest.fixture(scope="module")
def fits():
    return fit_many(GRU(2), DATA, seeds=range(3), roles=ROLES, **QUICK)


@pytest.mark.parametrize("use", ["predict", "states", "outputs", "losses", "log_likelihood"])
@pytest.mark.parametrize("inputs", [1, 3])
def test_data_with_other_inputs_are_refused(fits, use, inputs):
    data = Sequences([np.ones((4, inputs))], [[0, 1, 0, 1]], kind="classes", classes=2)
    with pytest.raises(ValueError, match=f"^data: got {inputs} inputs a step, expected 2, as the models were fitted to$"):
        getattr(fits, use)(data)


@pytest.mark.parametrize("use", ["losses", "log_likelihood"])
@pytest.mark.parametrize(
    "y, options, message",
    [
        (None, {}, "data: has no targets; give y"),
        ([0.5, 1, 0, 1], {}, "head: softmax takes classes, but the targets are reals"),
        ([0, 1, 0, 1], {}, "head: softmax takes classes, but the targets are bits"),
        ([0, 1, 2, 1], {"kind": "classes"}, "data: has targets for 3 outputs, expected 2"),
    ],
)
def test_targets_that_the_head_does_not_take_are_refused(fits, use, y, options, message):
    data = Sequences([np.ones((4, 2))], None if y is None else [y], **options)
    with pytest.raises(ValueError) as error:
        getattr(fits, use)(data)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_class_need_not_occur(fits):
    data = Sequences([np.ones((4, 2))], [[0, 0, 0, 0]], kind="classes", classes=1)
    assert np.isfinite(fits.losses(data)).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": [np.ones((4, 2))]}, "data: got list, expected fastrnn.Sequences"),
        ({"data": Sequences([np.ones((4, 2))])}, "data: has no targets; give y"),
        ({"head": 3}, "head: got 3, expected the name of a head or a Head"),
    ],
)
def test_wrong_kinds_of_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        fit_many(GRU(2), **{"data": DATA, "roles": ROLES, **arguments})
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
