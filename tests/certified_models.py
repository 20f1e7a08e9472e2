"""Networks with proofs, trained once a test run, for the tests of proofs and of their checker."""

from functools import lru_cache
from pathlib import Path

import fastrnn
from fastrnn.model import Model
from fastrnn.proofs import certify
from fastrnn.training.tasks.certified_finetune import certified_finetune

FIXTURES = Path(__file__).parent / "fixtures"
# Exact on all pairs of 8 bits, wrong at some larger width: plain training of the default recipe, or of tanh's.
WRONG = sorted(FIXTURES.glob("wrong-*.safetensors"))
TANH = {"initializer": "xavier", "learning_rate": 0.03}


@lru_cache
def proved(hidden=16, activation="sigmoid", seed=0, operands=2, bias=True):
    """The Certification of a network by the recipe."""
    config = fastrnn.TrainConfig(seed=seed, **(TANH if activation == "tanh" else {}))
    run = fastrnn.train(
        fastrnn.Elman(hidden, activation, bias), fastrnn.tasks.Addition(bits=8, operands=operands), config
    )
    assert run.exact
    found = certified_finetune(run.model, config)[1]
    assert found.proved, str(found)
    return found


@lru_cache
def double():
    """The same in float64."""
    model = proved().model
    wide = Model(model.cell, {name: weight.astype("float64") for name, weight in model.weights.items()}, model.task)
    found = certify(wide)
    assert found.proved
    return found


@lru_cache
def unproved():
    """A network that is exact at 8 bits, and nothing more is known of it."""
    run = fastrnn.train(fastrnn.Elman(16), fastrnn.tasks.Addition(bits=8), seed=0)
    assert run.exact
    return run.model
