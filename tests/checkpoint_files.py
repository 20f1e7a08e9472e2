"""What tests of checkpoints share: a model, its file, and the fault that loading names."""

import json

import numpy as np
import pytest

from fastrnn.cells.elman import Elman
from fastrnn.errors import CheckpointError
from fastrnn.initializers import initial_weights
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.tasks.addition import Addition


def model(cell=Elman(5), task=Addition(8), dtype=np.float32, **metadata):
    weights = initial_weights("uniform", shapes_of(cell, 2, 1), seed=1)
    return Model(cell, {name: weights[name].astype(dtype) for name in shapes_of(cell, 2, 1)}, task, metadata)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def fault_of(path):
    """The message that loading the file ends in."""
    with pytest.raises(CheckpointError) as caught:
        Model.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message[len(f"{path}: "):]


def header_of(path):
    """fastrnn's JSON in a file."""
    raw = content(path)
    size = int.from_bytes(raw[:8], "little")
    return json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["fastrnn"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.fixture
def saved(path):
    model().save(path)
    return path
