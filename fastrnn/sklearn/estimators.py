"""The two estimators, and what they share: parameters, training, the form of predictions."""

from dataclasses import fields, replace

import numpy as np

from fastrnn.cells.base import Cell, cells
from fastrnn.data.roles import TRAIN, split
from fastrnn.data.sequences import Sequences
from fastrnn.sklearn.forms import is_list, sequences_of, step_weights, targets_of
from fastrnn.training.config import FitConfig
from fastrnn.training.entry import train
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted


class _RNN(BaseEstimator):
    """What both estimators share: parameters, sequences, training."""

    def __init__(
        self,
        cell="gru",
        hidden_size=None,
        *,
        optimizer="adam",
        learning_rate=0.005,
        schedule="constant",
        epochs=2000,
        batch_size=None,
        early_stopping=True,
        validation_fraction=0.2,
        patience=20,
        weight_decay=0.0,
        l1=0.0,
        max_grad_norm=None,
        options=None,
        warm_start=False,
        random_state=None,
        threads=None,
    ):
        self.cell = cell
        self.hidden_size = hidden_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.weight_decay = weight_decay
        self.l1 = l1
        self.max_grad_norm = max_grad_norm
        self.options = options
        self.warm_start = warm_start
        self.random_state = random_state
        self.threads = threads

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _train(self, data, targets, per_step, sample_weight, **kind):
        """Fit on Sequences without targets, and targets of each step or each sequence."""
        weight, rows = step_weights(sample_weight, data, per_step), targets
        if not per_step:
            rows = np.zeros((data.steps, *targets.shape[1:]), targets.dtype)
            rows[data.offsets[1:] - 1] = targets
        if not weight.any():
            raise ValueError("sample_weight: all weights are zero, expected some above 0")
        again = self.warm_start and hasattr(self, "fit_")
        data = Sequences(data.x, rows, offsets=data.offsets, weight=weight, **kind)
        # Sequences of weight 0 change nothing, so they are not drawn for validation either.
        data = data.select(data.counted > 0)
        own = self.get_params(deep=False)
        own = {each.name: own[each.name] for each in fields(FitConfig) if each.name in own}
        config = FitConfig(**(own | dict(self.options or {})))
        state = self.random_state
        if isinstance(state, (int, np.integer)):
            seed = int(state)
        else:
            seed = int(check_random_state(state).randint(2**31 - 1))
        if self.early_stopping:
            if len(data) < 2:
                raise ValueError("X: got 1 sample, expected at least 2, as early_stopping needs one for validation")
            roles = split(data, validation=self.validation_fraction, seed=seed)
        else:
            roles = np.full(len(data), TRAIN, np.int8)
        self.per_step_ = per_step
        self.n_features_in_ = data.x.shape[1]
        weights = self.fit_.weights if again else None
        self.fit_ = train(self._cell(), data, config, seed=seed, roles=roles, weights=weights, threads=self.threads)
        self.n_iter_ = self.fit_.epochs
        return self

    def _cell(self):
        cell = self.cell
        if isinstance(cell, str):
            if cell not in cells():
                raise ValueError(f"cell: got {cell!r}, expected a Cell or one of {', '.join(cells())}")
            cell = cells()[cell]()
        if not isinstance(cell, Cell):
            raise TypeError(f"cell: got {cell!r:.80}, expected a Cell, or its name, such as 'gru'")
        return cell if self.hidden_size is None else replace(cell, hidden_size=self.hidden_size)

    def _rows(self, data):
        """The head's predictions of each step, or of each sequence: (S, O) or (N, O)."""
        made = self.fit_.predict(data)
        return made if self.per_step_ else made[data.offsets[1:] - 1]

    def _in_form_of(self, X, data, rows):
        """Rows of steps as a list of arrays or an array (N, T, ...), as X came; rows of sequences as they are."""
        if not self.per_step_:
            return rows
        pieces = np.split(rows, data.offsets[1:-1])
        return pieces if is_list(X) else np.stack(pieces)

    def _score(self, X, y, sample_weight, predicted, measure):
        data = sequences_of(X)
        targets, per_step = targets_of(y, data)
        if per_step != self.per_step_:
            expected = "step" if self.per_step_ else "sequence"
            raise ValueError(f"y: expected a target for each {expected}, as in fit")
        weight = step_weights(sample_weight, data, per_step)
        weight = weight if per_step else weight[data.offsets[1:] - 1]
        counts = weight > 0
        return measure(targets[counts], predicted(data)[counts], sample_weight=weight[counts])


class RNNClassifier(ClassifierMixin, _RNN):
    """A recurrent network that predicts the class of each sequence, or of each of its steps: softmax, cross-entropy.

    Parameters
    ----------
    cell : str or Cell
        Its name, such as "gru", "lstm", "elman", or a Cell.
    hidden_size : int or None
        Units; None: those of the Cell, or 16.
    optimizer, learning_rate, schedule, epochs, batch_size, patience, weight_decay, l1, max_grad_norm
        As in fastrnn.FitConfig.
    early_stopping : bool
        Whether a share `validation_fraction` of the sequences is kept for validation, training stops after `patience`
        evaluations without an improvement of their loss, and the weights are those of their least loss; otherwise all
        sequences are trained on, for all epochs, and the weights are those of the least training loss.
    options : dict or None
        Further fields of fastrnn.FitConfig, such as {"dtype": "float64", "initial_state": "learned"}.
    warm_start : bool
        Whether `fit` begins at the weights of the last one.
    random_state : int, RandomState or None
        The seed of initial weights, validation and batches; an int gives the same bytes each time.
    threads : int or None
        At most so many; None: all cores.

    Attributes
    ----------
    classes_ : array (K,)
        The labels.
    fit_ : fastrnn.Fit
        The network.
    per_step_ : bool
        Whether targets are those of steps.
    n_features_in_ : int
        Inputs of a step.
    n_iter_ : int
        Epochs that were made.
    """

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and labels y: (N,) of sequences, or, of steps, a list of (steps,) or an array (N, T).

        sample_weight: (N,), or one for each step in the form of y; labels of weight 0 do not count.
        Raises ValueError or TypeError, in one line, for what does not fit.
        """
        data = sequences_of(X)
        labels, per_step = targets_of(y, data)
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y: got one class, {classes[0]!s}, expected at least two")
        if self.warm_start and hasattr(self, "classes_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y: got the classes {classes!s:.80}, expected those of the fit that warm_start goes on from"
            )
        self.classes_ = classes
        return self._train(data, codes, per_step, sample_weight, kind="classes", classes=len(classes))

    def predict(self, X):
        """The most probable labels: (N,); or one for each step, as X came: a list of (steps,), or (N, T)."""
        check_is_fitted(self)
        data = sequences_of(X)
        return self._in_form_of(X, data, self._labels(data))

    def predict_proba(self, X):
        """Probabilities in the order of classes_: (N, K); or for each step, a list of (steps, K), or (N, T, K)."""
        check_is_fitted(self)
        data = sequences_of(X)
        return self._in_form_of(X, data, self._rows(data))

    def score(self, X, y, sample_weight=None):
        """The share of labels, weighted, that are predicted right."""
        check_is_fitted(self)
        return self._score(X, y, sample_weight, self._labels, accuracy_score)

    def _labels(self, data):
        return self.classes_[self._rows(data).argmax(1)]


class RNNRegressor(RegressorMixin, _RNN):
    """A recurrent network that predicts real numbers of each sequence, or of each of its steps: mean squared error.

    Parameters and attributes are those of RNNClassifier, without classes_. Inputs and targets should be scaled to a
    deviation of about 1.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and numbers y: (N,) or (N, outputs) of sequences, or those of steps.

        y of steps: a list of arrays (steps,) or (steps, outputs), or an array (N, T) or (N, T, outputs).
        sample_weight: (N,), or one for each step; targets of weight 0 do not count.
        Raises ValueError or TypeError, in one line, for what does not fit.
        """
        data = sequences_of(X)
        values, per_step = targets_of(y, data, np.float64)
        self._single = values.ndim == 1
        return self._train(data, values, per_step, sample_weight, kind="reals")

    def predict(self, X):
        """Predictions in the form of y: (N,) or (N, outputs); of steps, a list of arrays or one array, as X came."""
        check_is_fitted(self)
        data = sequences_of(X)
        return self._in_form_of(X, data, self._values(data))

    def score(self, X, y, sample_weight=None):
        """The coefficient of determination, R^2, over all targets that count."""
        check_is_fitted(self)
        return self._score(X, y, sample_weight, self._values, r2_score)

    def _values(self, data):
        rows = self._rows(data)
        rows = self._rows(data).astype(np.float64)
        return rows[:, 0] if self._single else rows
