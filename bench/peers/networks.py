"""`python -m bench.peers.networks`: compares losses, gradients and updates with PyTorch's modules and optimizers, in
float64.

GRU, LSTM and Elman with each head, learned initial states and ragged, weighted sequences; then 50 updates by every
optimizer.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.peers.table import HERE, pythons
from fastrnn import GRU, LSTM, Elman, Sequences, train_many
from fastrnn.data import TRAIN

UPDATES = 50
# Sums in another order; optimizers that divide by small gradients make the most of that.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """A network and an optimizer, in fastrnn and in PyTorch."""

    cell: object
    head: str
    optimizer: str
    rate: float
    options: dict
    torch_optimizer: str
    torch_options: dict
    weight_decay: float = 0.0
    before: bool = False
    updates: int = field(default=UPDATES)

    @property
    def name(self):
        return (f"{self.cell.name} {getattr(self.cell, 'activation', '')} {self.head} {self.optimizer} "
                f"{self.options or ''}"
                f"{' weight decay' if self.weight_decay else ''}{' before' if self.before else ''}")


def cases():
    """Return everything that is compared."""
    sgd = ("sgd", 0.05, {}, "SGD", {"lr": 0.05})
    for cell in (Elman(5, "tanh"), Elman(4, "relu"), GRU(5), LSTM(5)):
        for head in ("softmax", "linear", "sigmoid"):
            yield Case(cell, head, *sgd, before=head == "sigmoid", updates=5)
    for optimizer in (sgd, ("momentum", 0.02, {"beta": 0.8}, "SGD", {"lr": 0.02, "momentum": 0.8}),
                      ("nesterov", 0.02, {"beta": 0.8}, "SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
                      ("rmsprop", 0.01, {"alpha": 0.95, "epsilon": 1e-6}, "RMSprop",
                       {"lr": 0.01, "alpha": 0.95, "eps": 1e-6}),
                      ("rmsprop", 0.003, {"momentum": 0.7}, "RMSprop", {"lr": 0.003, "momentum": 0.7}),
                      ("adam", 0.02, {"beta2": 0.999}, "Adam", {"lr": 0.02, "betas": (0.9, 0.999)}),
                      ("amsgrad", 0.02, {"beta1": 0.5, "beta2": 0.9}, "Adam",
                       {"lr": 0.02, "betas": (0.5, 0.9), "amsgrad": True})):
        yield Case(GRU(4), "softmax", *optimizer)
    yield Case(GRU(4), "softmax", "adam", 0.02, {"beta2": 0.999}, "AdamW", {"lr": 0.02, "weight_decay": 0.1},
               weight_decay=0.1)


def problem(case, number):
    """Return (lists of x, y and weights of the sequences, initial weights)."""
    rng = np.random.default_rng(number)
    inputs, outputs, hidden, gates = 3, 1 if case.head == "linear" else 3, case.cell.hidden_size, len(case.cell.gates)
    x = [rng.normal(size=(steps, inputs)) for steps in (4, 9, 6, 1, 7)]
    y = [{"softmax": rng.integers(0, outputs, len(each)), "linear": rng.normal(size=(len(each), outputs)),
          "sigmoid": rng.integers(0, 2, (len(each), outputs))}[case.head] for each in x]
    weight = [rng.choice([0.0, 0.5, 1, 2], len(each)) for each in x]
    shapes = {"w_ih": (gates * hidden, inputs), "w_hh": (gates * hidden, hidden), "b_ih": (gates * hidden,),
              "b_hh": (gates * hidden,),
              "w_ho": (outputs, hidden), "b_o": (outputs,),
              **{f"initial_{name}": (hidden,) for name in case.cell.state}}
    return x, y, weight, {name: rng.normal(size=shape) * 0.4 for name, shape in shapes.items()}


def padded(values):
    """Return the sequences padded to one length, (N, T, ...)."""
    out = np.zeros((len(values), max(map(len, values)), *values[0].shape[1:]))
    for row, value in zip(out, values):
        row[: len(value)] = value
    return out


def here(case, x, y, weight, weights):
    """Return fastrnn's (losses (updates + 1), gradients, weights after some update, the number of that update)."""
    # A class that no step has would not be known otherwise.
    data = Sequences(x, y, weight=weight, **({"kind": "classes", "classes": 3} if case.head == "softmax" else {}))
    common = dict(roles=[TRAIN] * len(x), head=case.head, weights=weights, initial_state="learned", before=case.before,
                  patience=None,
                  evaluate_every=1, dtype="float64")
    fits = train_many(
        case.cell,
        data,
        optimizer=case.optimizer,
        learning_rate=case.rate,
        optimizer_options=case.options,
        weight_decay=case.weight_decay,
        decay_on=tuple(weights),
        epochs=case.updates,
        **common,
    )
    # Gradient descent at a small rate moves by the gradient, and its best weights are those after the update.
    rate = 1e-3
    one = train_many(case.cell, data, optimizer="sgd", learning_rate=rate, epochs=1, **common)
    assert one.best_epoch[0] == 1
    gradient = {name: (weights[name] - values) / rate for name, values in one.weights(0).items()}
    return fits.history(0)["loss"][:, 0], gradient, fits.weights(0), int(fits.best_epoch[0])


def distance(a, b):
    """Return the largest difference, divided by the largest number."""
    return float(np.abs(a - b).max() / max(1e-3, np.abs(b).max()))


def main():
    """Print a line for each case; return 1 if one differs or PyTorch is missing."""
    python = pythons().get("torch")
    if python is None:
        print("PyTorch is not installed: run make bench-peers", file=sys.stderr)
        return 1
    wanted, arrays, problems = list(cases()), {}, []
    for number, case in enumerate(wanted):
        x, y, weight, weights = problem(case, number)
        what = {"cell": case.cell.name, "nonlinearity": getattr(case.cell, "activation", None), "head": case.head,
                "before": case.before,
                "optimizer": case.torch_optimizer, "options": case.torch_options, "updates": case.updates}
        own = {"x": padded(x), "y": padded([each[:, None] if each.ndim == 1 else each for each in y]),
               "weight": padded(weight),
               "what": json.dumps(what), **{f"w.{name}": values for name, values in weights.items()}}
        arrays |= {f"{number}.{name}": value for name, value in own.items()}
        problems.append((x, y, weight, weights))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "cases.npz", Path(folder) / "results.npz"
        np.savez(source, **arrays)
        subprocess.run([python, HERE / "torch_networks.py", source, target], check=True)
        results = dict(np.load(target))
    wrong = 0
    for number, case in enumerate(wanted):
        losses, gradient, weights, update = here(case, *problems[number])
        loss = distance(losses, results[f"{number}.loss"])
        slope = max(distance(values, results[f"{number}.gradient.{name}"]) for name, values in gradient.items())
        moved = max(distance(values, results[f"{number}.w.{name}"][update]) for name, values in weights.items())
        right = max(loss, slope, moved) < TOLERANCE
        wrong += not right
        print(f"{'' if right else 'WRONG: '}{case.name}: losses of {case.updates} updates within {loss:.0e}, "
              f"gradients within {slope:.0e}, weights after {update} updates within {moved:.0e}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
