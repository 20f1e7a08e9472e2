"""A network in plain float64, step by step beside its task: where to look for proofs and for mistakes."""

import numpy as np


class Network:
    """The model in float64 and its task, step by step."""

    def __init__(self, model, automaton):
        weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
        self.automaton, self.w_hh, self.w_ho = automaton, weights["w_hh"].T, weights["w_ho"].T
        self.given = automaton.inputs @ weights["w_ih"].T + weights.get("b_ih", 0.0) + weights.get("b_hh", 0.0)
        self.b_o, self.cell = weights.get("b_o", 0.0), model.cell

    def step(self, hidden, state):
        """(states, task states, margins) after each symbol, (N * S, H), (N * S), (N * S)."""
        pre = (hidden @ self.w_hh)[:, None] + self.given
        # Of bounds that are 1e-15 apart, either will do.
        after = self.cell.interval_activate(pre, pre, 0.0)[0].reshape(-1, hidden.shape[1])
        labels = self.automaton.outputs[state].reshape(len(after), -1) * 2.0 - 1
        margin = (labels * (after @ self.w_ho + self.b_o)).min(axis=1)
        return after, self.automaton.following[state].reshape(-1), margin

