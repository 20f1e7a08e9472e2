"""Roles against scikit-learn's folds and the rules in plain Python."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold

from fastrnn import Sequences
from fastrnn.data import NAMES, TEST, TRAIN, UNUSED, VALIDATION, check_roles, folds, split


def sequences(count, **groups):
    return Sequences(np.zeros((count, 2, 1)), np.arange(count) % 2, groups=groups)


def nested(count, outer, inner, seed, groups=None):
    """Roles as loops over scikit-learn's folds write them."""
    def folded(places, number):
        kind = KFold if groups is None else GroupKFold
        given = None if groups is None else np.asarray(groups)[places]
        return kind(number, shuffle=True, random_state=seed).split(places, groups=given)

    rows = []
    for rest, tested in folded(np.arange(count), outer):
        for train, validation in folded(rest, inner):
            row = np.full(count, -1)
            row[tested], row[rest[train]], row[rest[validation]] = TEST, TRAIN, VALIDATION
            rows.append(row)
    return np.array(rows)


def test_codes_are_int8_in_the_order_of_their_names():
    assert [int(code) for code in (TRAIN, VALIDATION, TEST, UNUSED)] == [0, 1, 2, 3]
    assert NAMES == ("train", "validation", "test", "unused") and TRAIN.dtype == np.int8


def test_shares_within_a_group_are_those_of_each_of_its_values():
    made = split(DATA, 0.3, 0.2, seed=7, within="subject")
    for value in np.unique(DATA.groups["subject"]):
        own = DATA.groups["subject"] == value
        assert made[own].tolist() == split(DATA.select(own), 0.3, 0.2, seed=7).tolist()
    with pytest.raises(ValueError, match="^within: no group 'subjekt'.*'subject'"):
        split(DATA, within="subjekt")


UNITS = np.arange(24) // 4


@pytest.mark.parametrize("by", [UNITS, UNITS.astype(str), UNITS.tolist(), pd.Series(UNITS, index=np.arange(24) + 7)])
def test_shares_within_a_group_are_of_units_in_any_form(by):
    data = sequences(24, subject=np.arange(24) % 2, session=UNITS)
    named = split(data, 0.4, by="session", within="subject")
    assert split(data, 0.4, by=by, within="subject").tolist() == named.tolist()


@pytest.mark.parametrize("by", [[], [1, 2, 3]])
@pytest.mark.parametrize("within", [None, "subject"])
def test_units_are_named_or_one_for_each_sequence(by, within):
    with pytest.raises(ValueError, match=rf"^by: got shape \({len(by)},\), expected the name of a group or a value"):
        split(sequences(24, subject=np.arange(24) % 2), by=by, within=within)


def test_seeds_beyond_32_bits_divide_in_ways_of_their_own():
    made = [split(DATA, 0.5, seed=seed).tobytes() for seed in (1, 2**32, 2**32 + 1, 2**33 + 1, 2**63 - 1)]
    assert len(set(made)) > 1 and made == [
        split(DATA, 0.5, seed=s).tobytes() for s in (1, 2**32, 2**32 + 1, 2**33 + 1, 2**63 - 1)
    ]


@pytest.mark.parametrize("count, outer, inner, seed", [(96, 10, 9, 0), (23, 5, 3, 7), (7, 3, 2, 2**32 - 1)])
def test_folds_are_those_of_scikit_learn(count, outer, inner, seed):
    table = folds(sequences(count), outer, inner, seed=seed)
    np.testing.assert_array_equal(table, nested(count, outer, inner, seed))
    assert table.dtype == np.int8


@pytest.mark.parametrize("seed", [0, 3])
def test_folds_by_group_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    animals = np.array(["rat", "cat", "bat", "ant", "owl", "elk", "fox"])
    for subjects in (rng.integers(0, 13, 80), animals[rng.integers(0, 7, 80)]):
        data = sequences(80, subject=subjects)
        expected = nested(80, 4, 3, seed, subjects)
        np.testing.assert_array_equal(folds(data, 4, 3, by="subject", seed=seed), expected)
        np.testing.assert_array_equal(folds(data, 4, 3, by=subjects, seed=seed), expected)
        for row in expected:
            assert all(len(set(row[subjects == subject])) == 1 for subject in subjects)


def test_folds_without_inner_ones_only_test():
    table = folds(sequences(20), outer=4, inner=None)
    assert table.shape == (4, 20) and ((table == TEST).sum(0) == 1).all() and set(table.flat) == {TRAIN, TEST}


def test_groups_may_be_several_names_or_ids():
    data = sequences(12, subject=[0] * 6 + [1] * 6, day=[0, 0, 1, 1, 2, 2] * 2)
    joint = 10 * data.groups["subject"] + data.groups["day"]
    np.testing.assert_array_equal(folds(data, 3, 2, by=["subject", "day"]), folds(data, 3, 2, by=joint))
    np.testing.assert_array_equal(folds(data.segments(1), 3, 2, by="id"), np.repeat(folds(data, 3, 2, by="id"), 2, 1))


def test_a_split_has_the_shares_asked_for():
    data = sequences(50)
    roles = split(data, validation=0.2, test=0.1, seed=4)
    assert roles.dtype == np.int8 and np.bincount(roles).tolist() == [35, 10, 5]
    np.testing.assert_array_equal(roles, split(data, validation=0.2, test=0.1, seed=4))
    assert (roles != split(data, validation=0.2, test=0.1, seed=5)).any()
    assert np.bincount(split(sequences(3), validation=0.01)).tolist() == [2, 1]
    assert (split(data, validation=0) == TRAIN).all()
    subjects = np.arange(50) % 5
    by = split(sequences(50, subject=subjects), 0.2, 0.2, by="subject")
    assert np.bincount(by).tolist() == [30, 10, 10]
    assert all(len(set(by[subjects == subject])) == 1 for subject in range(5))


def test_every_sequence_is_drawn_as_often_as_others():
    drawn = sum(split(sequences(10), validation=0.3, seed=seed) == VALIDATION for seed in range(2000))
    # Standard deviation 20.5 around 600 for each.
    assert drawn.sum() == 6000 and abs(drawn - 600).max() < 100


def test_roles_given_as_names_or_codes():
    assert check_roles(["train", "test", "unused", "validation"], 4).tolist() == [0, 2, 3, 1]
    given = np.array([[0, 1, 2], [0, 0, 3]])
    table = check_roles(given, 3)
    assert table.dtype == np.int8 and table.tolist() == given.tolist() and not np.shares_memory(table, given)


DATA = sequences(6, subject=["a"] * 6, day=[0, 0, 1, 1, 2, 2])
WRONG = {
    "one subject": (lambda: folds(DATA, 10, 9, by="subject"),
                    "outer: got 10 folds, but there is 1 subject: give fewer folds, or by=None to divide sequences"),
    "few sequences": (lambda: folds(DATA, 10, 9), "outer: got 10 folds, but there are 6 sequences: give fewer folds"),
    "few left": (lambda: folds(DATA, 3, 3, by="day"), "inner: got 3 folds, but there are 2 different days left"),
    "one fold": (lambda: folds(DATA, 1, 2), "outer: got 1, expected an integer of at least 2"),
    "half folds": (lambda: folds(DATA, 2.5, 2), "outer: got 2.5, expected an integer"),
    "unknown group": (lambda: split(DATA, by="subjct"), "by: no group 'subjct': did you mean 'subject'?"),
    "no groups": (lambda: split(sequences(3), by="subject"), "by: no group 'subject': known: id"),
    "values": (lambda: split(DATA, by=np.arange(5)), "by: got shape (5,), expected the name of a group or a value for"),
    "seed": (lambda: split(DATA, seed=-1), "seed: got -1, expected an integer of at least 0"),
    "share": (lambda: split(DATA, validation=1.0), "validation: got 1.0, expected a share of at least 0 and below 1"),
    "share as text": (lambda: split(DATA, test="0.2"), "test: got '0.2', expected a share"),
    "one sequence": (lambda: split(sequences(1)), "got 0.2 and 0 of 1 sequence, which leaves none to train on"),
    "one group": (lambda: split(DATA, by="subject"), "got 0.2 and 0 of 1 subject, which leaves none"),
    "shape": (lambda: check_roles([0, 1], 3), "roles: got shape (2,), expected (3,) or (models, 3)"),
    "name": (lambda: check_roles(["train", "tset"], 2), "roles: got 'tset': did you mean 'test'?"),
    "code": (lambda: check_roles([0, 4], 2), "roles: got 0 to 4, expected codes from 0 to 3"),
    "floats": (lambda: check_roles([0.0, 1.0], 2), "roles: got float64, expected codes from 0 to 3 or names"),
    "no training": (lambda: check_roles([[0, 1], [1, 2]], 2), "roles: model 1 has no sequence to train on"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_gets_one_line(case):
    wrong, message = WRONG[case]
    with pytest.raises((ValueError, TypeError)) as error:
        wrong()
    assert message in str(error.value) and "\n" not in str(error.value)
