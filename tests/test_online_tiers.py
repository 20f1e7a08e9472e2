"""Kernels of single samples that are compiled for one network alone: the same bytes as from those for all."""

from typing import NamedTuple

import numpy as np
import pytest

from fastrnn import Elman, TrainConfig, train
from fastrnn.kernels import tiers
from fastrnn.kernels.arrays import Arrays, lengths_of
from fastrnn.kernels.packing import shapes_of
from fastrnn.kernels.steps import DIVERGED, RAN
from fastrnn.tasks.addition import Addition
from fastrnn.train.session import Session


class Case(NamedTuple):
    """A network, and how single samples train it; bits: of the task's samples, or 0: sequences of numbers, masked."""

    cell: Elman
    bits: int
    options: dict


CASES = {
    "a full panel": Case(Elman(16), 8, {}),
    "half a panel, truncated": Case(
        Elman(8, "tanh", bias=False), 9, {"optimizer": "adam", "clip": 0.5, "truncate": 4, "weight_decay": 0.01}
    ),
    "dead units, in float64": Case(Elman(13), 17, {"dtype": "float64", "optimizer": "momentum", "l1": 0.001}),
    "panels, of numbers": Case(
        Elman(33, "relu"), 0, {"loss": "cross-entropy", "dtype": "float64", "learning_rate": 0.01}
    ),
    "penalised": Case(Elman(5), 4, {"saturation": 0.1}),
}
# Eight seconds of compilation each. The quick ones have a full panel, and several with dead units in the last one.
SLOW = "a full panel", "half a panel, truncated", "dead units, in float64", "penalised"


def session(case, monkeypatch, own, **options):
    """A Session whose kernels are certain to be those for all, or for it alone."""
    cell, bits, given = case
    config = TrainConfig(batch_size=1, **given, **options)
    if bits:
        task = Addition(bits=bits)
        source, sizes, steps = task.kernel, (task.input_size, task.output_size), bits
    else:
        rng, steps, sizes = np.random.default_rng(1), 11, (3, 2)
        x, y = rng.uniform(-1, 1, (40, steps, 3)), rng.uniform(0, 1, (40, steps, 2))
        mask = rng.integers(0, 2, (40, steps))
        source = Arrays(*(a.astype(config.dtype) for a in (x, y, mask)), lengths_of(mask), True)
    rng, shapes = np.random.default_rng(0), shapes_of(cell.kernel(*sizes))
    weights = {name: rng.uniform(-1, 1, shapes[name]).astype(config.dtype) for name in cell.weights}
    monkeypatch.setattr(tiers, "is_ready", lambda *kernel: False)
    made = Session(cell, sizes, source, steps, config, 1, weights, at_once=own)
    assert made.tiers.own is own
    return made


def results(session, rates):
    """All that comes out of updates with these rates, as bytes, and why they ended."""
    saturations = np.full(len(rates), session.config.saturation)
    parts = [
        session.run(rates[start : start + 50], saturations[start : start + 50], 0) for start in range(0, len(rates), 50)
    ]
    arrays = {**session.weights(), **session.state()[0]}
    values = [*(statistics for statistics, _ in parts), *(arrays[name] for name in sorted(arrays))]
    return b"".join(np.ascontiguousarray(value).tobytes() for value in values), parts[-1][1]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES])
def test_kernels_for_one_network_alone_give_the_same_bytes(name, monkeypatch):
    both = [session(CASES[name], monkeypatch, own) for own in (False, True)]
    assert not {*both[0].tiers.addresses} & {*both[1].tiers.addresses}
    rates = np.full(120, both[0].config.rate)
    (general, why), (own, also) = (results(each, rates) for each in both)
    assert general == own and why == also == RAN


def test_they_diverge_alike(monkeypatch):
    rates = np.full(20, 0.1)
    rates[7] = np.inf
    both = [session(CASES["a full panel"], monkeypatch, own) for own in (False, True)]
    (general, why), (own, also) = (results(each, rates) for each in both)
    assert general == own and why == also == DIVERGED
    # The update that ruined the weights is taken back.
    assert [each.step for each in both] == [7, 7]


def test_training_with_single_samples_changes_to_them_by_itself(monkeypatch):
    options = {"batch_size": 1, "max_samples": 3000, "until": "samples", "threads": 1}
    monkeypatch.setattr(tiers, "is_ready", lambda *kernel: False)
    monkeypatch.setattr(tiers, "_worked", {})
    before = train(Elman(16), Addition(bits=8), **options)
    assert not any(seconds > tiers.ENOUGH for seconds in tiers._worked.values()) and sum(tiers._worked.values()) > 0
    monkeypatch.setattr(tiers, "ENOUGH", 0.0)
    changed, compiled = [], tiers.Tiers._compiled
    monkeypatch.setattr(
        tiers.Tiers, "_compiled", staticmethod(lambda kernels: changed.append(kernels) or compiled(kernels))
    )
    after = train(Elman(16), Addition(bits=8), **options)
    assert len(changed) == 2
    assert all(
        before.model.weights[name].tobytes() == after.model.weights[name].tobytes() for name in before.model.weights
    )
