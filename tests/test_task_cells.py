"""Every cell on tasks of bits: one network in batches, models side by side, gradients, verification, files."""

from dataclasses import dataclass

import numpy as np
import pytest
from params import quick

import fastrnn
from fastrnn import GRU, LSTM, Cell, Model, loss_and_grad
from fastrnn.errors import CheckpointError
from fastrnn.formula import sigmoid, tanh
from fastrnn.initializers import initial_weights
from fastrnn.networks import shapes_of
from fastrnn.tasks import Addition
from fastrnn.training.tasks.resume import save_run
from fastrnn.verification import verify


@dataclass(frozen=True)
class Mixed(Cell):
    """A cell of a test: a gate of its own and a diagonal recurrence."""

    gates, vectors, state = ("z", "n"), ("alpha",), ("h", "s")
    starts = {"alpha": 0.5}
    name = "mixed"

    def step(self, pre, h, s):
        z = sigmoid(pre.z)
        following = pre.alpha * s + (1 - z) * tanh(pre.n)
        return z * h + (1 - z) * tanh(following), following


CELLS = [GRU(5), LSTM(4), Mixed(4)]
SETTINGS = dict(dtype="float64", until="samples", optimizer="sgd", learning_rate=0.3, initializer="pytorch")


def model_of(cell, seed=0):
    shapes = shapes_of(cell, 2, 1)
    return Model(cell, {name: 3 * weight for name, weight in initial_weights("pytorch", shapes, seed).items()})


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_gradients_are_central_differences(cell):
    rng, model = np.random.default_rng(0), model_of(cell)
    x, y = rng.uniform(-1, 1, (19, 7, 2)), rng.integers(0, 2, (19, 7, 1)).astype(float)
    mask = rng.integers(0, 2, (19, 7)).astype(float)
    _, gradients = loss_and_grad(model, x, y, mask, loss="cross-entropy")
    for _ in range(3):
        direction = {name: rng.normal(size=weight.shape) for name, weight in model.weights.items()}

        def loss(step, direction=direction):
            moved = {name: weight + step * direction[name] for name, weight in model.weights.items()}
            return loss_and_grad(Model(cell, moved), x, y, mask, loss="cross-entropy")[0]

        slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
        assert abs(slope - sum((gradients[name] * direction[name]).sum() for name in gradients)) < 1e-6 * abs(slope)


@pytest.mark.parametrize("batch", quick([1, 5], lambda batch: batch == 5))
@pytest.mark.parametrize("cell", quick(CELLS, lambda cell: cell.name != "lstm"), ids=lambda cell: cell.name)
def test_models_side_by_side_are_those_that_train_alone(cell, batch):
    options = {**SETTINGS, "batch_size": batch, "max_samples": 60 * batch}
    many = fastrnn.train_many(cell, Addition(bits=4), seeds=[3, 8], **options)
    for i, seed in enumerate((3, 8)):
        alone = fastrnn.train(cell, Addition(bits=4), seed=seed, curriculum=None, **options)
        assert alone.steps == 60
        for name, weight in many.weights(i).items():
            assert np.abs(weight - alone.model.weights[name]).max() < 1e-11, name


def test_gated_networks_learn_to_add(tmp_path):
    run = fastrnn.train(GRU(8), Addition(8), learning_rate=0.03, initializer="pytorch", loss="cross-entropy")
    assert run.stopped == "exact" and verify(run.model, 30).samples > 0
    path = tmp_path / "gru.safetensors"
    run.model.save(path)
    loaded = Model.load(path)
    assert loaded.cell == GRU(8) and verify(loaded).exact and loaded.add(77, 50) == 127
    many = fastrnn.train_many(
        GRU(8), seeds=range(20), learning_rate=0.03, initializer="pytorch", loss="cross-entropy", max_samples=20_000
    )
    assert many.stopped.count("exact") > 15 and all(verify(many.model(i)).exact == many.exact[i] for i in range(3))


def test_a_model_of_an_own_cell_is_loaded_by_its_class_and_formula(tmp_path):
    path, model = tmp_path / "mixed.safetensors", model_of(Mixed(4))
    model.save(path)
    assert Model.load(path, cell=Mixed).weights["alpha"].tobytes() == model.weights["alpha"].tobytes()
    with pytest.raises(CheckpointError, match="cell: got 'mixed', this fastrnn has .*: give its class, cell=mixed$"):
        Model.load(path)

    class Other(Mixed):
        name = "mixed"

        def step(self, pre, h, s):
            return h + s, s

    with pytest.raises(CheckpointError, match="cell mixed: was made with another formula than the present one$"):
        Model.load(path, cell=Other)


@pytest.mark.parametrize("cell", [GRU(5), Mixed(4)], ids=lambda cell: cell.name)
def test_interrupted_training_goes_on_to_the_same_bytes(tmp_path, cell):
    options = {**SETTINGS, "optimizer": "amsgrad", "learning_rate": 0.02, "batch_size": 20}
    whole = fastrnn.train(cell, Addition(4), max_samples=800, **options)
    part = fastrnn.train(cell, Addition(4), max_samples=400, **options)
    save_run(part, tmp_path / "part.safetensors")
    on = fastrnn.train(cell, resume=tmp_path / "part.safetensors", max_samples=800)
    for name, weight in whole.model.weights.items():
        assert on.model.weights[name].tobytes() == weight.tobytes(), name
