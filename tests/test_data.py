"""Own sequences: what is taken, what is left out of the loss, and for the rest one line with what to write instead."""

import numpy as np
import numpy_elman as oracle
import pandas
import pytest

import fastrnn
from fastrnn import Elman, Model
from fastrnn.training.tasks.data import as_arrays, sequences

RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (20, 6, 2)).astype(float)
Y = X[:, :, :1] * X[:, :, 1:]
WEIGHTS = oracle.random_weights(RNG, 6, 2, 1)
MODEL = Model(Elman(6), WEIGHTS)


def gradients(x, y, mask=None):
    loss, found = fastrnn.loss_and_grad(MODEL, x, y, mask)
    return [loss, *(found[name] for name in sorted(found))]


def same(a, b):
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


def wanted(mask):
    loss, found = oracle.loss_and_grad(WEIGHTS, "sigmoid", "squared", X, Y, mask)
    return [loss, *(found[name] for name in sorted(found))]


def test_targets_may_lack_the_axis_of_a_single_output():
    assert same(gradients(X, Y[:, :, 0]), gradients(X, Y))
    models = sequences((np.stack([X, X]), np.stack([Y, Y])[..., 0]), models=2)
    assert [array.shape for array in models] == [(2, 20, 6, 2), (2, 20, 6, 1), (2, 20, 6)]


@pytest.mark.parametrize("spoiled", ["x", "y", "both", "mask", "list"])
def test_steps_that_are_masked_do_not_count(spoiled):
    hidden = np.zeros((20, 6), bool)
    hidden[:, 4:] = hidden[3] = True
    # Whatever lies below the mask, even of a mask.
    x = np.ma.array(np.where(hidden[..., None] & (spoiled != "y"), np.nan, X), mask=np.repeat(hidden[..., None], 2, 2))
    y = np.ma.array(np.where(hidden[..., None], 7, Y), mask=hidden[..., None])
    mask = np.ma.array(np.ones((20, 6)), mask=hidden)
    before = x.copy(), y.copy(), mask.copy()
    given = {"x": (x, Y), "y": (X, y), "both": (x, y), "mask": (X, Y, mask), "list": (X, list(y))}[spoiled]
    # The inputs of masked steps are zeros: as these come last, no step that counts is reached by them.
    for got, right in zip(gradients(*given), wanted((~hidden).astype(float)), strict=True):
        assert np.abs(got - right).max() < 1e-12
    assert all(
        np.array_equal(a.mask, b.mask) and np.array_equal(a.data, b.data, equal_nan=True)
        for a, b in zip(before, (x, y, mask))
    )


@pytest.mark.parametrize(
    "given",
    [
        (X.tolist(), Y.tolist()),
        [X, Y],
        (X, Y, None),
        (X, Y, np.ones((20, 6, 1))),
        (X.astype(bool), Y.astype(int)),
        (X, Y, np.ones((20, 6), bool)),
    ],
    ids=str,
)
def test_what_means_the_same_is_the_same(given):
    options = dict(max_samples=32, batch_size=20)
    first, second = (fastrnn.train(Elman(6), data=data, **options).model.weights for data in (given, (X, Y)))
    assert all(np.array_equal(first[name], second[name]) for name in first)


REFUSED = {
    "one array": (X, "data: got one array, of shape (20, 6, 2); expected (x, y) or (x, y, mask)"),
    "x alone": ((X,), "data: got 1 array; expected (x, y)"),
    "four": ((X, Y, Y, Y), "data: got 4 arrays; expected (x, y)"),
    "a list": ([*X], "data: got 20 arrays; expected (x, y)", "lengths are given as fastrnn.Sequences(x, y)"),
    "a frame": (pandas.DataFrame({"a": [1]}), "data: got a DataFrame; tables are given as fastrnn.Sequences.from_"),
    "a dict": (
        {"x": X, "y": Y},
        "data: got a dict; expected (x, y) or (x, y, mask), arrays of (batch, time, input), (batch, time, output) "
        "and (batch, time); as data=(data['x'], data['y'])",
    ),
    "a name": ("numbers.csv", "data: got 'numbers.csv'; expected"),
    "ragged": (([[[1, 0]], [[1, 0], [0, 1]]], Y), "x: is not an array of numbers: its parts differ in length",
               "lists of sequences of any lengths are given as fastrnn.Sequences(x, y)"),
    "ragged targets": ((X, [[1], [1, 0]]), "y: is not an array of numbers: its parts differ in length"),
    "words": ((X.astype(str), Y), "x: got dtype <U32, expected real numbers"),
    "objects": ((X.astype(object), Y), "x: is not an array of numbers"),
    "complex": ((X + 1j, Y), "x: got dtype complex128, expected real numbers"),
    "no time": ((X[:, 0], Y), "x: got shape (20, 2), expected (batch, time, input)"),
    "nothing": ((X[:0], Y[:0]), "x: got shape (0, 6, 2), expected (batch, time, input), each of at least 1"),
    "no target": ((X, Y[:, :, :0]), "y: got shape (20, 6, 0), expected (20, 6, output)"),
    "four axes": ((X[None], Y[None]), "x: got shape (1, 20, 6, 2), expected (batch, time, input)"),
    "an answer a sequence": (
        (X, Y[:, 0, 0]),
        "y: got shape (20,), expected (20, 6, output): targets for each step of x; an answer at "
        "the end of each sequence is y[:, -1], with a mask of 1 there and 0 before",
    ),
    "other times": ((X, Y[:, :5]), "y: got shape (20, 5, 1), expected (20, 6, output)"),
    "mask": ((X, Y, np.ones((20, 5))), "mask: got shape (20, 5), expected (20, 6)"),
    "words as a mask": ((X, Y, np.full((20, 6), "1")), "mask: got dtype <U1, expected real numbers"),
    "negative mask": ((X, Y, np.full((20, 6), -1)), "mask: holds values below 0"),
    "empty mask": ((X, Y, np.zeros((20, 6))), "mask: is 0 everywhere, so that nothing counts"),
    "everything masked": ((np.ma.array(X, mask=True), Y), "mask: is 0 everywhere, so that nothing counts"),
    "NaN": ((X, Y, np.full((20, 6), np.nan)), "mask: holds values that are not finite"),
    "too large": ((X * 1e300, Y), "x: holds values that are not finite in float32"),
    "classes": ((X, Y * 3), "y: holds values outside [0, 1], the range of the outputs"),
    "half a step": (
        (np.ma.array(X, mask=X == 1), Y),
        "x: is masked in a part of a step; mask whole steps, or give x.filled(0)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize(
    "call", [fastrnn.train, lambda *args, **options: fastrnn.train_many(*args, seeds=[0, 1], **options)]
)
def test_what_is_no_data_is_one_line(case, call):
    data, message, *parts = REFUSED[case]
    with pytest.raises((ValueError, TypeError)) as caught:
        call(Elman(6), data=data)
    # Two models may have data of their own.
    message = (
        message
        if "axes" not in case or call is fastrnn.train
        else "x: got a leading axis of 1, expected 2, one for each seed"
    )
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in parts)


def test_a_mask_must_leave_something_to_each_model():
    mask = np.ones((2, 20, 6))
    mask[1] = 0
    with pytest.raises(ValueError, match="mask: is 0 everywhere"):
        fastrnn.train_many(Elman(6), data=(np.stack([X, X]), np.stack([Y, Y]), mask), seeds=[0, 1])


def test_masked_values_have_no_answer():
    masked = np.ma.array(X, mask=X == 1)
    for call in (MODEL.predict, MODEL.forward, MODEL.logits):
        with pytest.raises(ValueError, match="x: is a masked array with masked values"):
            call(masked)
    assert np.array_equal(MODEL.predict(np.ma.array(X)), MODEL.predict(X))
    with pytest.raises(ValueError, match="w_hh: is a masked array"):
        fastrnn.train(Elman(6), weights={**WEIGHTS, "w_hh": np.ma.array(WEIGHTS["w_hh"], mask=True)})


def test_arrays_are_not_copied_without_need():
    x, y = np.zeros((3, 4, 2), np.float32), np.zeros((3, 4, 1), np.float32)
    arrays = as_arrays(*sequences((x, y)), dtype="float32", drawn=0)
    assert np.shares_memory(arrays.x, x) and np.shares_memory(arrays.y, y)
