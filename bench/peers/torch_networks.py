"""Runs PyTorch's own modules, losses and optimizers on given networks, in float64.

`python torch_networks.py CASES.npz RESULTS.npz`

A case is arrays named NUMBER.x (N, T, I), .y, .weight (N, T), .w.NAME for each weight, and .what, JSON: cell,
nonlinearity, head, optimizer and its options, updates, before. Results: NUMBER.loss (updates + 1), NUMBER.gradient.NAME
at the start, and NUMBER.w.NAME (updates + 1, ...), the weights before each update and after the last.
"""

import json
import sys

import numpy as np
import torch
from torch.nn import functional

CELLS = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
EACH = {"reduction": "none"}
LOSSES = {"softmax": lambda z, y: functional.cross_entropy(z.transpose(1, 2), y[..., 0].long(), **EACH),
          "linear": lambda z, y: functional.mse_loss(z, y, **EACH).mean(-1),
          "sigmoid": lambda z, y: functional.binary_cross_entropy_with_logits(z, y, **EACH).sum(-1)}


class Network(torch.nn.Module):
    """One of PyTorch's recurrent modules with an nn.Linear and learned initial states."""

    def __init__(self, what, weights):
        super().__init__()
        hidden, inputs = weights["w_hh"].shape[1], weights["w_ih"].shape[1]
        more = {"nonlinearity": what["nonlinearity"]} if what["cell"] == "elman" else {}
        self.rnn = CELLS[what["cell"]](inputs, hidden, batch_first=True, **more)
        self.head = torch.nn.Linear(hidden, len(weights["w_ho"]))
        states = [name for name in weights if name.startswith("initial_")]
        self.initial = torch.nn.ParameterDict({name: torch.zeros(hidden) for name in states})
        self.before = what["before"]
        self.double()
        self.named = {"w_ih": self.rnn.weight_ih_l0, "w_hh": self.rnn.weight_hh_l0, "b_ih": self.rnn.bias_ih_l0,
                      "b_hh": self.rnn.bias_hh_l0,
                      "w_ho": self.head.weight, "b_o": self.head.bias, **self.initial}
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(torch.tensor(weights[name]))

    def forward(self, x):
        # By name: a ParameterDict has its own order.
        names = [name for name in ("initial_h", "initial_c") if name in self.initial]
        states = [self.initial[name].expand(1, len(x), -1).contiguous() for name in names]
        h, _ = self.rnn(x, tuple(states) if len(states) > 1 else states[0])
        if self.before:
            h = torch.cat([states[0].transpose(0, 1), h[:, :-1]], 1)
        return self.head(h)


def run(what, x, y, weight, weights):
    """Return the results of one case."""
    network = Network(what, weights)
    optimizer = getattr(torch.optim, what["optimizer"])(network.parameters(), **what["options"])
    results = {"loss": [], **{f"w.{name}": [] for name in network.named}}
    for update in range(what["updates"] + 1):
        optimizer.zero_grad()
        loss = (LOSSES[what["head"]](network(x), y) * weight).sum() / weight.sum()
        loss.backward()
        results["loss"].append(loss.item())
        for name, parameter in network.named.items():
            results[f"w.{name}"].append(parameter.detach().numpy().copy())
            if update == 0:
                results[f"gradient.{name}"] = parameter.grad.numpy().copy()
        optimizer.step()
    return {name: np.array(values) for name, values in results.items()}


def main(source, target):
    torch.set_num_threads(1)
    cases, results = np.load(source), {}
    for number in sorted({name.split(".")[0] for name in cases.files}, key=int):
        own = {name.split(".", 1)[1]: cases[name] for name in cases.files if name.split(".")[0] == number}
        weights = {name[2:]: values for name, values in own.items() if name.startswith("w.")}
        found = run(json.loads(str(own["what"])), *(torch.tensor(own[name]) for name in ("x", "y", "weight")), weights)
        results |= {f"{number}.{name}": values for name, values in found.items()}
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
