"""Runs networks one step at a time, in NumPy and float64, on the traced formula of any cell; and returns their gates.
"""

import numpy as np

from fastrnn.data.sequences import Sequences
from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import ordered
from fastrnn.training.sequences.one import as_fits

NONLINEARITIES = frozenset({"sigmoid", "tanh", "relu", "exp", "softplus"})


class Stepper:
    """M fitted models of one size, side by side, in NumPy and float64; a call takes one step.

    `stepper(states, x)` takes states (M, ..., W) and inputs (..., I), the same for all models, or (M, ..., I), and
    returns the next states. W is the number of states of the cell times the hidden size; all states of the cell follow
    each other.

    Parameters
    ----------
    fits : Fits or Fit
        Models of one hidden size.

    Raises
    ------
    ValueError
        For models of different sizes.
    """

    def __init__(self, fits):
        fits = as_fits(fits)
        if len(np.unique(fits.hidden_size)) > 1:
            raise ValueError(
                "fits: the models have different sizes; choose those of one, for example fits[fits.hidden_size == 4]"
            )
        self.cell, self.head, self.before = fits.cell, fits.head, fits.config.before
        self.step, self.models, self.hidden = fits.cell.traced(), len(fits), int(fits.hidden_size[0])
        weights = [fits.weights(i) for i in range(len(fits))]
        self.weights = {name: np.stack([own[name] for own in weights]).astype(float) for name in weights[0]}
        self.inputs, self.size = self.weights["w_ih"].shape[2], len(self.cell.state) * self.hidden

    def start(self, *shape, initial=None):
        """Return the states before the first step.

        Parameters
        ----------
        *shape : int
            The axes between those of the models and of the state, for example the number of sequences.
        initial : array (..., W) or None
            The states to start from; None: the models' own, which are 0 unless they were learned.

        Returns
        -------
        float64 array (M, *shape, W)

        Raises
        ------
        ValueError
            For `initial` of another size.
        """
        if initial is not None:
            if initial.shape[-1] != self.size:
                raise ValueError(f"initial: got {initial.shape[-1]} numbers per sequence, expected {self.size}")
            return np.broadcast_to(initial, (self.models, *shape, self.size)).astype(float)
        own = [self.weights.get(f"initial_{name}", np.zeros((self.models, self.hidden))) for name in self.cell.state]
        first = np.concatenate(own, 1).reshape(self.models, *[1] * len(shape), self.size)
        return np.broadcast_to(first, (self.models, *shape, self.size)).copy()

    def __call__(self, states, x):
        """Return the states after a step."""
        return np.concatenate(self._values(self.step.new, states, x), -1)

    def outputs(self, states, after=None):
        """Return the outputs z before the head's link.

        Parameters
        ----------
        states : array (M, ..., W)
            States after a step, or before it if `after` is given.
        after : array (M, ..., W) or None
            States after the step. The models read one of the two, as their option `before` says.

        Returns
        -------
        float64 array (M, ..., O)
        """
        h = (states if self.before or after is None else after)[..., : self.hidden]
        z = _product(h, self.weights["w_ho"])
        return z + _beside(self.weights["b_o"], z) if "b_o" in self.weights else z

    def gates(self, states, x):
        """Return the gates of the step that begins with these states.

        Parameters
        ----------
        states : array (M, ..., W)
            States before the step.
        x : array (..., I) or (M, ..., I)
            Inputs of the step.

        Returns
        -------
        dict
            {gate: float64 array (M, ..., H)}, values after the gate's activation.
        """
        nodes = gate_nodes(self.cell)
        return dict(zip(nodes, self._values(tuple(nodes.values()), states, x)))

    def _values(self, nodes, states, x):
        states, x = np.asarray(states, float), np.asarray(x, float)
        if x.shape[-1] != self.inputs:
            raise ValueError(f"x: got {x.shape[-1]} inputs, expected {self.inputs}")
        x = np.broadcast_to(x, (*states.shape[:-1], self.inputs))
        values = dict(zip(self.step.old, np.split(states, len(self.cell.state), -1)))
        own = [_beside(self.weights[name], states) for name in self.cell.vectors]
        values |= dict(zip(self.step.vectors, own))
        self._set_pre(values, x, states[..., : self.hidden])
        return [np.broadcast_to(each, (*states.shape[:-1], self.hidden)) for each in on_numpy(nodes, values)]

    def _set_pre(self, values, x, h):
        """Add the pre-activations to the values of nodes: first those that do not depend on the operand."""
        operand, late = self.step.operand, self.cell.operand_gates
        self._add_pre(values, [gate for gate in self.cell.gates if gate not in late], x, h)
        if operand is not None:
            self._add_pre(values, late, x, on_numpy([operand.node], values)[0])

    def _add_pre(self, values, gates, x, right):
        recurrent, named = [gate for gate in self.cell.gates if gate not in self.cell.inputs_only], {}
        for gate in gates:
            parts = [self._part("ih", self.cell.gates.index(gate), x)]
            if gate in recurrent:
                parts.append(self._part("hh", recurrent.index(gate), right))
            if gate in self.cell.separate:
                named[f"{gate}_x"], named[f"{gate}_h"] = parts
            else:
                named[gate] = sum(parts[1:], parts[0])
        values |= {symbol: named[group] for group, symbol in zip(self.step.groups, self.step.pre) if group in named}

    def _part(self, side, number, values):
        """Return a gate's product of a matrix and values, plus its bias; number: of the gate in this matrix."""
        rows = slice(number * self.hidden, (number + 1) * self.hidden)
        part, bias = _product(values, self.weights[f"w_{side}"][:, rows]), self.weights.get(f"b_{side}")
        return part if bias is None else part + _beside(bias[:, rows], part)


def gate_nodes(cell):
    """Return {gate: node}: the first activation that reads the gate's pre-activation, or the pre-activation itself."""
    step, found = cell.traced(), {}
    reached = {
        symbol: {group.removesuffix("_x").removesuffix("_h") if group not in cell.gates else group}
        for group, symbol in zip(step.groups, step.pre)
    }
    own = {name: symbol for symbol, names in reached.items() for name in names}
    for node in ordered([*([] if step.operand is None else [step.operand.node]), *step.new]):
        if node.op in ("input", "constant"):
            continue
        names = set().union(*(reached.get(arg, ()) for arg in node.args))
        if node.op in NONLINEARITIES:
            for name in names - set(found):
                found[name] = node
            # What a gate multiplies belongs to another gate.
            names = set()
        reached[node] = names
    return {gate: found.get(gate, own[gate]) for gate in cell.gates}


def gates(fits, data):
    """Return the value of each gate of the cell, after its activation, at all steps of sequences.

    The gates of a GRU are r, z and n, those of an LSTM i, f, g and o.

    Parameters
    ----------
    fits : Fits or Fit
        Models of one hidden size.
    data : Sequences or a list of arrays (steps, inputs)
        The inputs.

    Returns
    -------
    dict
        {gate: float64 array (M, S, H)}.

    Raises
    ------
    ValueError
        For models of different sizes, or inputs of another number than the models have.
    """
    data, stepper = data if isinstance(data, Sequences) else Sequences(data), Stepper(fits)
    states, out = stepper.start(len(data), initial=data.initial), {}
    for step in range(int(data.lengths.max())):
        going = np.flatnonzero(data.lengths > step)
        at = data.offsets[going] + step
        for name, values in stepper.gates(states[:, going], data.x[at]).items():
            out.setdefault(name, np.empty((stepper.models, data.steps, stepper.hidden)))[:, at] = values
        states[:, going] = stepper(states[:, going], data.x[at])
    return out


def _product(values, matrix):
    """Multiply a matrix (M, R, C) of each model by values (M, ..., C); return (M, ..., R)."""
    flat = values.reshape(len(values), -1, values.shape[-1])
    return (flat @ matrix.transpose(0, 2, 1)).reshape(*values.shape[:-1], matrix.shape[1])


def _beside(vectors, values):
    """Return vectors (M, R) of the models in a shape that broadcasts with values (M, ..., R)."""
    return vectors.reshape(len(vectors), *[1] * (values.ndim - 2), vectors.shape[-1])
