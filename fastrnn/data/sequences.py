"""Sequences of the user, of any lengths, stored once."""

import hashlib
from dataclasses import dataclass

import numpy as np

from fastrnn.arguments import is_integer
from fastrnn.data.allowed import code_allowed
from fastrnn.data.constructors import Constructors
from fastrnn.data.flatten import flatten
from fastrnn.data.labels import check_names, enumerated, one_each, states_of_each
from fastrnn.data.segments import ranges, segments_of
from fastrnn.data.targets import Targets, code_targets

_SHARED = ("x", "y", "weight", "allowed")


@dataclass(init=False, repr=False, eq=False, frozen=True)
class Sequences(Constructors):
    """N sequences of inputs and targets with S steps in all, stored one after the other and never changed.

    Parameters
    ----------
    x : list of arrays (steps, I) or (steps,), or array (N, T, I), or array (S, I)
        Inputs: a list has one array for each sequence; an array (N, T, I) may be padded, as `lengths`, `mask` or
        numpy.ma say; an array (S, I) needs `offsets`. Arrays are copied.
    y : in the form of x, or array (N,) or (N, O), or None
        Targets, (steps,) or (steps, O) for each sequence; or one for each sequence, which counts at its last step;
        None: no targets. Masked targets of numpy.ma do not count.
    mask : in the form of y, bool
        Whether the target of a step counts. Steps of a padded array after the last that counts are dropped.
    lengths : array (N,)
        Steps of each sequence of a padded array.
    offsets : array (N + 1,)
        Sequence n has the steps offsets[n] to offsets[n + 1] - 1.
    weight : in the form of a target of one output
        The weight of each step, usually 1; a step of weight 0 does not count.
    kind : "classes", "bits", "reals" or None
        What targets are. None: text means classes; 0 and 1 alone mean bits; other integers, one for each step, mean
        class numbers from 0 on; all other numbers are reals.
    classes : int, or sequence of names or integers
        The number of classes; or in order their names, or the integers that stand for them in y, such as [1, 2]. A -1
        that is no class does not count.
    allowed : in the form of x, with a column for each class
        1 where a class is possible at a step, 0 where it is not.
    initial : array (N, W)
        States before the first step of each sequence, all states of a cell one after the other, as `predict` returns
        them.
    ids : array (N,)
        Names or numbers of the sequences.
    groups : dict
        {name: array (N,)}, for example the subject that each sequence comes from.
    input_names, target_names : sequences of str
        Names of the columns of x and y.
    name : str
        What the data are called in titles of plots.

    Attributes
    ----------
    x : float64 array (S, I)
    y : float64 array (S, O), or int64 array (S,) of class numbers
        -1 where a class does not count.
    weight : float64 array (S,)
        0 where a step does not count.
    allowed : bool array (S, K) or None
    initial : float64 array (N, W) or None
    offsets : int64 array (N + 1,)
    kind : str or None
    classes : int or None
    class_names, input_names, target_names : tuples
    name : str
        By default that of the file, without its ending, or "".
    ids : array (N,)
    groups : dict
    pieces : int64 array (N,)
        The place of each among the segments of its sequence.
    encoder : Encoder or None
        That of the inputs.

    Raises
    ------
    ValueError, TypeError
        In one line that names sequence, step and column, for inputs and counted targets that are missing or not finite,
        shapes that do not match, sequences without steps, and class numbers with gaps.

    Notes
    -----
    All arrays are read-only.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    allowed: np.ndarray | None
    initial: np.ndarray | None
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
    name: str

    def __init__(self, x, y=None, *, mask=None, lengths=None, offsets=None, weight=None, kind=None, classes=None,
                 allowed=None, initial=None, ids=None, groups=None, input_names=None, target_names=None, name=""):
        flat = flatten(x, y, mask, lengths, offsets, weight, allowed)
        steps, inputs = flat.x.shape
        input_names = check_names("input_names", input_names, inputs, "x")
        if not np.isfinite(flat.x).all():
            step, column = np.argwhere(~np.isfinite(flat.x))[0]
            padded = "; give lengths= or mask= if it is padding" * (getattr(x, "ndim", 0) == 3 and lengths is None)
            raise ValueError(f"x: got {flat.x[step, column]:g} at {flat.place(step)}, {input_names[column]}, expected "
                             f"a finite number: the state depends on the inputs of all steps{padded}")
        step_weight = np.ones(steps) if flat.weight is None else flat.weight
        targets = Targets(np.zeros((steps, 0)), np.zeros(steps, bool), None)
        if y is not None:
            counts = flat.counts & (step_weight > 0)
            targets = code_targets(flat.y, counts, flat.place, kind, classes, "y", flat.allowed)
        outputs = targets.y.shape[1] if targets.y.ndim == 2 else 1
        target_names = check_names("target_names", target_names, outputs, "y")
        ids = np.arange(len(flat.offsets) - 1) if ids is None else ids
        allowed = None if flat.allowed is None else code_allowed(flat.allowed, targets, flat.place)
        self._fill(targets, step_weight, flat.offsets, ids, groups or {}, initial, x=flat.x, allowed=allowed,
                   input_names=input_names, target_names=target_names, encoder=None, name=name)

    def _fill(self, targets, weight, offsets, ids, groups, initial=None, *, name, **others):
        count = len(offsets) - 1
        if not isinstance(name, str):
            raise TypeError(f"name: got {name!r:.80}, expected text, for example 'choices'")
        self._set(
            name=name,
            y=targets.y, weight=np.where(targets.counts, weight, 0.0), offsets=offsets, kind=targets.kind,
            classes=targets.classes, class_names=targets.names, pieces=np.zeros(count, np.int64),
            initial=None if initial is None else states_of_each(initial, count), ids=one_each("ids", ids, count),
            groups={str(name): one_each(f"groups: {name}", values, count) for name, values in groups.items()},
            **others)

    def _set(self, **values):
        if "offsets" in values:
            # Kept, since loops over sequences ask for them.
            values["_lengths"] = np.diff(values["offsets"])
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
        """The number of steps of all sequences, S."""
        return len(self.x)

    @property
    def lengths(self):
        """The number of steps of each sequence, an int64 array (N,)."""
        return self._lengths

    @property
    def counted(self):
        """The number of steps of each sequence that count, an int64 array (N,)."""
        return np.add.reduceat(self.weight > 0, self.offsets[:-1], dtype=np.int64)

    @property
    def digest(self):
        """A hash of all values, weights and offsets, and of the kind of the targets: 32 hex digits."""
        digest = hashlib.blake2b(f"{self.kind} {self.classes} {self.y.shape} {self.x.shape}".encode(), digest_size=16)
        for array in (self.x, self.y, self.weight, self.offsets, self.allowed, self.initial):
            if array is not None:
                digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
        return digest.hexdigest()

    def __getitem__(self, index):
        """Return x (steps, inputs), y and weight of sequence `index`, as views; Sequences for a slice."""
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        if not is_integer(index):
            raise TypeError(f"index: got {index!r}, expected an integer or a slice; several are picked by "
                            f"select(indices)")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index: got {index}, expected less than {len(self)}, the number of sequences")
        start, stop = self.offsets[index % len(self)], self.offsets[index % len(self) + 1]
        return self.x[start:stop], self.y[start:stop], self.weight[start:stop]

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def select(self, indices):
        """Return Sequences of some of the sequences.

        Parameters
        ----------
        indices : int array (K,) or bool array (N,)
            The numbers of the sequences, in the order of the result, or whether each is taken.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError, IndexError
            For another shape or dtype, and for numbers out of range.
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
        steps = np.repeat(self.offsets[indices], lengths) + ranges(lengths)
        return self._changed(
            offsets=offsets, initial=None if self.initial is None else self.initial[indices], ids=self.ids[indices],
            pieces=self.pieces[indices],
            groups={name: values[indices] for name, values in self.groups.items()},
            **{name: value[steps] for name in _SHARED if (value := getattr(self, name)) is not None})

    def target_rows(self, steps):
        """Return what a head reads at some steps: the targets and, if the data have them, the allowed classes.

        Parameters
        ----------
        steps : int array (...) or slice
            Numbers of steps.

        Returns
        -------
        float64 array (..., Y)
        """
        y = self.y[steps] if self.y.ndim == 2 else self.y[steps][..., None]
        return y.astype(float) if self.allowed is None else np.concatenate([y, self.allowed[steps]], -1, dtype=float)

    def segments(self, length):
        """Cut the sequences into segments of equal length; the last segment of each sequence may be shorter.

        Ids and groups are those of the whole sequence; `pieces` counts its segments from 0. Values are shared, not
        copied.

        Parameters
        ----------
        length : int
            Steps of a segment.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError, TypeError
            For a length that is not an integer of at least 1, and for data with initial states, which later segments
            lack.
        """
        if self.initial is not None:
            raise ValueError("segments: the initial states belong to whole sequences; tbptt_steps cuts sequences in "
                             "training and carries the state on")
        offsets, owner, place = segments_of(self.offsets, length)
        # The pieces of one sequence follow each other, also where it was a piece itself.
        earlier = self.pieces[owner] * -(-int(self.lengths.max()) // length)
        return self._changed(
            offsets=offsets, pieces=earlier + place, ids=self.ids[owner],
            groups={name: values[owner] for name, values in self.groups.items()})

    def __repr__(self):
        lengths, counted = self.lengths, int(self.counted.sum())
        least, most = int(lengths.min()), int(lengths.max())
        span = f"{least:,} to " * (least < most) + f"{most:,} step{'s' * (most > 1)}"
        if self.kind is None:
            targets = "no targets"
        else:
            kind = f"{self.classes} classes" if self.kind == "classes" else self.kind
            targets = f"{enumerated('target', self.target_names)}, {kind}; {counted:,} of {self.steps:,} steps count"
        return f"Sequences({len(self):,} of {span}; {enumerated('input', self.input_names)}; {targets})"
