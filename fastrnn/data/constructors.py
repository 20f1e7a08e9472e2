"""Sequences from tables, files and sound, and with encoded inputs."""

import os

import numpy as np

from fastrnn.arguments import as_integer
from fastrnn.data.columns import Column
from fastrnn.data.encoder import make_encoder
from fastrnn.data.files import arguments_of, name_of, open_table, read_npz
from fastrnn.data.tables import sequence_arguments
from fastrnn.data.wav import read_wav


class Constructors:
    """The methods that make Sequences from anything but arrays; the base class of Sequences."""

    @classmethod
    def from_table(cls, table, inputs, target=None, *, group=(), subject=None, session=None, time=None, lag=0,
                   one_hot=(), standardize=(), training=None, encoder=None, weight=None, kind=None, classes=None,
                   allowed=(), segment=None, name=""):
        """Make Sequences of a long table, in which a row is a step.

        Parameters
        ----------
        table : pandas or polars frame, pyarrow table, dict of columns, or structured array
            Empty text is a missing value, like an empty cell of a CSV file.
        inputs, target : str or sequence of str
            Names of columns. Where a target is missing, the step is fed to the network but does not count. target=None:
            no targets.
        subject, session, group : names of columns
            Rows that agree in all of them are one sequence; without them the whole table is one. They become `groups`,
            and `ids` joins their values by "/".
        time : str or None
            The column by which the rows of a sequence are sorted; None: they stand together, in order.
        lag : int or dict
            A number of rows: an input is the value that many rows before in the same sequence, and 0 in its first rows.
            A dict {input: rows} shifts some inputs: a choice is predicted from the choice and the reward before it.
        one_hot : names of inputs
            Each value of them becomes an input of its own.
        standardize : names of inputs
            They are shifted and scaled to mean 0 and standard deviation 1, before `lag`.
        training : array (N,) of bool or int, or "all"
            The sequences, or with `segment` the segments, that both are fitted on; one_hot uses all by default.
        encoder : Encoder
            That of other Sequences, to encode in the same way.
        weight : str
            The column of weights.
        kind, classes
            As in Sequences; whole numbers of which some are missing are class numbers, too.
        allowed : names of columns
            Columns of 0 and 1, one for each class in order.
        segment : int or None
            Steps of the segments that sequences are cut into, as by `segments`; None: they stay whole.
        name : str
            What the data are called in titles of plots.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError, TypeError
            In one line that names the column and the row, counted from 0, for missing inputs, text among numbers,
            unknown columns, a target that is an input of the same step, and rows of one sequence that are apart or at
            the same time.
        """
        segment = _length(segment)
        made = object.__new__(cls)
        columns = inputs, target, group, subject, session, time, weight, allowed
        encoding = encoder, one_hot, standardize, training
        made._fill(name=name, **sequence_arguments(table, columns, lag, encoding, kind, classes, segment))
        return _cut(made, segment)

    @classmethod
    def read(cls, path, inputs=None, target=None, **options):
        """Read Sequences from a file.

        .csv, .tsv, .txt: a table in UTF-8 whose first line has the names; fields are separated by commas, semicolons or
        tabs; empty fields, NA, N/A, NaN and null are missing. .parquet, .pq: a table (needs pyarrow). .npz: columns by
        name if `inputs` is given; otherwise the arrays x, y, mask, lengths, offsets, weight, allowed, initial and ids
        of Sequences, and groups, (N,) each.

        Parameters
        ----------
        path : str or path
            The file.
        inputs, target : str or sequence of str
            Names of columns, as in from_table.
        **options
            Those of from_table; for .npz without `inputs` those of Sequences, and `segment`. name: by
            default that of the file, without its ending.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError, TypeError
            In one line that begins with the path, if the file or its columns do not fit.
        OSError
            If the file cannot be read.
        """
        path = os.fspath(path)
        options = {"name": name_of(path), **options}
        try:
            if inputs is None and path.lower().endswith(".npz"):
                length = _length(options.pop("segment", None))
                return _cut(cls(**arguments_of(read_npz(path)) | options), length)
            if inputs is None:
                raise ValueError("inputs: say which columns are the inputs")
            return cls.from_table(open_table(path), inputs, target, **options)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{path}: {error}") from error

    @classmethod
    def from_wav(cls, input, target, segment=None, name=None):
        """Make Sequences of two sound files of equal rate and length: each sample is a step, each channel a column.

        Parameters
        ----------
        input, target : str or path
            .wav files, PCM of 8, 16, 24 or 32 bits, scaled to -1 to 1 (exclusive), or floats. Targets are reals.
        segment : int or None
            Steps of the segments that the sound is cut into; None: one sequence.
        name : str or None
            What the data are called in titles of plots; None: as the target's file, without its ending.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError
            In one line, for other files, for a segment that is not an integer of at least 1, or if rate or length
            differ.
        OSError
            If a file cannot be read.
        """
        segment = _length(segment)
        (rate, x), (other, y) = read_wav(input), read_wav(target)
        for what, one, two in (("samples per second", rate, other), ("samples", len(x), len(y))):
            if one != two:
                raise ValueError(f"{target}: got {two:,} {what}, expected {one:,} as {input} has")
        data = cls([x], [y], kind="reals", name=name_of(target) if name is None else name)
        return _cut(data, segment)

    def encoded(self, one_hot=(), standardize=(), training=None, encoder=None):
        """Return Sequences with some inputs standardised, or with one input for each of their values.

        Parameters
        ----------
        one_hot, standardize : names of inputs
            As in from_table.
        training : array (N,) of bool or int, or "all"
            The sequences that both are fitted on; one_hot uses all by default.
        encoder : Encoder
            That of other Sequences, to encode in the same way.

        Returns
        -------
        Sequences

        Raises
        ------
        ValueError, TypeError
            In one line, for unknown names, standardize without training, and Sequences of a table, which are encoded
            when the table is read.
        """
        if self.encoder is not None:
            raise ValueError("encoded: inputs of tables are encoded by from_table(one_hot=, standardize=, training=)")
        present = np.zeros(self.steps, bool)
        columns = {name: Column(self.x[:, i], present) for i, name in enumerate(self.input_names)}
        encoder = make_encoder(encoder, columns, one_hot, standardize, training, self.offsets)
        x = np.concatenate(encoder.apply(columns, str), 1)
        return self._changed(x=x, input_names=encoder.names, encoder=encoder)


def _length(segment):
    """Return the steps of segments, an integer of at least 1, or None."""
    return segment if segment is None else as_integer("segment", segment, 1)


def _cut(data, segment):
    return data if segment is None else data.segments(segment)
