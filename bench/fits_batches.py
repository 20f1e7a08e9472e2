"""The tables of one model on batches, compared with JAX and PyTorch, and of a user's cell, compared with fastrnn's."""

from contextlib import ExitStack, closing

import numpy as np

import fastrnn
from bench.fits_ours import Ours, Peak, shares
from bench.fits_peers import Peer, report
from bench.peers.fits_worker import BATCHED, BETA1, BETA2, CHECKED, EPSILON, RATE, TOLERANCE, WORKS, Batches, off
from fastrnn.bench import timing
from fastrnn.formula import sigmoid, tanh

CELLS = {"gru": fastrnn.GRU, "lstm": fastrnn.LSTM}


class OwnGRU(fastrnn.Cell):
    """The equations of fastrnn.GRU, as a user writes them."""

    gates, separate = ("r", "z", "n"), ("n",)

    def step(self, pre, h):
        z = sigmoid(pre.z)
        n = tanh(pre.n_x + sigmoid(pre.r) * pre.n_h)
        return n + z * (h - n)


def case_of(work, name, cell, dtype):
    """Return the case of a Work, with the data and weights that the peers take; name: of the cell of the same shapes
    that they have."""
    task = Batches(work, name, cell.hidden_size, dtype)
    x, y = (np.moveaxis(values, 2, 0) for values in (task.x, task.y))
    x, y = (values.reshape(work.sequences, -1, *values.shape[3:]) for values in (x, y))
    kind = {"kind": "classes", "classes": work.outputs} if work.classes else {}
    options = {"optimizer": work.optimizer, "learning_rate": RATE, "l1": 0.0, "evaluate_every": 10**6}
    if work.optimizer == "adam":
        options["optimizer_options"] = {"beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
    if work.pieces > 1:
        options |= {"batch_size": work.sequences, "tbptt_steps": work.steps, "carry": True}
    data = fastrnn.Sequences(x, y, **kind)
    return Ours(cell, data, dtype, "sequences", validation=0.0, weights=task.weights, **options)


def agree(name, cell):
    """Raise a RuntimeError where a peer's weights differ from ours, in float64, after the updates of a call."""
    work = WORKS[name]
    ours = case_of(work, cell, CELLS[cell](CHECKED), "float64")
    start = ours.weights()
    ours.run(work.together)
    for engine in BATCHED:
        with closing(Peer(engine, CHECKED, "float64", work=name, cell=cell)) as peer:
            # Making a case runs it once.
            peer.run(work.together // peer.updates - 1)
            apart = off(start, peer.weights(), ours.weights())
        if not apart < TOLERANCE:
            raise RuntimeError(f"{engine}, {name}, {cell}: weights differ from ours by {apart:.0e} of their movement")


def one_model(name, networks, rounds, seconds, peers):
    """Return (head, rows) of the table of a Work; networks: [(name of a cell, hidden size)]; peers: whether JAX and
    PyTorch are compared."""
    head = ["cell", "H", "ours, M sample-steps/s", "of peak"]
    if peers:
        head += ["JAX", "nn.GRU, nn.LSTM", "ours over JAX", "over nn.GRU, nn.LSTM"]
        for cell in dict.fromkeys(cell for cell, _ in networks):
            report(f"{name}, {cell}: comparing weights, compiling")
            agree(name, cell)
    rows = []
    for cell, hidden in networks:
        label = f"{name}, {cell}, {hidden} units"
        report(f"{label}: compiling")
        cases = {"ours": case_of(WORKS[name], cell, CELLS[cell](hidden), "float32"), "peak": Peak("float32")}
        with ExitStack() as stack:
            for engine in BATCHED if peers else ():
                cases[engine] = stack.enter_context(closing(Peer(engine, hidden, "float32", work=name, cell=cell)))
            measured = timing.measure(
                {key: case.run for key, case in cases.items()}, rounds, seconds,
                lambda done, total, _: report(f"{label}: {done} of {total}"),
            )
        rate = {key: [case.steps / each / 1e6 for each in measured[key][1]]
                for key, case in cases.items() if key != "peak"}
        share = shares(cases["ours"], measured["ours"][1], cases["peak"], measured["peak"][1])
        row = [f"{timing.median(rate['ours']):,.2f}", f"{timing.median(share):.0%}"]
        if peers:
            row += [f"{timing.median(rate[engine]):,.2f}" for engine in BATCHED]
            row += [f"{timing.times(rate['ours'], rate[engine]):.2f}" for engine in BATCHED]
        rows.append([cell, hidden, *row])
    report("")
    return head, rows


def own(data, rounds, seconds):
    """Return (head, rows) of the table of a user's cell and fastrnn.GRU, in batches and many models side by side on
    these Sequences; the two of a row are measured in turns."""
    ways = {
        "one model, batches": ((16, 64), lambda cell: case_of(WORKS["sequences"], "gru", cell, "float32")),
        "models side by side": ((4, 16), lambda cell: Ours(cell, data, "float32")),
    }
    rows = []
    for way, (sizes, make) in ways.items():
        for hidden in sizes:
            cases = [make(cell(hidden)) for cell in (OwnGRU, fastrnn.GRU)]
            measured = timing.measure({n: case.run for n, case in enumerate(cases)}, rounds, seconds)
            rates = [[case.steps / t / 1e6 for t in measured[n][1]] for n, case in enumerate(cases)]
            columns = [f"{timing.median(each):,.2f}" for each in rates]
            rows.append([way, hidden, *columns, f"{timing.times(*rates):.3f}"])
    return ["updates", "H", "own, M model-steps/s", "fastrnn.GRU", "own over fastrnn.GRU"], rows
