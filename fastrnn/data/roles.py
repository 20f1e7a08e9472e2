"""The roles of sequences: training, validation (which decides when to stop), and test."""

import numpy as np

from fastrnn.arguments import as_integer, is_number
from fastrnn.data.targets import nearest

TRAIN, VALIDATION, TEST, UNUSED = np.arange(4, dtype=np.int8)
NAMES = ("train", "validation", "test", "unused")


def split(data, validation=0.2, test=0.0, by=None, seed=0, within=None):
    """Draw a role for each sequence at random.

    Parameters
    ----------
    data : Sequences
        The sequences.
    validation, test : float
        Shares of the sequences, or of the groups with `by`, at least 0 and below 1; rounded, but at least one unless 0.
    by : str, sequence of str, array (N,) or None
        The name of a group, several names, "id", or a value for each sequence; sequences with equal values have the
        same role.
    seed : int
        At least 0 and below 2**63; equal seeds draw equal roles.
    within : str or None
        The name of a group, for example "subject": the shares are drawn separately from the sequences of each of its
        values.

    Returns
    -------
    int8 array (N,)
        0 train, 1 validation, 2 test.

    Raises
    ------
    ValueError, TypeError
        If no sequence is left to train on, for an unknown group, or for shares out of range.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not is_number(share):
            raise TypeError(f"{name}: got {share!r}, expected a share of at least 0 and below 1")
        if not 0 <= share < 1:
            raise ValueError(f"{name}: got {share}, expected a share of at least 0 and below 1")
    units = _units(data, by)[1]

    def drawn(own, where=""):
        """Return the roles of these sequences; where: which they are, for messages."""
        distinct, which = np.unique(units[own], return_inverse=True)
        count = len(distinct)
        tested, validating = (max(1, round(share * count)) if share else 0 for share in (test, validation))
        if tested + validating >= count:
            raise ValueError(f"validation, test: {where}got {validation:g} and {test:g} of {_called(by, count)}, which "
                             "leaves none to train on: give smaller shares, or cut sequences by data.segments(length)")
        order, roles = _shuffled(count, seed), np.full(count, TRAIN)
        roles[order[:tested]] = TEST
        roles[order[tested : tested + validating]] = VALIDATION
        return roles[which]

    if within is None:
        return drawn(slice(None))
    if not isinstance(within, str) or within not in data.groups:
        raise ValueError(f"within: no group {within!r}: {nearest(within, data.groups)}")
    roles, values = np.empty(len(data), np.int8), data.groups[within]
    for own in members_of(values):
        roles[own] = drawn(own, f"{within} {values[own[0]]!s}: ")
    return roles


def folds(data, outer=10, inner=9, by=None, seed=0):
    """Return the roles of nested cross-validation.

    Each outer fold is the test set once; the other sequences are divided again, and each inner fold of them validates
    once. The folds are those of scikit-learn: KFold(outer, shuffle=True, random_state=seed), or GroupKFold with the
    same arguments for `by`; inside, the same with `inner` on the sequences that are left.

    Parameters
    ----------
    data : Sequences
        The sequences.
    outer : int
        The number of outer folds.
    inner : int or None
        The number of inner folds; None: no validation.
    by : str, sequence of str, array (N,) or None
        Groups that stay together, as in `split`.
    seed : int
        At least 0 and below 2**63.

    Returns
    -------
    int8 array (outer * inner, N) or (outer, N)
        Roles of each sequence in each fit; row k * inner + j for the folds k and j.

    Raises
    ------
    ValueError
        For more folds than sequences or groups, or an unknown group.
    """
    units, which = _units(data, by)
    _check_folds("outer", outer, units, by)
    if inner is not None:
        _check_folds("inner", inner, units - -(-units // outer), by)
    rows = []
    for tested in np.array_split(_shuffled(units, seed), outer):
        roles = np.full(units, TRAIN)
        roles[tested] = TEST
        left = np.flatnonzero(roles == TRAIN)
        for validating in np.array_split(left[_shuffled(len(left), seed)], inner) if inner else ():
            rows.append(roles.copy())
            rows[-1][validating] = VALIDATION
        if not inner:
            rows.append(roles)
    return np.array(rows)[:, which]


def check_roles(roles, sequences):
    """Check roles, and return them as codes.

    Parameters
    ----------
    roles : array (N,) or (models, N)
        Codes (0 train, 1 validation, 2 test, 3 unused) or their names.
    sequences : int
        N.

    Returns
    -------
    int8 array, a copy

    Raises
    ------
    ValueError, TypeError
        For other shapes and values, or if a model has no sequence to train on.
    """
    roles = np.array(roles)
    if roles.ndim not in (1, 2) or roles.shape[-1] != sequences or not roles.size:
        raise ValueError(f"roles: got shape {roles.shape}, expected ({sequences},) or (models, {sequences})")
    if roles.dtype.kind == "U":
        unknown = set(roles.flat) - set(NAMES)
        if unknown:
            wrong = min(unknown)
            raise ValueError(f"roles: got {str(wrong)!r}: {nearest(wrong, NAMES)}")
        roles = sum((roles == name) * code for code, name in enumerate(NAMES))
    if roles.dtype.kind not in "iu":
        raise TypeError(f"roles: got {roles.dtype}, expected codes from 0 to {UNUSED} or names, {', '.join(NAMES)}")
    if not 0 <= roles.min() <= roles.max() <= UNUSED:
        raise ValueError(f"roles: got {roles.min()} to {roles.max()}, expected codes from 0 to {UNUSED}: "
                         f"{', '.join(NAMES)}")
    idle = ~(np.atleast_2d(roles) == TRAIN).any(1)
    if idle.any():
        raise ValueError(f"roles: model {int(np.argmax(idle))} has no sequence to train on, expected at least one")
    return roles.astype(np.int8)


def members_of(values):
    """Return [the places of each different value], in the order of the values."""
    which = np.unique(values, return_inverse=True)[1]
    order = np.argsort(which, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which[order])) + 1)


def _units(data, by):
    """Return the number of sequences or groups, and (N,) the unit of each sequence."""
    if by is None:
        return len(data), np.arange(len(data))
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, (list, tuple)) else []
    # Otherwise a value for each sequence.
    names = names if all(isinstance(name, str) for name in names) else []
    for name in names:
        if name != "id" and name not in data.groups:
            raise ValueError(f"by: no group {name!r}: {nearest(name, [*data.groups, 'id'])}")
    columns = [data.groups.get(name, data.ids) for name in names] or [np.asarray(by)]
    if columns[0].shape != (len(data),):
        raise ValueError(f"by: got shape {columns[0].shape}, expected the name of a group or a value for each of "
                         f"{len(data)} sequences")
    codes = np.stack([np.unique(column, return_inverse=True)[1] for column in columns], 1)
    groups, which = np.unique(codes, axis=0, return_inverse=True)
    return len(groups), which.reshape(-1)


def _shuffled(count, seed):
    """Return the numbers below `count` in random order."""
    seed = as_integer("seed", seed, 0)
    # scikit-learn's generator, whose stream NumPy has promised to keep; it takes longer seeds as words of 32 bits.
    words = seed if seed < 2**32 else [seed % 2**32, seed // 2**32]
    return np.random.RandomState(words).permutation(count)


def _check_folds(name, count, units, by):
    as_integer(name, count, 2)
    if count > units:
        left = " left for them" if name == "inner" else ""
        hint = "" if by is None else ", or by=None to divide sequences instead of groups"
        there = f"there {'is' if units == 1 else 'are'} {_called(by, units)}{left}"
        raise ValueError(f"{name}: got {count} folds, but {there}: give fewer folds{hint}")


def _called(by, units):
    if by is None:
        return f"{units} sequence{'s' if units != 1 else ''}"
    by = by[0] if isinstance(by, (list, tuple)) and len(by) == 1 else by
    name = by if isinstance(by, str) else "group"
    return f"{units} {'different ' if units != 1 else ''}{name}{'s' if units != 1 else ''}"
