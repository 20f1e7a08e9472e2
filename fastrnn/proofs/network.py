"""A network in plain float64, run step by step beside its task, to look for proofs and for mistakes."""

import numpy as np

from fastrnn.formula.evaluate import on_numpy
from fastrnn.proofs.weights import Weights


class Float64Network:
    """The model in float64 and its task, step by step; states (N, P H) contain all parts of the state, h first."""

    def __init__(self, model, automaton):
        self.automaton, self.weights = automaton, Weights(model)
        self.parts = len(self.weights.step.new)

    @property
    def start(self):
        """Return the state before any input."""
        return np.zeros((1, self.parts * self.weights.hidden))

    def step(self, states, task_states):
        """Return (states, task states, margins) after each symbol, (N * S, P H), (N * S), (N * S)."""
        weights, inputs = self.weights, self.automaton.inputs
        old = np.split(states[:, None], self.parts, axis=2)
        values = dict(zip(weights.step.old, old)) | weights.vectors

        def add(symbols, operand):
            for symbol in symbols:
                values[symbol] = weights.b[symbol]
                if symbol in weights.w_x:
                    values[symbol] = values[symbol] + inputs @ weights.w_x[symbol].T
                if symbol in weights.w_h:
                    values[symbol] = values[symbol] + operand() @ weights.w_h[symbol].T

        add([symbol for symbol in weights.step.pre if symbol not in weights.operand], lambda: old[0])
        if weights.operand:
            (operand,) = on_numpy([weights.step.operand.node], values)
            add(weights.operand, lambda: operand)
        shape = len(states), len(inputs), weights.hidden
        new = [np.broadcast_to(each, shape) for each in on_numpy(weights.step.new, values)]
        after = np.concatenate(new, axis=2).reshape(-1, states.shape[1])
        labels = self.automaton.outputs[task_states].reshape(len(after), -1) * 2.0 - 1
        margin = (labels * (after[:, : weights.hidden] @ weights.w_ho.T + weights.b_o)).min(axis=1)
        return after, self.automaton.following[task_states].reshape(-1), margin
