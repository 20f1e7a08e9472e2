"""The checkpoint of a fit: finished models, and the states of those in lanes.

For the models of each hidden size H: `H.done` (n, 5) int64: model, best_round, rounds, why it stopped, evaluations;
`H.done.best` (n, R); `H.done.history` (E, 6), one after the other. `H.lanes` (l, 6) int64: model, group, round of the
group, slot, updates, evaluations; `H.lanes.theta` and so on: the arrays of their Lanes.
"""

from dataclasses import asdict

import numpy as np

from fastrnn.checkpoint import hash_of, plain_fields, read_sealed, sealed
from fastrnn.kernels.recurrent.decide import ROLE_SUMS
from fastrnn.training.sequences.job import ENDS, FitResult
from fastrnn.training.sequences.lanes import Lane
from fastrnn.training.tasks.autosave import TrainingAutosave
from fastrnn.training.tasks.continuation import weights_digest, with_code
from fastrnn.training.tasks.many_results import parts

AUTOSAVE_KIND = "fit checkpoint"
STACKED = ("theta", "best", "slots", "running", "progress", "active")


class CallersFile(str):
    """The path of a checkpoint that the caller removes, once the result is saved."""


class FitAutosave(TrainingAutosave):
    """An Autosave of the models of one call of `fit_sequences`; `state`: (header, tensors) of the file, or None."""

    def finish(self):
        """Remove the file, unless that is the caller's task."""
        if not isinstance(self.path, CallersFile):
            self.remove()

    def _loaded(self):
        header, tensors = read_sealed(self.path, AUTOSAVE_KIND, "checkpoint of a fit")
        return header["identity"], (header, tensors)

    def take_up(self, manys):
        """Load the content of the file into Manys that have not begun; return the seconds of training so far."""
        if self.state is None:
            return 0.0
        header, tensors = self.state
        self.state = None
        with self.taking_up():
            for many in manys:
                prefix = _prefix(many)
                names = [name for name in tensors if name.startswith(prefix)]
                if names:
                    _take_up(many, {name.removeprefix(prefix): tensors[name] for name in names})
            return float(header["seconds"])

    def save(self, held, seconds):
        """Write the finished models, and {Many: lanes of its models at work, as Many.held}."""
        tensors = {}
        for many, lanes in held.items():
            tensors |= {f"{_prefix(many)}{name}": array for name, array in _arrays(many, lanes).items()}
        header = {"kind": AUTOSAVE_KIND, "format": 1, "identity": self.identity, "seconds": seconds}
        self.write(lambda: sealed(tensors, header))


def _prefix(many):
    return f"{many.recipe.cell.hidden_size}."


def _arrays(many, held):
    """Return {name: array} of the models of one size."""
    taken = list(many.taken.values())
    rows = [
        (each.job.model, each.best_round, each.rounds, list(ENDS).index(each.stopped), len(each.history))
        for each in taken
    ]
    lanes = [
        (number, round_, slot, job, lane)
        for number, (round_, group) in enumerate(held)
        for slot, job, lane in group
        if job.model not in many.taken
    ]
    dtype, width = many.recipe.dtype, many.recipe.rows
    out = {
        "done": np.array(rows, np.int64).reshape(-1, 5),
        "done.best": np.array([each.best for each in taken], dtype).reshape(-1, width),
        "done.history": np.concatenate([np.zeros((0, ROLE_SUMS), dtype), *(each.history for each in taken)]),
    }
    if lanes:
        out["lanes"] = np.array(
            [(job.model, n, round_, slot, lane.updates, len(lane.history)) for n, round_, slot, job, lane in lanes]
        )
        own = [lane for *_, lane in lanes]
        out |= {f"lanes.{name}": np.stack([getattr(lane, name) for lane in own]) for name in STACKED}
        out["lanes.history"] = np.concatenate([lane.history for lane in own])
    return out


def _take_up(many, arrays):
    """Load the arrays of one size into its Many."""
    jobs, done = {job.model: job for job in many.jobs}, arrays["done"]
    histories = parts(arrays["done.history"], done[:, 4])
    known = [
        FitResult(jobs[model], best, history, best_round, rounds, list(ENDS)[end])
        for (model, best_round, rounds, end, _), best, history
        in zip(done.tolist(), arrays["done.best"], histories, strict=True)
    ]
    many.restore(known, _held(jobs, arrays) if "lanes" in arrays else [])


def _held(jobs, arrays):
    """Return the models in lanes, as Many.held."""
    rows, groups = arrays["lanes"], {}
    columns = [arrays[f"lanes.{name}"] for name in STACKED]
    histories = parts(arrays["lanes.history"], rows[:, 5])
    for (model, number, round_, slot, updates, _), history, *values in zip(
        rows.tolist(), histories, *columns, strict=True
    ):
        lane = Lane(*values, history=history, updates=updates)
        groups.setdefault((number, round_), []).append((slot, jobs[model], lane))
    return [(round_, lanes) for (_, round_), lanes in groups.items()]


def fit_identity(cell, head, data, config, lanes, each, weights, **arrays):
    """Return plain values that are equal for fits that end in the same bytes; head: the result of `described_head`;
    arrays: those that differ between models."""
    described = {
        "cell": {"name": cell.name or type(cell).__name__, "formula": cell.traced().text, **plain_fields(cell)},
        "starts": cell.starts,
        "head": head,
        "data": data.digest,
        "config": asdict(config),
        "lanes": lanes,
        "each": each,
        "weights": weights_digest(weights and {name: np.asarray(values) for name, values in weights.items()}),
    }
    for name, value in arrays.items():
        described[name] = hash_of(value if isinstance(value, dict) else {"": value})
    return with_code(described)
