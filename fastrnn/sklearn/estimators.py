"""The two estimators: of classes and of real numbers."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from fastrnn.sklearn.base import RNN
from fastrnn.sklearn.forms import sequences_of, targets_of


class RNNClassifier(ClassifierMixin, RNN):
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
        At most this many; None: all cores.

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
        data, labels, per_step = self._labelled(X, y)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(f"y: got one class, {classes[0]!s}, expected at least two")
        if self.warm_start and hasattr(self, "classes_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y: got the classes {classes!s:.80}, expected those of the fit that warm_start goes on from"
            )
        self.classes_ = classes
        return self._train_on(data, labels, per_step, sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One epoch more, on sequences X alone, from the weights so far; the optimizer starts from zero in each call.

        classes: all labels that y will ever have, at the first call; X, y, sample_weight and errors are as in `fit`.
        Nothing is kept for validation.
        """
        data, labels, per_step = self._labelled(X, y)
        if not hasattr(self, "classes_") and classes is None:
            raise ValueError("classes: got None, expected all labels in the first call of partial_fit")
        classes = getattr(self, "classes_", None) if classes is None else np.unique(classes)
        if len(classes) < 2:
            raise ValueError(f"classes: got {len(classes)}, expected at least two")
        if hasattr(self, "classes_") and not np.array_equal(classes, self.classes_):
            raise ValueError(f"classes: got {classes!s:.80}, expected {self.classes_!s:.80}, as before")
        if len(unknown := np.setdiff1d(labels, classes)):
            raise ValueError(f"y: got the label {unknown[0]!s:.80}, expected one of {classes!s:.80}")
        self.classes_ = classes
        return self._train_on(data, labels, per_step, sample_weight, partial=True)

    @staticmethod
    def _labelled(X, y):
        """(Sequences without targets, labels, whether there is one for each step)."""
        data = sequences_of(X)
        labels, per_step = targets_of(y, data)
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        return data, labels, per_step

    def _train_on(self, data, labels, per_step, sample_weight, **options):
        codes = np.searchsorted(self.classes_, labels)
        return self._train(
            data, codes, per_step, sample_weight, kind="classes", classes=len(self.classes_), **options
        )

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


class RNNRegressor(RegressorMixin, RNN):
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
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        """One epoch more, on sequences X alone, from the weights so far; the optimizer starts from zero in each call.

        X, y, sample_weight and errors are as in `fit`. Nothing is kept for validation.
        """
        return self._fit(X, y, sample_weight, partial=True)

    def _fit(self, X, y, sample_weight, **options):
        data = sequences_of(X)
        values, per_step = targets_of(y, data, np.float64)
        self._single = values.ndim == 1
        return self._train(data, values, per_step, sample_weight, kind="reals", **options)

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
        rows = self._rows(data).astype(np.float64)
        return rows[:, 0] if self._single else rows
