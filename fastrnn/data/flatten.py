"""Turns lists of arrays, padded arrays, or flat arrays with offsets into steps one after the other."""

from typing import NamedTuple

import numpy as np


class Flat(NamedTuple):
    """The steps of all sequences one after the other; y, weight and allowed are None where none were given.

    x: (S, I) float64. y: (S,) or (S, O), as it came. counts: (S,) bool, whether the step's target counts. weight: (S,)
    float64. offsets: (N + 1,) int64.
    """

    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    allowed: np.ndarray | None = None

    def place(self, step):
        """Return the place of a step, in words."""
        sequence = int(np.searchsorted(self.offsets, step, "right")) - 1
        return f"sequence {sequence}, step {step - self.offsets[sequence]}"


def flatten(x, y=None, mask=None, lengths=None, offsets=None, weight=None, allowed=None):
    """Return the Flat of the arguments of Sequences, in new arrays.

    Raises ValueError or TypeError, naming argument and sequence, where shapes do not fit or inputs are not finite.
    """
    if offsets is not None:
        if lengths is not None:
            raise ValueError("lengths: offsets already say where sequences end; give one of the two")
        form = _Steps(x, offsets)
    elif _is_padded(x):
        form = _Padded(x, lengths, mask)
    elif lengths is not None:
        raise ValueError("lengths: only padded arrays need them, and x is a list of sequences")
    else:
        form = _Ragged(x)
    given = form.per_step("x", x)
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"x: got steps of shape {given.shape[1:]}, expected at least one input per step")
    x = as_numbers("x", np.ma.getdata(given), form.offsets)
    if np.ma.is_masked(given):
        x[np.ma.getmask(given)] = np.nan
    counts = np.ones(len(x), bool)
    if y is not None:
        y = form.targets(y)
        if np.ma.is_masked(y):
            counts = ~np.ma.getmaskarray(y).reshape(len(y), -1).any(1)
        y = np.ma.getdata(y)
    if mask is not None:
        mask = form.numbers("mask", mask)
        if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
            raise TypeError("mask: expected true or false for each step; other numbers are given as weight=")
        counts &= mask.astype(bool)
    if weight is not None:
        weight = as_numbers("weight", form.numbers("weight", weight), form.offsets)
        if not (right := np.isfinite(weight) & (weight >= 0)).all():
            raise ValueError(f"weight: got {weight[~right][0]}, expected finite numbers of at least 0")
    allowed = None if allowed is None else form.plain("allowed", allowed)
    return Flat(x, y, counts, weight, form.offsets, allowed)


def as_numbers(name, values, offsets):
    """Return the steps in float64; text and objects are refused, naming the sequence they are in. None becomes nan."""
    if values.dtype.kind in "biuf" or values.dtype.kind == "O" and all(map(_is_number, values.flat)):
        return values.astype(np.float64, copy=False)
    for sequence, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:])):
        for value in values[start:stop].flat:
            if not _is_number(value):
                value = value.item() if isinstance(value, np.generic) else value
                raise TypeError(f"{name}: sequence {sequence} holds {value!r}, expected numbers")
    raise TypeError(f"{name}: got {values.dtype}, expected numbers")


def _is_number(value):
    return value is None or isinstance(value, (bool, int, float, np.integer, np.floating, np.bool))


def _is_padded(x):
    if isinstance(x, (list, tuple)):
        return False
    shape = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(f"x: got {type(x).__name__}, expected a list of arrays or an array (sequences, steps, inputs)")
    if len(shape) == 1 and getattr(x, "dtype", None) == object:
        return False
    if hasattr(x, "columns"):
        raise TypeError(f"x: got a table, {type(x).__name__}: give Sequences.from_table(table, inputs=..., target=...)")
    if len(shape) != 3:
        raise ValueError(f"x: got an array of shape {tuple(shape)}, expected (sequences, steps, inputs) or a list of "
                         "sequences; one sequence is given as [x], a single input as x[:, :, None]")
    return True


def _offsets_of(lengths, name="x"):
    lengths = np.asarray(lengths, np.int64)
    if not len(lengths):
        raise ValueError(f"{name}: got no sequence, expected at least one")
    if not lengths.all():
        raise ValueError(f"{name}: sequence {int(np.argmin(lengths))} has no steps, expected at least one: leave it "
                         f"out")
    return np.concatenate(([0], np.cumsum(lengths)))


class _Form:
    """The form in which sequences were given; knows their offsets, and `per_step` turns arrays of the same form into
    new ones of steps, masked where those are."""

    offsets: np.ndarray

    def plain(self, name, values):
        """Return the steps of an array without masked values."""
        values = self.per_step(name, values)
        if np.ma.is_masked(values):
            raise ValueError(f"{name}: got masked values, expected a plain array")
        return np.ma.getdata(values)

    def numbers(self, name, values):
        """Return (S,): one value for each step."""
        values = self.plain(name, values)
        if values.ndim != 1:
            raise ValueError(f"{name}: got {values.shape[1:]} values per step, expected one")
        return values

    def targets(self, y):
        """Return the steps of y; the target of a sequence is put at its last step, and the others are masked."""
        if not _is_row(y):
            return self.per_step("y", y)
        values, sequences, steps = np.asanyarray(y), len(self.offsets) - 1, self.offsets[-1]
        if isinstance(self, _Steps) and len(values) == steps:
            return self.per_step("y", values)
        if len(values) != sequences:
            raise ValueError(f"y: got {len(values)} targets, expected one for each of {sequences} sequences or "
                             f"{steps} steps")
        spread = np.ma.array(np.zeros(steps, values.dtype), mask=True)
        spread[self.offsets[1:] - 1] = values
        return spread


def _is_row(values):
    """Return whether these are numbers or names, one after the other, rather than sequences of them."""
    if not isinstance(values, (list, tuple)):
        values = np.asanyarray(values)
        if values.ndim != 1 or values.dtype != object:
            return values.ndim == 1
    return len(values) > 0 and np.ndim(values[0]) == 0


class _Steps(_Form):
    """Flat arrays with offsets."""

    def __init__(self, x, offsets):
        offsets = np.array(offsets)
        if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
            raise ValueError("offsets: expected (sequences + 1,) integers: where each sequence starts, and the end")
        if offsets[0] != 0 or offsets[-1] != len(x):
            raise ValueError(f"offsets: got {offsets[0]} to {offsets[-1]}, expected 0 to {len(x)}, the steps of x")
        if (offsets[1:] < offsets[:-1]).any():
            raise ValueError("offsets: expected increasing numbers")
        self.offsets = _offsets_of(np.diff(offsets.astype(np.int64)), "offsets")

    def per_step(self, name, values):
        values = np.asanyarray(values)
        if values.ndim == 0 or len(values) != self.offsets[-1]:
            raise ValueError(f"{name}: got shape {values.shape}, expected {self.offsets[-1]} steps, where offsets end")
        return values.copy()


class _Padded(_Form):
    """Arrays (sequences, steps, ...); the steps after the end of each sequence are cut off."""

    def __init__(self, x, lengths, mask):
        x = np.asanyarray(x)
        self.shape = x.shape[:2]
        if lengths is None:
            lengths = self._lengths_of(x, mask)
        lengths = np.asarray(lengths)
        if lengths.shape != self.shape[:1] or lengths.dtype.kind not in "iu":
            raise ValueError(f"lengths: got {lengths.dtype} {lengths.shape}, expected an integer for each of "
                             f"{self.shape[0]} sequences")
        if lengths.size and not 0 <= lengths.min() <= lengths.max() <= self.shape[1]:
            wrong = int(np.argmax((lengths < 0) | (lengths > self.shape[1])))
            raise ValueError(f"lengths: sequence {wrong} has {lengths[wrong]}, expected 1 to {self.shape[1]}, the "
                             f"steps of x")
        self.offsets = _offsets_of(lengths, "x" if mask is None else "mask")
        self.kept = np.arange(self.shape[1]) < lengths[:, None]

    def _lengths_of(self, x, mask):
        sequences, steps = self.shape
        if np.ma.getmask(x) is not np.ma.nomask:
            there = ~np.ma.getmaskarray(x).all(2)
        elif mask is not None and np.shape(mask) == self.shape:
            # No step that counts depends on later ones.
            there = np.asarray(mask) != 0
        else:
            return np.full(sequences, steps)
        return np.where(there.any(1), steps - np.argmax(there[:, ::-1], 1), 0)

    def per_step(self, name, values):
        if isinstance(values, (list, tuple)):
            values = _converted(name, values)
        values = np.asanyarray(values)
        if values.shape[:2] != self.shape:
            raise ValueError(f"{name}: got shape {values.shape}, expected {self.shape} sequences and steps as x has")
        return values[self.kept]


class _Ragged(_Form):
    """A list of arrays, one for each sequence."""

    def __init__(self, x):
        pieces = [_converted("x", value, n) for n, value in enumerate(x)]
        for n, piece in enumerate(pieces):
            if piece.ndim not in (1, 2):
                raise ValueError(f"x: sequence {n} has shape {piece.shape}, expected (steps, inputs); one sequence is "
                                 f"given as [x]")
        self.offsets = _offsets_of([len(piece) for piece in pieces])

    def per_step(self, name, values):
        if not isinstance(values, (list, tuple)) and np.ndim(values) == 0:
            raise TypeError(f"{name}: got {values!r}, expected a list of arrays as x is")
        pieces = [_converted(name, value, n) for n, value in enumerate(values)]
        lengths = np.diff(self.offsets)
        if len(pieces) != len(lengths):
            raise ValueError(f"{name}: got {len(pieces)} sequences, expected {len(lengths)} as x has")
        columns = pieces[0].shape[1:]
        for n, (piece, length) in enumerate(zip(pieces, lengths)):
            if piece.ndim == 0 or len(piece) != length:
                raise ValueError(f"{name}: sequence {n} has shape {piece.shape}, expected {length} steps as x has")
            if piece.shape[1:] != columns:
                raise ValueError(f"{name}: sequence {n} has shape {piece.shape}, sequence 0 {pieces[0].shape}: the "
                                 f"columns differ")
        texts = [piece.dtype.kind in "UST" for piece in pieces]
        if any(texts) and not all(texts):  # NumPy would write the numbers as text
            raise TypeError(f"{name}: sequence {texts.index(True)} holds text, sequence {texts.index(False)} numbers")
        masked = any(isinstance(piece, np.ma.MaskedArray) for piece in pieces)
        return (np.ma if masked else np).concatenate(pieces)


def _converted(name, value, sequence=None):
    where = name if sequence is None else f"{name}: sequence {sequence}"
    try:
        array = np.asanyarray(value)
    except ValueError:
        raise ValueError(f"{where}: steps have different numbers of values, expected the same for all") from None
    # NumPy would write numbers among names as text.
    row = value if array.dtype.kind == "U" and isinstance(value, (list, tuple)) else ()
    if not all(isinstance(each, (str, list, tuple)) for each in row):
        raise TypeError(f"{where}: got numbers and text in one list, expected one of the two")
    return array
