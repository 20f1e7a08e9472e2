"""Sequences of one's own, stored once, whatever their lengths."""

import hashlib
from dataclasses import dataclass

import numpy as np

from fastrnn.data.flatten import flatten
from fastrnn.data.targets import code_targets

_SHARED = ("x", "y", "weight")


@dataclass(init=False, repr=False, eq=False, frozen=True)
class Sequences:
    """N sequences of inputs and targets with S steps in all, stored one after the other and never changed.

    x: a list of arrays (steps, inputs), or (steps,) for one input; or an array (sequences, steps, inputs), whose
    padding is said by `lengths`, `mask` or numpy.ma; or, with `offsets`, an array (S, inputs). y: in the same form,
    (steps,) or (steps, outputs); or one target for each sequence, which counts at its last step; None: no targets.
    Arrays are copied.
    mask: in the form of y, whether a step's target counts; of a padded array, steps behind the last that counts are
    dropped. Masked targets of numpy.ma do not count. lengths: (N,) steps of each sequence of a padded array. offsets:
    (N + 1,), sequence n is steps offsets[n] to offsets[n + 1]. weight: one for each step, usually 1; 0 does not count.
    kind: "classes", "bits" or "reals"; None: text means classes, 0 and 1 alone mean bits, other integers that come one
    a step mean class numbers from 0 on, all others are reals. classes: their number, or their names in order; a class
    number of -1 does not count.
    ids: (N,) names or numbers of the sequences. groups: {name: (N,)}, as the subject that each comes from.

    Attributes: x (S, I) float64; y (S, O) float64, or (S,) int64 class numbers, -1 where a step does not count;
    weight (S,) float64, 0 where it does not count; offsets (N + 1,) int64; kind; classes, a number or None;
    class_names, a tuple or None; input_names and target_names, tuples; ids (N,); groups, {name: (N,)}; pieces (N,)
    int64, the place of each among the segments of its sequence; encoder, the Encoder of the inputs or None. All arrays
    are read-only.
    Raises ValueError or TypeError, in one line that names sequence, step and column, for inputs and counted targets
    that are missing or no finite numbers, shapes that do not fit, sequences without steps, and class numbers with gaps.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    kind: str | None
    classes: int | None
    class_names: tuple | None
    input_names: tuple
    target_names: tuple
    ids: np.ndarray
    groups: dict
    pieces: np.ndarray
    encoder: object

    def __init__(self, x, y=None, *, mask=None, lengths=None, offsets=None, weight=None, kind=None, classes=None,
                 ids=None, groups=None, input_names=None, target_names=None, encoder=None):
        flat = flatten(x, y, mask, lengths, offsets, weight)
        steps, inputs = flat.x.shape
        input_names = _names("input_names", input_names, inputs, "x")
        if not np.isfinite(flat.x).all():
            step, column = np.argwhere(~np.isfinite(flat.x))[0]
            raise ValueError(f"x: got {flat.x[step, column]:g} at {flat.place(step)}, {input_names[column]}, expected "
                             f"a finite "
                             "number: each input counts, since the state goes through it")
        count = len(flat.offsets) - 1
        if y is None:
            targets, kind, classes, names = np.zeros((steps, 0)), None, None, None
            step_weight = np.zeros(steps)
        else:
            step_weight = np.ones(steps) if flat.weight is None else flat.weight
            targets, counts, kind, classes, names = code_targets(
                flat.y, flat.counts & (step_weight > 0), flat.place, kind, classes)
            step_weight = np.where(counts, step_weight, 0.0)
        outputs = targets.shape[1] if targets.ndim == 2 else 1
        self._set(
            x=flat.x, y=targets, weight=step_weight, offsets=flat.offsets, kind=kind, classes=classes,
            class_names=names, input_names=input_names, target_names=_names("target_names", target_names, outputs, "y"),
            ids=_one_each("ids", np.arange(count) if ids is None else ids, count),
            groups={str(name): _one_each(f"groups: {name}", values, count) for name, values in (groups or {}).items()},
            pieces=np.zeros(count, np.int64), encoder=encoder)

    def _set(self, **values):
        for name, value in values.items():
            for array in value.values() if isinstance(value, dict) else (value,):
                if isinstance(array, np.ndarray):
                    array.setflags(write=False)
            object.__setattr__(self, name, value)

    def __setstate__(self, state):
        # Arrays come writable out of a pickle, on which executors of processes rely.
        self._set(**state)

    def _changed(self, **values):
        made = object.__new__(type(self))
        made._set(**{**vars(self), **values})
        return made

    def __len__(self):
        return len(self.offsets) - 1

    @property
    def steps(self):
        """Steps of all sequences."""
        return len(self.x)

    @property
    def lengths(self):
        """(N,) int64: steps of each sequence."""
        return np.diff(self.offsets)

    @property
    def counted(self):
        """(N,) int64: steps of each sequence that count."""
        return np.add.reduceat(self.weight > 0, self.offsets[:-1], dtype=np.int64)

    @property
    def digest(self):
        """32 hex digits that depend on all values, weights and offsets, and on what the targets are."""
        digest = hashlib.blake2b(f"{self.kind} {self.classes} {self.y.shape} {self.x.shape}".encode(), digest_size=16)
        for array in (self.x, self.y, self.weight, self.offsets):
            digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
        return digest.hexdigest()

    def __getitem__(self, index):
        """x (steps, inputs), y and weight of sequence `index`, as views; Sequences for a slice."""
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
            raise TypeError(f"index: got {index!r}, expected an integer or a slice; several are picked by "
                            f"select(indices)")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index: got {index}, expected less than {len(self)}, the number of sequences")
        start, stop = self.offsets[index % len(self)], self.offsets[index % len(self) + 1]
        return self.x[start:stop], self.y[start:stop], self.weight[start:stop]

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def select(self, indices):
        """Return Sequences of those with these numbers, in this order: (K,) integers, or (N,) booleans.

        Raises ValueError or IndexError for indices that are none.
        """
        indices = np.asarray(indices)
        if indices.dtype == bool and indices.shape == (len(self),):
            indices = np.flatnonzero(indices)
        if indices.ndim != 1 or indices.dtype.kind not in "iu" or not len(indices):
            raise ValueError(f"indices: got {indices.dtype} {indices.shape}, expected at least one integer, or "
                             f"{len(self)} booleans")
        if not -len(self) <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"indices: got {indices.min()} to {indices.max()}, expected less than {len(self)}")
        indices = indices % len(self)
        lengths = self.lengths[indices]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        steps = np.repeat(self.offsets[indices] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return self._changed(
            offsets=offsets, ids=self.ids[indices], pieces=self.pieces[indices],
            groups={name: values[indices] for name, values in self.groups.items()},
            **{name: getattr(self, name)[steps] for name in _SHARED})

    def segments(self, length):
        """Return Sequences cut into pieces of `length` steps, the last of each as short as it comes; values are shared.

        Ids and groups are those of the whole, `pieces` counts from 0 in each. Raises TypeError or ValueError for a
        length that is no integer of at least 1.
        """
        if isinstance(length, bool) or not isinstance(length, (int, np.integer)):
            raise TypeError(f"length: got {length!r}, expected an integer of at least 1")
        if length < 1:
            raise ValueError(f"length: got {length}, expected an integer of at least 1")
        pieces = -(-self.lengths // length)
        owner = np.repeat(np.arange(len(self)), pieces)
        first = np.concatenate(([0], np.cumsum(pieces)))
        place = np.arange(first[-1]) - first[owner]
        # The pieces of one sequence follow each other, also where it was a piece itself.
        earlier = self.pieces[owner] * -(-int(self.lengths.max()) // length)
        return self._changed(
            offsets=np.append(self.offsets[owner] + place * length, self.offsets[-1]), pieces=earlier + place,
            ids=self.ids[owner], groups={name: values[owner] for name, values in self.groups.items()})

    def __repr__(self):
        lengths, counted = self.lengths, int(self.counted.sum())
        span = f"{lengths.min():,}" if lengths.min() == lengths.max() else f"{lengths.min():,} to {lengths.max():,}"
        if self.kind is None:
            targets = "no targets"
        else:
            kind = f"{self.classes} classes" if self.kind == "classes" else self.kind
            targets = f"{_listed('target', self.target_names)}, {kind}; {counted:,} of {self.steps:,} steps count"
        return f"Sequences({len(self):,} of {span} steps; {_listed('input', self.input_names)}; {targets})"


def _names(argument, given, count, of):
    if given is None:
        word = argument.removesuffix("_names")
        return tuple(f"{word} {n}" for n in range(count)) if count != 1 else (word,)
    if isinstance(given, str):
        given = (given,)
    if len(given) != count or len(set(given)) < count:
        raise ValueError(f"{argument}: got {', '.join(map(str, given))}, expected {count} different names as {of} has "
                         f"columns")
    return tuple(map(str, given))


def _one_each(argument, values, count):
    values = np.array(values)
    if values.dtype == object and all(isinstance(value, str) for value in values.flat):
        values = values.astype(str)
    if values.shape != (count,) or values.dtype == object:
        raise ValueError(f"{argument}: got {values.dtype} {values.shape}, expected a name or number for each of "
                         f"{count} sequences")
    return values


def _listed(word, names):
    if len(names) > 6:
        return f"{len(names)} {word}s"
    return f"{word}{'s' if len(names) != 1 else ''}: {', '.join(names)}"
