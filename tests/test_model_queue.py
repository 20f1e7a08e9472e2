"""What compiled code decides on models side by side is what Python decides: when each ends, why, with which bytes."""

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman
from fastrnn.training.tasks import many_driver

# Some are exact early, some late, some never; with the large rates some diverge.
CASES = {
    "until exact": {"learning_rate": 0.02, "max_samples": 20_000},
    "until samples": {"learning_rate": 0.02, "max_samples": 6_000, "until": "samples"},
    "a long patience": {"verify_after": 2_000, "max_samples": 9_000},
    "some diverge": {
        "dtype": "float64", "weight_decay": 0.1, "batch_size": 4, "max_samples": 4_000,
        "learning_rate": np.where(np.arange(50) % 3, 0.01, 1e300),
    },
    "a falling rate": {"schedule": "linear", "learning_rate": 0.05, "max_samples": 4_000},
}
SEEDS = range(50)


def parts(run):
    """All that a ManyRun says of its models, but for times."""
    histories = [run.history(i) for i in range(len(run))]
    return [
        run.stopped, run.exact.tolist(), run.steps.tolist(), run.samples_to_exact.tolist(), run._weights.tobytes(),
        run.loss.tobytes(), run.exact_accuracy.tobytes(),
        [(each.samples.tolist(), each.loss.tolist(), each.bit_accuracy.tolist()) for each in histories],
    ]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_decisions_are_those_of_python(case, threads, monkeypatch):
    def trained():
        return fastrnn.train_many(Elman(4), seeds=SEEDS, threads=threads, **CASES[case])

    compiled = trained()
    with monkeypatch.context() as context:
        context.setattr(many_driver, "enumerable", lambda task: False)
        asked = trained()
    assert parts(compiled) == parts(asked)
    kinds = {*compiled.stopped}
    assert kinds == {
        "until exact": {"exact", "samples"},
        "a long patience": {"exact", "samples"},
        "some diverge": {"samples", "diverged"},
    }.get(case, kinds)
    assert compiled.verification == asked.verification


def test_more_models_than_a_group_keeps_results_of():
    count = 2_000
    run = fastrnn.train_many(Elman(2), seeds=range(count), max_samples=160, until="samples", threads=1)
    assert run.stopped == ["samples"] * count and (run.steps == 10).all()
    few = fastrnn.train_many(Elman(2), seeds=[7, 1_999], max_samples=160, until="samples", threads=1)
    assert np.array_equal(run._weights[[7, 1_999]], few._weights)
    assert run.history(1_999).loss.tolist() == few.history(1).loss.tolist()
