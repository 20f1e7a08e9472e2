"""The two estimators: of classes and of real numbers."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from fastrnn.sklearn.base import RNN
from fastrnn.sklearn.forms import targets_of, to_sequences


class RNNClassifier(ClassifierMixin, RNN):
    """A recurrent network that predicts the class of each sequence, or of each of its steps: softmax, cross-entropy.

    Parameters
    ----------
    cell : str or Cell
        The cell, or its name, for example "gru", "lstm" or "elman".
    hidden_size : int or None
        Hidden units; None: those of the Cell, or 16.
    optimizer, learning_rate, schedule, epochs, batch_size, patience, weight_decay, l1, max_grad_norm
        As in fastrnn.FitConfig.
    early_stopping : bool
        True: a share of the sequences is kept for validation, training stops after `patience` evaluations without an
        improvement of the validation loss, and the weights are those of its minimum. False: the network is trained on
        all sequences for all epochs, and the weights are those of the smallest training loss.
    validation_fraction : float
        The share of the sequences that is kept for validation.
    options : dict or None
        Further fields of fastrnn.FitConfig, for example {"dtype": "float64", "initial_state": "learned"}.
    warm_start : bool
        Whether `fit` starts from the weights of the last call.
    random_state : int, RandomState or None
        The seed of initial weights, validation and batches; an int gives the same bytes each time.
    threads : int or None
        The number of threads at most; None: all cores.

    Attributes
    ----------
    classes_ : array (K,)
        The labels, in ascending order.
    fit_ : fastrnn.Fit
        The fitted network.
    per_step_ : bool
        Whether each step has a target, and not each sequence.
    n_features_in_ : int
        Inputs of each step.
    n_iter_ : int
        The number of epochs of training.
    """

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : list of arrays (steps, inputs), or array (N, T, inputs)
            The sequences.
        y : array (N,), or list of arrays (steps,), or array (N, T)
            Labels of the sequences, or of their steps.
        sample_weight : array (N,), or in the form of y, or None
            Weights; labels of weight 0 do not count.

        Returns
        -------
        RNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            In one line, for arrays that do not match, and labels of one class only.
        """
        data, labels, per_step = self._labelled(X, y)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(f"y: got one class, {classes[0]!s}, expected at least two")
        if self.warm_start and hasattr(self, "classes_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y: got the classes {classes!s:.80}, expected those of the fit that warm_start continues"
            )
        self.classes_ = classes
        return self._train_on(data, labels, per_step, sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on these sequences, from the weights so far.

        The optimizer starts from zero in each call. No sequence is kept for validation.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array or None
            All labels that y will ever have; needed in the first call.

        Returns
        -------
        RNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            In one line, for arrays that do not match, and unknown labels.
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
        """Return (Sequences without targets, labels, whether there is one for each step)."""
        data = to_sequences(X)
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
        """Return the most probable labels.

        Parameters
        ----------
        X : list of arrays (steps, inputs), or array (N, T, inputs)
            The sequences.

        Returns
        -------
        array (N,), or list of arrays (steps,), or array (N, T)
            Labels of the sequences; or those of their steps, in the form of X, if y of `fit` had them.
        """
        check_is_fitted(self)
        data = to_sequences(X)
        return self._in_form_of(X, data, self._labels(data))

    def predict_proba(self, X):
        """Return the probability of each class, in the order of classes_.

        Parameters
        ----------
        X : list of arrays (steps, inputs), or array (N, T, inputs)
            The sequences.

        Returns
        -------
        float array (N, K), or list of arrays (steps, K), or array (N, T, K)
            Probabilities for the sequences; or for their steps, in the form of X, if y of `fit` had them.
        """
        check_is_fitted(self)
        data = to_sequences(X)
        return self._in_form_of(X, data, self._rows(data))

    def score(self, X, y, sample_weight=None):
        """Return the share of labels that are predicted right.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
            The weighted accuracy.
        """
        check_is_fitted(self)
        return self._score(X, y, sample_weight, self._labels, accuracy_score)

    def _labels(self, data):
        return self.classes_[self._rows(data).argmax(1)]


class RNNRegressor(RegressorMixin, RNN):
    """A recurrent network that predicts real numbers of each sequence, or of each of its steps: mean squared error.

    Inputs and targets should be scaled to a standard deviation of about 1.

    Parameters
    ----------
    cell, hidden_size, options, warm_start, random_state, threads
        As in RNNClassifier.
    optimizer, learning_rate, schedule, epochs, batch_size, weight_decay, l1, max_grad_norm
        As in fastrnn.FitConfig.
    early_stopping, validation_fraction, patience
        As in RNNClassifier.

    Attributes
    ----------
    fit_, per_step_, n_features_in_, n_iter_
        As in RNNClassifier.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : list of arrays (steps, inputs), or array (N, T, inputs)
            The sequences.
        y : array (N,) or (N, O), or list of arrays (steps,) or (steps, O), or array (N, T) or (N, T, O)
            Real targets of the sequences, or of their steps.
        sample_weight : array (N,), or one for each step, or None
            Weights; targets of weight 0 do not count.

        Returns
        -------
        RNNRegressor
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            In one line, for arrays that do not match.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on these sequences, from the weights so far.

        The optimizer starts from zero in each call. No sequence is kept for validation.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        RNNRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, partial=True)

    def _fit(self, X, y, sample_weight, **options):
        data = to_sequences(X)
        values, per_step = targets_of(y, data, np.float64)
        self._single = values.ndim == 1
        return self._train(data, values, per_step, sample_weight, kind="reals", **options)

    def predict(self, X):
        """Return the predicted targets.

        Parameters
        ----------
        X : list of arrays (steps, inputs), or array (N, T, inputs)
            The sequences.

        Returns
        -------
        array, or list of arrays
            In the form of y of `fit`; predictions of steps are a list or an array, as X is.
        """
        check_is_fitted(self)
        data = to_sequences(X)
        return self._in_form_of(X, data, self._values(data))

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination, R^2, over all targets that count.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
            At most 1; 0 for predictions as good as the mean.
        """
        check_is_fitted(self)
        return self._score(X, y, sample_weight, self._values, r2_score)

    def _values(self, data):
        rows = self._rows(data).astype(np.float64)
        return rows[:, 0] if self._single else rows
