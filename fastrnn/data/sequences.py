"""The user's own sequences of any lengths, stored once."""

import hashlib
import os
from dataclasses import dataclass

import numpy as np

from fastrnn.arguments import as_integer
from fastrnn.data.allowed import code_allowed
from fastrnn.data.columns import Column
from fastrnn.data.encoder import make_encoder
from fastrnn.data.files import arguments_of, open_table, read_npz
from fastrnn.data.flatten import flatten
from fastrnn.data.labels import check_names, enumerated, one_each, states_of_each
from fastrnn.data.tables import sequences_of
from fastrnn.data.targets import Targets, code_targets
from fastrnn.data.wav import read_wav

_SHARED = ("x", "y", "weight", "allowed")


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
    number of -1 does not count. allowed: in the form of x, 0 or 1 for each step and class: the others are impossible
    there; classes is then their number. initial: (N, W), the states before the first step of each sequence, all states
    of a cell one after the other, as a model's `states` gives them.
    ids: (N,) names or numbers of the sequences. groups: {name: (N,)}, as the subject that each comes from.

    Attributes: x (S, I) float64; y (S, O) float64, or (S,) int64 class numbers, -1 where a step does not count; weight
    (S,) float64, 0 where it does not count; allowed (S, K) bool or None; initial (N, W) float64 or None; offsets
    (N + 1,) int64; kind; classes, a number or None; class_names, a tuple or None; input_names and target_names, tuples;
    ids (N,); groups, {name: (N,)}; pieces (N,) int64, the place of each among the segments of its sequence; encoder,
    the Encoder of the inputs or None. All arrays are read-only.
    Raises ValueError or TypeError, in one line that names sequence, step and column, for inputs and counted targets
    that are missing or no finite numbers, shapes that do not fit, sequences without steps, and class numbers with gaps.
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

    def __init__(self, x, y=None, *, mask=None, lengths=None, offsets=None, weight=None, kind=None, classes=None,
                 allowed=None, initial=None, ids=None, groups=None, input_names=None, target_names=None):
        flat = flatten(x, y, mask, lengths, offsets, weight, allowed)
        steps, inputs = flat.x.shape
        input_names = check_names("input_names", input_names, inputs, "x")
        if not np.isfinite(flat.x).all():
            step, column = np.argwhere(~np.isfinite(flat.x))[0]
            raise ValueError(f"x: got {flat.x[step, column]:g} at {flat.place(step)}, {input_names[column]}, expected "
                             "a finite number: each input counts, since the state goes through it")
        step_weight = np.ones(steps) if flat.weight is None else flat.weight
        targets = Targets(np.zeros((steps, 0)), np.zeros(steps, bool), None)
        if y is not None:
            counts = flat.counts & (step_weight > 0)
            targets = code_targets(flat.y, counts, flat.place, kind, classes, "y", flat.allowed)
        outputs = targets.y.shape[1] if targets.y.ndim == 2 else 1
        target_names = check_names("target_names", target_names, outputs, "y")
        ids = np.arange(len(flat.offsets) - 1) if ids is None else ids
        allowed = None if flat.allowed is None else code_allowed(flat.allowed, targets, flat.place)
        self._fill(flat.x, targets, step_weight, allowed, flat.offsets, ids, groups or {}, input_names, target_names,
                   None, initial)

    def _fill(self, x, targets, weight, allowed, offsets, ids, groups, input_names, target_names, encoder,
              initial=None):
        count = len(offsets) - 1
        self._set(
            x=x, y=targets.y, weight=np.where(targets.counts, weight, 0.0), allowed=allowed, offsets=offsets,
            kind=targets.kind, classes=targets.classes, class_names=targets.names, input_names=input_names,
            target_names=target_names, initial=None if initial is None else states_of_each(initial, count),
            ids=one_each("ids", ids, count), pieces=np.zeros(count, np.int64), encoder=encoder,
            groups={str(name): one_each(f"groups: {name}", values, count) for name, values in groups.items()})

    @classmethod
    def from_table(cls, table, inputs, target=None, *, group=(), subject=None, session=None, time=None, lag=0,
                   one_hot=(), standardize=(), training=None, encoder=None, weight=None, kind=None, classes=None,
                   allowed=()):
        """Return the Sequences of a long table: a row is a step.

        table: a pandas or polars frame, a pyarrow table, a dict of columns, or a structured array. inputs, target:
        names of columns; where a target is missing, the step is fed but does not count. target=None: no targets. Empty
        text is a missing value, as an empty cell of a CSV file.
        subject, session, group: names of columns; rows that agree in all of them are one sequence, without any the
        whole table is one. They become `groups`, named "subject", "session" and as in `group`; `ids` joins them by "/".
        time: the column that rows of a sequence are sorted by; None: they stand together, in order.
        lag: a number of rows; an input is the value that many rows before, in the same sequence, 0 in its first rows. A
        dict {input: rows} shifts some inputs: a choice is predicted from the choice and the reward before it.
        weight: a column of weights. one_hot: inputs of which each value becomes an input of its own. standardize:
        inputs that are shifted and scaled to mean 0 and deviation 1, before `lag`. training: the sequences that both
        are fitted on, (N,) booleans or numbers, or "all", which one_hot takes as the default. encoder: that of other
        Sequences, to encode as there.
        kind, classes: as in Sequences; whole numbers of which some are missing are class numbers, too. allowed: columns
        of 0 and 1, one for each class in order.
        Raises ValueError or TypeError, in one line that names the column and the row, counted from 0, for missing
        inputs, text among numbers, unknown columns, a target that is an input of the same step, and rows of one
        sequence that are apart or at the same time.
        """
        made = object.__new__(cls)
        made._fill(**sequences_of(
            table, inputs, target, group, subject, session, time, lag, one_hot, standardize, training, encoder, weight,
            kind, classes, allowed))
        return made

    @classmethod
    def read(cls, path, inputs=None, target=None, **options):
        """Return the Sequences in a file.

        .csv, .tsv, .txt: a table in UTF-8 whose first line has the names; fields are separated by commas, semicolons
        or tabs; empty fields, NA, N/A, NaN and null are missing. .parquet, .pq: a table (needs pyarrow). .npz with
        `inputs`: columns by name. inputs, target and the options are those of from_table.
        .npz without `inputs`: arrays x, y, mask, lengths, offsets, weight, allowed, initial and ids, as Sequences
        takes them; others are groups, (N,) each. Options are those of Sequences.
        Raises ValueError or TypeError, in one line that begins with the path, for what the file or the columns lack;
        OSError if the file cannot be read.
        """
        path = os.fspath(path)
        try:
            if inputs is None and path.lower().endswith(".npz"):
                return cls(**arguments_of(read_npz(path)) | options)
            if inputs is None:
                raise ValueError("inputs: say which columns are the inputs")
            return cls.from_table(open_table(path), inputs, target, **options)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{path}: {error}") from error

    @classmethod
    def from_wav(cls, input, target, segment=None):
        """Return Sequences of two sound files of equal rate and length: each sample is a step, each channel a column.

        input, target: paths of .wav files, PCM of 8, 16, 24 or 32 bits, scaled to at least -1 and below 1, or floats.
        segment: steps of the pieces that they are cut into; None: one sequence. Targets are reals.
        Raises ValueError, in one line, for other files and where the two differ, OSError if a file cannot be read.
        """
        (rate, x), (other, y) = read_wav(input), read_wav(target)
        for what, one, two in (("samples per second", rate, other), ("samples", len(x), len(y))):
            if one != two:
                raise ValueError(f"{target}: got {two:,} {what}, expected {one:,} as {input} has")
        data = cls([x], [y], kind="reals")
        return data if segment is None else data.segments(segment)

    def encoded(self, one_hot=(), standardize=(), training=None, encoder=None):
        """Return Sequences with some inputs standardised, or turned into an input for each value.

        one_hot, standardize: names of inputs; training: the sequences that both are fitted on, (N,) booleans or
        numbers, or "all", which one_hot takes as the default; encoder: that of other Sequences, to encode as there.
        Raises ValueError or TypeError, in one line, for unknown names, for standardize without training, and for data
        of a table, which are encoded as the table is read.
        """
        if self.encoder is not None:
            raise ValueError("encoded: inputs of tables are encoded by from_table(one_hot=, standardize=, training=)")
        present = np.zeros(self.steps, bool)
        columns = {name: Column(self.x[:, i], present) for i, name in enumerate(self.input_names)}
        encoder = make_encoder(encoder, columns, one_hot, standardize, training, self.offsets)
        x = np.concatenate(encoder.apply(columns, str), 1)
        return self._changed(x=x, input_names=encoder.names, encoder=encoder)

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
        for array in (self.x, self.y, self.weight, self.offsets, self.allowed, self.initial):
            if array is not None:
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
            offsets=offsets, initial=None if self.initial is None else self.initial[indices], ids=self.ids[indices],
            pieces=self.pieces[indices],
            groups={name: values[indices] for name, values in self.groups.items()},
            **{name: value[steps] for name in _SHARED if (value := getattr(self, name)) is not None})

    def target_rows(self, steps):
        """(..., Y) float64: what a head reads at steps (...): the targets and, if the data say, what is allowed."""
        y = self.y[steps] if self.y.ndim == 2 else self.y[steps][..., None]
        return y.astype(float) if self.allowed is None else np.concatenate([y, self.allowed[steps]], -1, dtype=float)

    def segments(self, length):
        """Return Sequences cut into pieces of `length` steps, the last of each as short as it comes; values are shared.

        Ids and groups are those of the whole, `pieces` counts from 0 in each. Raises TypeError or ValueError for a
        length that is no integer of at least 1, and for data of initial states, which later pieces would lack.
        """
        if self.initial is not None:
            raise ValueError("segments: the initial states are those of whole sequences; tbptt_steps cuts them in "
                             "training, from the states that earlier pieces leave")
        length = as_integer("length", length, 1)
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
            targets = f"{enumerated('target', self.target_names)}, {kind}; {counted:,} of {self.steps:,} steps count"
        return f"Sequences({len(self):,} of {span} steps; {enumerated('input', self.input_names)}; {targets})"
