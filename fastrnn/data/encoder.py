"""How columns become inputs: unchanged, standardised, or one input for each value."""

from dataclasses import asdict, dataclass

import numpy as np

from fastrnn.data.columns import listed, refuse_text, refuse_times
from fastrnn.data.targets import nearest


@dataclass(frozen=True)
class Encoding:
    """The encoding of one column: x -> (x - mean) / scale, or with `values` one input for each of them, 1 where x
    equals it, else 0."""

    name: str
    mean: float = 0.0
    scale: float = 1.0
    values: tuple | None = None

    @property
    def names(self):
        """The names of the inputs."""
        if self.values is None:
            return (self.name,)
        texts = [value if isinstance(value, str) else f"{value:g}" for value in self.values]
        # Numbers of many digits may differ in the last ones alone.
        texts = texts if len(set(texts)) == len(texts) else map(str, self.values)
        return tuple(f"{self.name}={text}" for text in texts)

    def apply(self, column, place):
        """Return (rows, inputs) float64 of a Column, nan where it is missing; a value that is not in `values` gives
        zeros."""
        if self.values is None:
            refuse_text(column, "inputs", self.name, place,
                        f": one_hot=[{self.name!r}] makes an input for each value")
            return ((column.numbers() - self.mean) / self.scale)[:, None]
        if (column.names is None) == isinstance(self.values[0], str):
            kinds = ("numbers", "text") if column.names is None else ("text", "numbers")
            raise TypeError(f"one_hot: column {self.name!r} holds {kinds[0]}, but {kinds[1]} was encoded before")
        known = self.values
        if column.names is not None:
            known = [column.names.index(value) if value in column.names else -1 for value in known]
        hot = np.stack([column.values == value for value in known], 1).astype(np.float64)
        hot[column.missing] = np.nan
        return hot


@dataclass(frozen=True)
class Encoder:
    """How each column of inputs is encoded: unchanged, standardised, or one-hot; fitted on training sequences.

    Parameters
    ----------
    encodings : tuple of Encoding
        One for each column, in order.
    """

    encodings: tuple

    @classmethod
    def fit(cls, columns, one_hot=(), standardize=(), rows=None):
        """Fit the encodings to columns.

        A standardised column has mean 0 and standard deviation 1 on the rows (divided by n, as in scikit-learn); a
        constant one is only shifted to 0.

        Parameters
        ----------
        columns : dict
            {name: Column}.
        one_hot, standardize : names of columns
            A column may be in one of them.
        rows : bool array (rows,) or None
            The rows to fit on; None: all.

        Returns
        -------
        Encoder

        Raises
        ------
        ValueError, TypeError
            For unknown columns, for text that is not one-hot, and for columns without a value.
        """
        for argument, names in (("one_hot", one_hot), ("standardize", standardize)):
            for name in names:
                if name not in columns:
                    raise ValueError(f"{argument}: {name!r} is not an input: {nearest(name, columns)}")
        for name in set(one_hot) & set(standardize):
            raise ValueError(f"standardize: {name!r} is in one_hot, too: expected one of the two")
        encodings = []
        for name, column in columns.items():
            used = ~column.missing if rows is None else rows & ~column.missing
            if name in one_hot:
                refuse_times(column, "one_hot", name, "numbers or text")
                values = np.unique(column.values[used]).tolist()
                values = values if column.names is None else [column.names[code] for code in values]
                encodings.append(Encoding(name, values=tuple(values)))
            elif name in standardize:
                encodings.append(_standardised(name, column, used))
            else:
                encodings.append(Encoding(name))
            if name in one_hot and not encodings[-1].values:
                raise ValueError(f"one_hot: column {name!r} has no value in the training sequences")
        return cls(tuple(encodings))

    @property
    def names(self):
        """Names of the encoded inputs, a tuple."""
        return tuple(name for encoding in self.encodings for name in encoding.names)

    def apply(self, columns, place):
        """Encode columns.

        Parameters
        ----------
        columns : dict
            {name: Column}.
        place : function
            place(row) returns a row in words, for messages.

        Returns
        -------
        list of float64 arrays (rows, inputs)
            One for each column; nan where a value is missing.
        """
        return [encoding.apply(columns[encoding.name], place) for encoding in self.encodings]

    def as_dict(self):
        """Return the encodings as plain values, for JSON.

        Returns
        -------
        dict
        """
        return {"encodings": [asdict(encoding) for encoding in self.encodings]}

    @classmethod
    def from_dict(cls, values):
        """Make the Encoder from what as_dict returned.

        Parameters
        ----------
        values : dict
            The plain values.

        Returns
        -------
        Encoder
        """
        return cls(tuple(
            Encoding(**{**each, "values": None if each["values"] is None else tuple(each["values"])})
            for each in values["encodings"]))


def _standardised(name, column, used):
    refuse_text(column, "standardize", name, "row {}".format)
    values = column.values[used].astype(np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError(f"standardize: column {name!r} has no value in the training sequences")
    if values.min() == values.max():  # its computed deviation may be a rounding error
        return Encoding(name, mean=float(values[0]))
    with np.errstate(over="ignore", under="ignore"):
        mean, scale = values.mean(), values.std()
    if not (np.isfinite(mean) and 0 < scale < np.inf):
        # Squares, or the sum, are beyond what float64 holds.
        most = np.abs(values).max()
        mean, scale = most * (values / most).mean(), most * (values / most).std()
    return Encoding(name, float(mean), float(scale))


def make_encoder(encoder, columns, one_hot, standardize, training, offsets):
    """Return the Encoder of {name: Column}: the given one, or one fitted to training sequences.

    Raises ValueError or TypeError, in one line, where both are asked for, or training sequences are not said.
    """
    one_hot, standardize = listed("one_hot", one_hot), listed("standardize", standardize)
    if encoder is not None:
        if one_hot or standardize:
            raise ValueError("encoder: it already says what is encoded; leave out one_hot and standardize")
        names = [encoding.name for encoding in encoder.encodings]
        if names != list(columns):
            raise ValueError(f"inputs: got {', '.join(columns)}, expected {', '.join(names)} as the encoder has")
        return encoder
    if standardize and training is None:
        raise ValueError("standardize: say which sequences means come from: training=roles == TRAIN, or training='all'")
    return Encoder.fit(columns, one_hot, standardize, _training_steps(training, offsets))


def _training_steps(training, offsets):
    """Return (S,) bool: steps of training sequences, given by (N,) booleans or numbers; None for all."""
    if training is None or isinstance(training, str) and training == "all":
        return None
    count = len(offsets) - 1
    given = np.asarray(training)
    wrong = given.ndim != 1 or not len(given) or given.dtype.kind not in "biu"
    if wrong or given.dtype == bool and len(given) != count:
        raise ValueError(f"training: got {given.dtype} {given.shape}, expected 'all', {count} booleans, one for each "
                         "sequence, or numbers of sequences")
    chosen = np.zeros(count, bool)
    if given.dtype != bool and not 0 <= given.min() <= given.max() < count:
        raise ValueError(f"training: got {given.min()} to {given.max()}, expected numbers of {count} sequences")
    chosen[given] = True
    if not chosen.any():
        raise ValueError("training: got no sequence, expected at least one")
    return np.repeat(chosen, np.diff(offsets))
