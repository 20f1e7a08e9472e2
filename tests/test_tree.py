"""The tree of all samples against verification one sample after the other, and against Python's int."""

from pathlib import Path

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Model, tasks
from fastrnn.bits.tree import Tree
from fastrnn.verification import enumerable, exactness, verify


def mistaken(model):
    return Tree(model.cell, model.task, model.dtype).has_mistake(model.theta)


@pytest.mark.parametrize(
    "task", [tasks.Addition(bits=2), tasks.Addition(bits=5), tasks.Addition(bits=4, operands=3), tasks.Parity(bits=6)]
)
def test_every_single_mistake_is_found(task):
    run = fastrnn.train(Elman(16), task, seed=1)
    assert run.stopped == "exact" and not mistaken(run.model)
    rng, counts = np.random.default_rng(0), []
    for scale in np.linspace(0.02, 0.5, 30):
        weights = {
            name: (w + scale * rng.standard_normal(w.shape)).astype(w.dtype) for name, w in run.model.weights.items()
        }
        model = Model(run.model.cell, weights, task)
        counts.append(verify(model).wrong)
        assert mistaken(model) == (counts[-1] > 0) and (exactness(model) is not None) == (counts[-1] == 0)
    assert 0 in counts and max(counts) > 0


def test_a_network_wrong_on_one_pair_alone_is_found():
    model = fastrnn.train(Elman(16), tasks.Addition(bits=5), seed=3).model
    found = False
    # Some shift of the output's bias makes one pair wrong, and no other yet.
    for shift in np.linspace(-2, 2, 501):
        shifted = Model(
            model.cell, {**model.weights, "b_o": (model.weights["b_o"] + shift).astype(np.float32)}, model.task
        )
        if verify(shifted).wrong == 1:
            found = True
            assert mistaken(shifted)
    assert found


def test_tasks_with_too_many_samples_are_left_to_verification():
    assert enumerable(tasks.Addition(bits=13)) and not enumerable(tasks.Addition(bits=14))
    model = fastrnn.train(Elman(16), tasks.Addition(bits=8), seed=0).model
    wide = Model(model.cell, model.weights, tasks.Addition(bits=20))
    assert (exactness(wide) is not None) == verify(wide).exact


def test_an_exact_model_comes_with_what_it_was_verified_on():
    model = Model.load(Path(__file__).parent / "fixtures" / "smallest-adder.safetensors")
    for bits in (5, 20):
        narrow, whole = (
            check(Model(model.cell, model.weights, tasks.Addition(bits=bits))) for check in (exactness, verify)
        )
        assert whole.exact and (narrow.samples, narrow.exhaustive, narrow.bits) == (
            whole.samples,
            whole.exhaustive,
            bits,
        )
