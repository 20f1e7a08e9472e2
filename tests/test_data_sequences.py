"""Sequences of one's own against the same data in plain Python lists."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrnn
from fastrnn import Sequences

LENGTHS = (3, 1, 7, 4)


def ragged(seed=0, inputs=2, lengths=LENGTHS):
    """(x, y) as lists of arrays: y are class numbers of 3 classes, all of which occur."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(length, inputs)) for length in lengths]
    y = [np.arange(length) % 3 for length in lengths]
    return x, y


def padded(pieces, fill):
    steps = max(map(len, pieces))
    out = np.full((len(pieces), steps, *pieces[0].shape[1:]), fill)
    for row, piece in zip(out, pieces):
        row[: len(piece)] = piece
    return out


def same(one, other):
    for name in ("x", "y", "weight", "offsets", "ids", "pieces"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert (one.kind, one.classes, one.class_names) == (other.kind, other.classes, other.class_names)


def test_a_list_is_stored_once_one_sequence_after_the_other():
    x, y = ragged()
    data = Sequences(x, y)
    assert data.x.dtype == data.weight.dtype == np.float64 and data.y.dtype == data.offsets.dtype == np.int64
    assert data.offsets.tolist() == [0, 3, 4, 11, 15] and data.lengths.tolist() == list(LENGTHS)
    assert (len(data), data.steps, data.kind, data.classes) == (4, 15, "classes", 3)
    assert data.counted.tolist() == list(LENGTHS)
    for n, (inputs, targets, weight) in enumerate(data):
        np.testing.assert_array_equal(inputs, x[n])
        np.testing.assert_array_equal(targets, y[n])
        assert weight.tolist() == [1.0] * LENGTHS[n] and np.shares_memory(inputs, data.x)
    np.testing.assert_array_equal(data[-1][0], x[3])
    with pytest.raises(IndexError, match="got 4, expected less than 4"):
        data[4]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_every_form_of_the_same_data_gives_the_same_arrays(lengths, inputs, seed):
    x, _ = ragged(seed, inputs, lengths)
    y = [np.random.default_rng(seed).normal(size=(length, 2)) for length in lengths]
    data, mask = Sequences(x, y), np.arange(max(lengths)) < np.array(lengths)[:, None]
    wide = padded(x, np.nan), padded(y, np.nan)
    same(data, Sequences(*wide, lengths=lengths))
    same(data, Sequences(*wide, mask=mask))
    hidden = [np.ma.array(array, mask=np.broadcast_to(~mask[:, :, None], array.shape)) for array in wide]
    same(data, Sequences(*hidden))
    same(data, Sequences(np.concatenate(x), np.concatenate(y), offsets=np.cumsum([0, *lengths])))
    same(data, Sequences([each.tolist() for each in x], [each.tolist() for each in y]))


def test_steps_without_a_target_are_fed_but_do_not_count():
    x, y = [[1.0, 2.0, 3.0, 4.0]], [[1.0, 9.0, np.nan, 5.0]]
    ways = ([[1, 1, 0, 0]], None), (None, [[1, 1, 0, 0]]), ([[True, True, False, False]], [[1, 1, 2, 0]])
    for mask, weight in ways:
        data = Sequences(x, y, mask=mask, weight=weight)
        assert data.x[:, 0].tolist() == x[0] and data.y[:, 0].tolist() == [1.0, 9.0, 0.0, 0.0]
        assert data.weight.tolist() == [1.0, 1.0, 0.0, 0.0] and data.counted.tolist() == [2]
    assert "2 of 4 steps count" in repr(data)
    masked = Sequences(x, [np.ma.masked_invalid(y[0])])
    assert masked.weight.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert Sequences(x, [[1, 0, -1, 2]], kind="classes").weight.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert Sequences(x, [[0.5, 1.5, 2.5, 3.5]], weight=[[0.5, 2, 0, 1]]).weight.tolist() == [0.5, 2.0, 0.0, 1.0]


def test_a_mask_of_a_padded_array_ends_sequences_behind_the_last_step_that_counts():
    x, mask = np.arange(8.0).reshape(2, 4, 1), np.array([[0, 1, 0, 0], [1, 0, 1, 1]])
    data = Sequences(x, x[:, :, 0], mask=mask)
    assert data.lengths.tolist() == [2, 4] and data.x[:, 0].tolist() == [0, 1, 4, 5, 6, 7]
    assert data.weight.tolist() == [0, 1, 1, 0, 1, 1]
    assert Sequences(x, x[:, :, 0], mask=mask, lengths=[4, 4]).lengths.tolist() == [4, 4]


def test_one_target_for_each_sequence_counts_at_its_last_step():
    x, _ = ragged()
    for targets in (["no", "yes", "no", "maybe"], np.array(["no", "yes", "no", "maybe"])):
        data = Sequences(x, targets)
        assert data.class_names == ("maybe", "no", "yes") and data.counted.tolist() == [1] * 4
        assert np.flatnonzero(data.weight).tolist() == [2, 3, 10, 14]
        assert data.y[data.weight > 0].tolist() == [1, 2, 1, 0]
        assert (data.y[data.weight == 0] == -1).all()
    reals = Sequences(padded(x, 0.0), [0.5, 1.5, 2.5, 3.5], lengths=LENGTHS)
    assert reals.y[[2, 3, 10, 14], 0].tolist() == [0.5, 1.5, 2.5, 3.5] and reals.weight.sum() == 4


KINDS = {
    "names": ([["b", "a"], ["c"]], "classes", 3, [[1, 0], [2]]),
    "class numbers": ([[2, 0], [1]], "classes", 3, [[2, 0], [1]]),
    "class numbers of one column": ([[[2], [0]], [[1]]], "classes", 3, [[2, 0], [1]]),
    "small integers": ([np.array([2, 0], np.uint8), np.array([1], np.uint8)], "classes", 3, [[2, 0], [1]]),
    "truth": ([[True, False], [True]], "bits", None, [[[1], [0]], [[1]]]),
    "zeros and ones": ([[1, 0], [1]], "bits", None, [[[1], [0]], [[1]]]),
    "zeros and ones as floats": ([[1.0, 0.0], [1.0]], "bits", None, [[[1], [0]], [[1]]]),
    "two columns of bits": ([[[1, 0], [0, 0]], [[1, 1]]], "bits", None, [[[1, 0], [0, 0]], [[1, 1]]]),
    "constant": ([[0, 0], [0]], "bits", None, [[[0], [0]], [[0]]]),
    "constant names": ([["a", "a"], ["a"]], "classes", 1, [[0, 0], [0]]),
    "whole floats": ([[1.0, 2.0], [0.0]], "reals", None, [[[1], [2]], [[0]]]),
    "two columns of integers": ([[[1, 2], [3, 4]], [[-5, 6]]], "reals", None, [[[1, 2], [3, 4]], [[-5, 6]]]),
}


@pytest.mark.parametrize("case", KINDS)
def test_values_say_what_targets_are(case):
    y, kind, classes, stored = KINDS[case]
    data = Sequences([[0.0, 0.0], [0.0]], y)
    assert (data.kind, data.classes) == (kind, classes)
    assert [targets.tolist() for _, targets, _ in data] == stored
    assert data.y.dtype == (np.int64 if kind == "classes" else np.float64)


def test_classes_may_be_given_by_the_integers_that_stand_for_them():
    x = [np.ones((3, 1)), np.ones((1, 1))]
    for y, classes, expected in (
        ([[1, 2, 2], [1]], [1, 2], [0, 1, 1, 0]),
        ([[1, 2, -1], [1]], [2, 1], [1, 0, -1, 1]),
        ([[1, -1, -1], [1]], np.array([-1, 1]), [1, 0, 0, 1]),
        ([[30.0, 10.0, 10.0], [30.0]], (10, 20, 30), [2, 0, 0, 2]),
    ):
        data = Sequences(x, y, classes=classes)
        assert data.y.tolist() == expected and data.kind == "classes"
        assert data.class_names == tuple(map(int, classes)) and data.classes == len(classes)
        np.testing.assert_array_equal(data.counted, [(data.y[:3] >= 0).sum(), 1])
    data = Sequences(x, [[1, np.nan, 2], [2]], classes=[1, 2], mask=[[1, 0, 1], [1]])
    assert data.y.tolist() == [0, -1, 1, 1] and data.weight.tolist() == [1, 0, 1, 1]


def test_an_argument_says_what_targets_are():
    x, y = [[0.0, 0.0, 0.0]], [[1, 0, 1]]
    assert Sequences(x, y, kind="classes").classes == 2 and Sequences(x, y, classes=4).classes == 4
    assert Sequences(x, y, kind="reals").kind == "reals"
    assert Sequences(x, [[1, -1, 7]], kind="reals").y.tolist() == [[1], [-1], [7]]
    names = Sequences(x, [["right", "left", "right"]], classes=["left", "right", "none"])
    assert (names.classes, names.class_names, names.y.tolist()) == (3, ("left", "right", "none"), [1, 0, 1])
    bits = Sequences(x, [["right", "left", "right"]], kind="bits")
    assert (bits.kind, bits.class_names, bits.y.tolist()) == ("bits", ("left", "right"), [[1], [0], [1]])


def test_nothing_given_is_changed_or_kept():
    x, y, group, weight = np.ones((2, 3, 1)), np.arange(6.0).reshape(2, 3), np.array([4, 5]), np.ones((2, 3))
    flat, offsets = np.ones((6, 1)), np.array([0, 3, 6])
    copies = [array.copy() for array in (x, y, group, weight, flat, offsets)]
    named = {"groups": {"s": group}, "ids": group}
    made = [Sequences(x, y, weight=weight, **named), Sequences(list(x), list(y), **named),
            Sequences(flat, y.reshape(-1), offsets=offsets, **named)]
    for array, copy in zip((x, y, group, weight, flat, offsets), copies):
        np.testing.assert_array_equal(array, copy)
        assert array.flags.writeable
        array[...] = 77
    for data in made:
        assert (data.x == 1).all() and data.y[:, 0].tolist() == [0, 1, 2, 3, 4, 5] and (data.weight == 1).all()
        assert data.groups["s"].tolist() == data.ids.tolist() == [4, 5] and data.offsets.tolist() == [0, 3, 6]


def test_sequences_are_frozen_in_the_process_and_behind_a_pickle():
    data = Sequences(*ragged(), groups={"s": list("aabb")})
    copy = pickle.loads(pickle.dumps(data))
    same(data, copy)
    assert copy.groups["s"].tolist() == list("aabb") and copy.digest == data.digest
    for each in (data, copy, data.select([1, 2]), data.segments(2)):
        with pytest.raises(AttributeError):
            each.kind = "reals"
        for array in (each.x, each.y, each.weight, each.offsets, each.ids, each.pieces, each.groups["s"], each[0][0]):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


def test_select_takes_sequences_in_the_order_given():
    x, y = ragged()
    data = Sequences(x, y, ids=list("abcd"), groups={"day": [1, 1, 2, 3]})
    picks = ([2, 0, 2], [2, 0, 2]), ([-1], [3]), (np.array([True, False, True, False]), [0, 2]), (range(4), range(4))
    for indices, order in picks:
        part = data.select(indices)
        same(part, Sequences([x[n] for n in order], [y[n] for n in order], ids=["abcd"[n] for n in order], classes=3))
        assert part.groups["day"].tolist() == [[1, 1, 2, 3][n] for n in order]
    same(data[1:3], data.select([1, 2]))
    with pytest.raises(IndexError, match="got 0 to 4, expected less than 4"):
        data.select([0, 4])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 10))
def test_segments_are_pieces_of_each_sequence_in_order(lengths, size):
    x = [np.arange(length) + 100.0 * n for n, length in enumerate(lengths)]
    data = Sequences(x, x, kind="reals", groups={"g": range(len(x))})
    parts = data.segments(size)
    expected = [(n, first // size, row[first : first + size].tolist())
                for n, row in enumerate(x) for first in range(0, len(row), size)]
    values = [piece[:, 0].tolist() for piece, _, _ in parts]
    assert list(zip(parts.ids.tolist(), parts.pieces.tolist(), values)) == expected
    assert parts.groups["g"].tolist() == parts.ids.tolist()
    assert np.shares_memory(parts.x, data.x)
    again = parts.segments(1)
    for n in range(len(x)):
        assert (np.diff(again.pieces[again.ids == n]) > 0).all()


def test_the_digest_tells_data_apart_by_values():
    x, y = ragged()
    digests = [Sequences(x, y).digest, Sequences(x, y, classes=4).digest, Sequences(x[::-1], y[::-1]).digest,
               Sequences(x, y, weight=[np.full(len(each), 2.0) for each in y]).digest,
               Sequences([np.concatenate(x)], [np.concatenate(y)]).digest]
    assert len(set(digests)) == 5 and Sequences(x, y, ids=list("abcd")).digest == digests[0]


def test_repr_is_one_line():
    x, y = ragged()
    assert repr(Sequences(x, y, input_names=["choice", "reward"], target_names="next")) == (
        "Sequences(4 of 1 to 7 steps; inputs: choice, reward; target: next, 3 classes; 15 of 15 steps count)")
    assert repr(Sequences([[0.0] * 2])) == "Sequences(1 of 2 steps; input: input; no targets)"
    assert repr(Sequences([[0.0]] * 3)) == "Sequences(3 of 1 step; input: input; no targets)"


def test_one_sequence_of_100_000_steps_beside_1_000_of_5():
    lengths = [5] * 500 + [100_000] + [5] * 500
    data = Sequences([np.full(length, float(n)) for n, length in enumerate(lengths)], np.arange(1001) % 2)
    assert data.steps == 105_000 and data.counted.sum() == 1001 and (data[500][0] == 500).all()
    assert data.segments(1000).lengths.max() == 1000 and len(data.segments(1000)) == 1100


X = [[1.0, 2.0], [3.0]]
WRONG = {
    "no sequences": (lambda: Sequences([]), "x: got no sequence"),
    "no steps": (lambda: Sequences([[1.0], []]), "x: sequence 1 has no steps"),
    "no inputs": (lambda: Sequences(np.zeros((2, 3, 0))), "x: got steps of shape (0,), expected at least one input"),
    "one array": (lambda: Sequences(np.zeros((4, 2))),
     "x: got an array of shape (4, 2), expected (sequences, steps, inputs)"),
    "one sequence": (lambda: Sequences([1.0, 2.0]),
     "x: sequence 0 has shape (), expected (steps, inputs); one sequence is given as [x]"),
    "a number": (lambda: Sequences(3.0), "x: got float, expected a list"),
    "ragged steps": (lambda: Sequences([[[1.0, 2.0], [3.0]]]), "x: sequence 0: steps have different numbers of values"),
    "other columns": (lambda: Sequences([np.ones((2, 2)), np.ones((2, 3))]),
     "x: sequence 1 has shape (2, 3), sequence 0 (2, 2)"),
    "text": (lambda: Sequences([["2"], ["3"]]), "x: sequence 0 holds '2', expected numbers"),
    "text in one sequence": (lambda: Sequences([[1.0], ["2"]]), "x: sequence 1 holds text, sequence 0 numbers"),
    "text in an array of objects": (lambda: Sequences(np.array([["a", 1.0]], object)[:, :, None]),
     "x: sequence 0 holds 'a', expected"),
    "complex": (lambda: Sequences([[1j]]), "x: sequence 0 holds 1j, expected numbers"),
    "nan": (lambda: Sequences([[1.0], [2.0, np.nan]]), "x: got nan at sequence 1, step 1, input"),
    "infinite": (lambda: Sequences(np.full((1, 2, 2), np.inf), input_names=["a", "b"]),
     "x: got inf at sequence 0, step 0, a"),
    "None": (lambda: Sequences([[1.0, None]]), "x: got nan at sequence 0, step 1"),
    "a masked input": (lambda: Sequences(np.ma.array(np.ones((1, 3, 2)), mask=[[[0, 0], [1, 0], [0, 0]]])),
     "x: got nan at sequence 0, step 1"),
    "masked steps before others": (lambda: Sequences(np.ma.array(np.ones((1, 2, 1)), mask=[[[1], [0]]])),
     "x: got nan at sequence 0, step 0"),
    "a number as y": (lambda: Sequences(X, 3.0), "y: got 3.0, expected a list of arrays as x is"),
    "a number as mask": (lambda: Sequences(X, X, mask=True), "mask: got True, expected a list of arrays as x is"),
    "sequences of y": (lambda: Sequences(X, [[1.0, 2.0]]), "y: got 1 sequences, expected 2"),
    "steps of y": (lambda: Sequences(X, [[1.0, 2.0], [3.0, 4.0]]), "y: sequence 1 has shape (2,), expected 1 steps"),
    "targets of sequences": (lambda: Sequences(X, [1.0, 2.0, 3.0]),
     "y: got 3 targets, expected one for each of 2 sequences or 3 steps"),
    "padded y": (lambda: Sequences(np.ones((2, 3, 1)), np.ones((3, 2))),
     "y: got shape (3, 2), expected (2, 3) sequences and steps"),
    "nan in y": (lambda: Sequences(X, [[1.0, np.nan], [2.0]]),
     "y: got nan at sequence 0, step 1, expected a finite number: mask the step"),
    "nan in a column of y": (lambda: Sequences(X, [[[1.0, 2.0], [3.0, np.inf]], [[2.0, 2.0]]]),
     "y: got inf at sequence 0, step 1, column 1"),
    "nothing counts": (lambda: Sequences(X, X, mask=[[0, 0], [0]]), "y: no step counts"),
    "a class never present": (lambda: Sequences(X, [[0, 1], [3]]),
     "y: class 2 never occurs among whole numbers up to 3"),
    "classes from 1": (lambda: Sequences(X, [[1, 2], [1]], kind="classes"),
     "y: class 0 of 0 to 2 never occurs: give classes=3"),
    "-1": (lambda: Sequences(X, [[-1, 1], [0]]), "y: got -1 among whole numbers: give kind='classes' if -1 "
           "marks steps that do not count, classes=[-1, 0, 1] for the values that there are, or kind='reals'"),
    "from 1": (lambda: Sequences(X, [[1, 2], [1]]), "y: class 0 never occurs among whole numbers up to 2: number the "
               "classes from 0 on, or give classes=3, classes=[1, 2] for the values that there are, or kind='reals'"),
    "nan as padding": (lambda: Sequences(np.array([[[1.0], [np.nan]]]), [[0, 1]]), "x: got nan at sequence 0, step 1, "
                       "input, expected a finite number: the state depends on the inputs of all steps; give lengths= "
                       "or mask= if it is padding"),
    "no such class": (lambda: Sequences(X, [[1, 2], [3]], classes=[1, 2]), "y: got 3 at sequence 1, step 0, expected "
                      "one of the classes 1, 2"),
    "a half class": (lambda: Sequences(X, [[0.5, 1], [0]], kind="classes"),
     "y: got 0.5 at sequence 0, step 0, expected a class number from 0 to 1"),
    "too many classes": (lambda: Sequences(X, [[2, 1], [0]], classes=2),
     "y: got 2 at sequence 0, step 0, expected a class number from 0 to 1"),
    "all -1": (lambda: Sequences(X, [[-1, -1], [-1]], kind="classes"), "y: no step counts: all are -1"),
    "bits": (lambda: Sequences(X, [[0, 2], [1]], kind="bits"), "y: got 2 at sequence 0, step 1, expected 0 or 1"),
    "three names as bits": (lambda: Sequences(X, [["a", "b"], ["c"]], kind="bits"), "y: got 3 names, expected two"),
    "names as reals": (lambda: Sequences(X, [["a", "b"], ["c"]], kind="reals"), "y: got text (a), expected numbers"),
    "empty names": (lambda: Sequences(X, [["a", ""], ["c"]]),
     "y: got empty text at sequence 0, step 1, expected a name: mask the step, or leave its weight 0"),
    "names and numbers": (lambda: Sequences(X, [["a", 1], ["c"]]), "y: sequence 0: got numbers and text in one list"),
    "objects and names": (lambda: Sequences(X, [np.array(["a", 1.5], object), np.array(["b"], object)]),
     "y: got 1.5 at sequence 0, step 1 among names"),
    "an unknown name": (lambda: Sequences(X, [["left", "rihgt"], ["left"]], classes=["left", "right"]),
     "y: got 'rihgt' at sequence 0, step 1, which is not a class: did you mean 'right'?"),
    "dates": (lambda: Sequences(X, [np.array(["2020", "2021"], "M8[Y]"), np.array(["2020"], "M8[Y]")]),
     "y: got datetime64[Y], expected numbers or names"),
    "a kind": (lambda: Sequences(X, X, kind="floats"), "kind: got 'floats', expected one of classes, bits, reals"),
    "classes of reals": (lambda: Sequences(X, X, kind="reals", classes=2), "classes: kind='reals' has none"),
    "no classes": (lambda: Sequences(X, X, classes=0), "classes: got 0, expected at least 1"),
    "names twice": (lambda: Sequences(X, X, classes=["a", "a"]),
     "classes: got ['a', 'a'], expected a number or a list of different names"),
    "lengths of a list": (lambda: Sequences(X, X, lengths=[2, 1]), "lengths: only padded arrays need them"),
    "lengths": (lambda: Sequences(np.ones((2, 3, 1)), lengths=[3, 4]), "lengths: sequence 1 has 4, expected 1 to 3"),
    "length 0": (lambda: Sequences(np.ones((2, 3, 1)), lengths=[3, 0]), "x: sequence 1 has no steps"),
    "float lengths": (lambda: Sequences(np.ones((2, 3, 1)), lengths=[3.0, 2.0]),
     "lengths: got float64 (2,), expected an integer for each of 2"),
    "a row without mask": (lambda: Sequences(np.ones((2, 3, 1)), np.ones((2, 3)), mask=[[1, 1, 1], [0, 0, 0]]),
     "mask: sequence 1 has no steps"),
    "shape of mask": (lambda: Sequences(np.ones((2, 3, 1)), np.ones((2, 3)), mask=np.ones((3, 2))),
     "mask: got shape (3, 2), expected (2, 3)"),
    "a mask of weights": (lambda: Sequences(X, X, mask=[[0.5, 1.0], [1.0]]),
     "mask: expected true or false for each step"),
    "weight": (lambda: Sequences(X, X, weight=[[1.0, -1.0], [1.0]]),
     "weight: got -1.0, expected finite numbers of at least 0"),
    "two weights per step": (lambda: Sequences(X, X, weight=[[[1, 1], [1, 1]], [[1, 1]]]),
     "weight: got (2,) values per step, expected one"),
    "offsets": (lambda: Sequences(np.ones((3, 1)), offsets=[0, 2]), "offsets: got 0 to 2, expected 0 to 3"),
    "empty by offsets": (lambda: Sequences(np.ones((3, 1)), offsets=[0, 2, 2, 3]), "offsets: sequence 1 has no steps"),
    "falling offsets": (lambda: Sequences(np.ones((3, 1)), offsets=[0, 2, 1, 3]),
     "offsets: expected increasing numbers"),
    "flat y": (lambda: Sequences(np.ones((3, 1)), np.ones((4, 1)), offsets=[0, 2, 3]),
     "y: got shape (4, 1), expected 3 steps"),
    "groups": (lambda: Sequences(X, groups={"day": [1]}),
     "groups: day: got int64 (1,), expected a name or number for each of 2"),
    "names of inputs": (lambda: Sequences(X, input_names=["a", "b"]),
     "input_names: got a, b, expected 1 different names"),
    "length of segments": (lambda: Sequences(X).segments(0), "length: got 0, expected an integer of at least 1"),
    "kind of index": (lambda: Sequences(X)["a"], "index: got 'a', expected an integer or a slice"),
    "no indices": (lambda: Sequences(X).select([]), "indices: got float64 (0,), expected at least one integer"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_gets_one_line(case):
    wrong, message = WRONG[case]
    with pytest.raises((ValueError, TypeError)) as error:
        wrong()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_lengths_are_computed_once_and_go_with_the_offsets():
    """Loops over many sequences ask for them again and again."""
    data = Sequences(*ragged())
    for made in (data, data.select([2, 0]), data.segments(2), pickle.loads(pickle.dumps(data.segments(3)))):
        assert made.lengths is made.lengths and not made.lengths.flags.writeable
        assert made.lengths.tolist() == np.diff(made.offsets).tolist() and made.lengths.dtype == np.int64


def test_the_package_offers_sequences():
    assert fastrnn.Sequences is Sequences and fastrnn.data.Sequences is Sequences
