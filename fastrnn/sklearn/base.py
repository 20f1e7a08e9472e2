"""The base of both estimators: parameters, training, the form of predictions."""

from dataclasses import fields, replace

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from fastrnn.arguments import as_choice
from fastrnn.cells.base import Cell, cells
from fastrnn.data.roles import TRAIN, split
from fastrnn.data.sequences import Sequences
from fastrnn.sklearn.forms import is_list, step_weights, targets_of, to_sequences
from fastrnn.training.entry import train
from fastrnn.training.sequences.config import FitConfig

# The options of partial_fit: the epoch's own weights are kept, for any loss.
ONE_EPOCH = {"stop_after": 1, "evaluate_every": 1, "patience": None}


class RNN(BaseEstimator):
    """Parameters, sequences, training; a derived class defines the targets."""

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

    def _train(self, data, targets, per_step, sample_weight, partial=False, **kind):
        """Fit to Sequences without targets, and targets of each step or each sequence; partial: for one more epoch."""
        weight, rows = step_weights(sample_weight, data, per_step), targets
        if not per_step:
            rows = np.zeros((data.steps, *targets.shape[1:]), targets.dtype)
            rows[data.offsets[1:] - 1] = targets
        if not weight.any():
            raise ValueError("sample_weight: all weights are zero, expected some above 0")
        again = (self.warm_start or partial) and hasattr(self, "fit_")
        if partial and again:
            self._check_alike(data, per_step)
        data = Sequences(data.x, rows, offsets=data.offsets, weight=weight, **kind)
        # Sequences of weight 0 change nothing, so they are not drawn for validation either.
        data = data.select(data.counted > 0)
        own = self.get_params(deep=False)
        own = {each.name: own[each.name] for each in fields(FitConfig) if each.name in own}
        config = FitConfig(**(own | dict(self.options or {}) | (ONE_EPOCH if partial else {})))
        state = self.random_state
        if isinstance(state, (int, np.integer)):
            seed = int(state)
        else:
            seed = int(check_random_state(state).randint(2**31 - 1))
        made = self.n_iter_ if partial and again else 0
        if self.early_stopping and not partial:
            if len(data) < 2:
                raise ValueError("X: got 1 sample, expected at least 2, as early_stopping needs one for validation")
            roles = split(data, validation=self.validation_fraction, seed=seed)
        else:
            roles = np.full(len(data), TRAIN, np.int8)
        self.per_step_ = per_step
        self.n_features_in_ = data.x.shape[1]
        weights = self.fit_.weights if again else None
        # Each epoch has batches of its own.
        seed += made
        self.fit_ = train(self._cell(), data, config, seed=seed, roles=roles, weights=weights, threads=self.threads)
        self.n_iter_ = made + self.fit_.epochs
        return self

    def _check_alike(self, data, per_step):
        """Raise ValueError unless these are of the kind that the estimator was fitted to."""
        if data.x.shape[1] != self.n_features_in_:
            raise ValueError(f"X: got {data.x.shape[1]} inputs of a step, expected {self.n_features_in_}, as before")
        if per_step != self.per_step_:
            expected = "step" if self.per_step_ else "sequence"
            raise ValueError(f"y: expected a target for each {expected}, as in fit")

    def _cell(self):
        cell = self.cell
        if isinstance(cell, str):
            cell = cells()[as_choice("cell", cell, cells())]()
        if not isinstance(cell, Cell):
            raise TypeError(f"cell: got {cell!r:.80}, expected a Cell, or its name, such as 'gru'")
        return cell if self.hidden_size is None else replace(cell, hidden_size=self.hidden_size)

    def _rows(self, data):
        """Return the head's predictions of each step, or of each sequence: (S, O) or (N, O)."""
        made = self.fit_.predict(data)
        return made if self.per_step_ else made[data.offsets[1:] - 1]

    def _in_form_of(self, X, data, rows):
        """Return the rows of steps in the form of X, a list of arrays or an array (N, T, ...); rows of sequences are
        unchanged."""
        if not self.per_step_:
            return rows
        pieces = np.split(rows, data.offsets[1:-1])
        return pieces if is_list(X) else np.stack(pieces)

    def _score(self, X, y, sample_weight, predicted, measure):
        data = to_sequences(X)
        targets, per_step = targets_of(y, data)
        self._check_alike(data, per_step)
        weight = step_weights(sample_weight, data, per_step)
        weight = weight if per_step else weight[data.offsets[1:] - 1]
        counts = weight > 0
        return measure(targets[counts], predicted(data)[counts], sample_weight=weight[counts])
