"""Predictions, states and losses of fitted models on Sequences."""

import numpy as np

from fastrnn.data.sequences import Sequences
from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import traced
from fastrnn.training.sequences.outputs import check_inputs, check_targets, outputs_of, states_of_sequences
from fastrnn.training.sequences.relative import emphasised, loss_weights


class Predictions:
    """Computes outputs, states and losses of fitted models; the base class of Fits, which has the weights."""

    def outputs(self, data):
        """Return the outputs z before the head's link, for all steps.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        array (M, S, O)
        """
        return self._run(data)[0]

    def predict(self, data, *, initial=None, return_states=False):
        """Return the predictions for all steps: probabilities of classes or bits, or real values.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.
        initial : array (N, W) or (M, N, W), or None
            The states before the first step of each sequence, all states of the cell one after the other; None: those
            of the data, or else the models' own.
        return_states : bool
            Whether the states after the last steps are returned, too: the next pieces of the sequences continue from
            them, to the same bytes.

        Returns
        -------
        array (M, S, O), or (array (M, S, O), array (M, N, W))
            The predictions, and the states if asked for.

        Raises
        ------
        ValueError
            For states of another shape, and for states of models of different sizes.
        """
        data = _sequences(data)
        z, _, last = self._run(data, initial=initial)
        p = self.head.link(z) if data.allowed is None else self.head.link(z, data.allowed)
        return (p, self._stacked(last)) if return_states else p

    def classes(self, data):
        """Return the most probable class of each step, among those that are allowed.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        int64 array (M, S)
            Class numbers.

        Raises
        ------
        ValueError
            For heads of bits or reals.
        """
        data = _sequences(data)
        z = self._decided("classes", data)
        return (z if data.allowed is None else np.where(data.allowed, z, -np.inf)).argmax(-1)

    def bits(self, data):
        """Return the more probable value of each bit: 1 where its probability is above 1/2.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        int64 array (M, S, O)

        Raises
        ------
        ValueError
            For heads of classes or reals.
        """
        return (self._decided("bits", data) > 0).astype(np.int64)

    def states(self, data):
        """Return the states after each step, all states of the cell one after the other.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        array (M, S, W)

        Raises
        ------
        ValueError
            For models of different sizes.
        """
        return self._stacked(self._run(data, states=True)[1])

    def losses(self, data, per="step"):
        """Return the loss of each step, or its weighted mean over the counted steps of each sequence or of all.

        The mean over all is the loss of the data, for the head "esr", too.

        Parameters
        ----------
        data : Sequences
            Inputs and targets.
        per : "step", "sequence" or "model"
            What to average over.

        Returns
        -------
        float64 array (M, S), (M, N) or (M,)
            nan where no step counts.

        Raises
        ------
        ValueError
            For another `per`.
        """
        data = _sequences(data)
        _check_per(per)
        check_targets(data, self.head, self._recipe(0).net.sizes.outputs)
        z = self.outputs(data).astype(float)
        formulas = traced(self.head.suited(data.allowed is not None), z.shape[2])
        if self.head.relative:
            z = data.y + emphasised(z - data.y, data, self.head.emphasis)
        values = dict(zip(formulas.seen, np.moveaxis(z, -1, 0)))
        values |= dict(zip(formulas.y, data.target_rows(slice(None)).T))
        losses = on_numpy([formulas.loss], values)[0]
        if self.head.relative:
            energy = loss_weights(self.head, data).sum()
            losses = losses * (data.weight.sum() / energy if energy > 0 else np.nan)
        counts = data.weight > 0
        if per == "step":
            return np.where(counts, losses, np.nan)
        sums, totals = _over(np.where(counts, data.weight * losses, 0), data, per), _over(data.weight[None], data, per)
        return np.divide(sums, totals, out=np.full(sums.shape, np.nan), where=totals > 0)

    def log_likelihood(self, data, per="model"):
        """Return the log-likelihoods of the targets in nats, for heads of probabilities.

        Those are softmax, and sigmoid with cross-entropy.

        Parameters
        ----------
        data : Sequences
            Inputs and targets.
        per : "model", "sequence" or "step"
            What to sum over.

        Returns
        -------
        float64 array (M,), (M, N) or (M, S)
            Sums over all counted steps, over those of each sequence, or each step; 0 where a step does not count.

        Raises
        ------
        ValueError
            For other heads, or another `per`.
        """
        if self.head.targets == "reals" or getattr(self.head, "measure", "cross-entropy") != "cross-entropy":
            raise ValueError(f"log_likelihood: the head {self.head.name} has none; `losses` gives its loss")
        data = _sequences(data)
        _check_per(per)
        return _over(-np.nan_to_num(self.losses(data)), data, per)

    def _decided(self, targets, data):
        """Return z (M, S, O), after a check that the head has targets of this kind."""
        if self.head.targets != targets:
            raise ValueError(f"{targets}: the head {self.head.name} predicts {self.head.targets}; see predict")
        return self.outputs(data)

    def _run(self, data, states=False, initial=None):
        """Return z (M, S, O), and for each model its states (S, W), or None, and the last ones (N, W)."""
        data = _sequences(data)
        if initial is None:
            initial = data.initial
        else:
            initial = states_of_sequences(initial, len(self), len(data))
        parts = [None] * len(self)
        for size in np.unique(self.hidden_size):
            chosen, recipe = np.flatnonzero(self.hidden_size == size), self._recipes[int(size)]
            check_inputs(data, recipe, initial)
            own = None if initial is None else np.broadcast_to(initial, (len(self), *initial.shape[-2:]))[chosen]
            weights = np.stack([self._rows[i] for i in chosen])
            z, kept, last = outputs_of(recipe, weights, data, states, own)
            for row, i in enumerate(chosen):
                parts[i] = z[row], kept[row] if states else None, last[row]
        z, kept, last = zip(*parts)
        return np.stack(z), kept, last

    def _stacked(self, states):
        if len(np.unique(self.hidden_size)) > 1:
            raise ValueError(
                "states: the models have different sizes; choose those of one, for example fits[fits.hidden_size == 4]"
            )
        return np.stack(states)


def _check_per(per):
    if per not in ("model", "sequence", "step"):
        raise ValueError(f"per: got {per!r}, expected model, sequence or step")


def _over(steps, data, per):
    """Return values (M, S) of steps as they are, or their sums over each sequence (M, N), or over all steps (M,)."""
    if per == "sequence":
        return np.add.reduceat(steps, data.offsets[:-1], axis=1)
    return steps if per == "step" else steps.sum(1)


def _sequences(data):
    return data if isinstance(data, Sequences) else Sequences(data)
