"""What tests of the checker share: certificates, and files to tamper with."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from certified_models import proved
from safetensors import safe_open
from safetensors.numpy import save_file

from fastrnn.check import Refused, check
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.file import automaton_as_json, hash_of
from fastrnn.tasks.base import tasks

SOURCE = Path(sys.modules["fastrnn.check"].__file__)


def digest_of(arrays, header):
    """The digest that a model file has."""
    return hashlib.sha256(f"{hash_of(arrays)}\n{json.dumps(header, sort_keys=True)}".encode()).hexdigest()


def automaton_in_file(task):
    """The automaton of a task, by its description, as a certificate has it."""
    fields = {name: value for name, value in task.items() if name not in ("name", "bits")}
    return automaton_as_json(automaton_of(tasks()[task["name"]](**fields)))


class Files:
    """A certificate and its model in files, to be read, changed and checked."""

    def __init__(self, folder, found):
        self.folder, self.certificate, self.model = (
            folder,
            folder / "certificate.safetensors",
            folder / "model.safetensors",
        )
        found.save(self.certificate)
        found.model.save(self.model)

    @classmethod
    def of(cls, folder, certificate, model):
        """Files that exist already."""
        made = cls.__new__(cls)
        made.folder, made.certificate, made.model = folder, certificate, model
        return made

    def load(self, path, key):
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()[key])

    def refuses(self, change=None, change_model=None, rehash=False):
        """Check a changed copy, which must be refused; return the reason. change(arrays, metadata) works in place."""
        boxes, claim = self.load(self.certificate, "certificate")
        weights, header = self.load(self.model, "fastrnn")
        if change_model:
            change_model(weights, header)
        if rehash:
            claim["weights"] = hash_of(weights)
        if change:
            change(boxes, claim)
        forged, model = self.folder / "forged.safetensors", self.folder / "other.safetensors"
        save_file(
            {name: np.ascontiguousarray(array) for name, array in boxes.items()},
            forged,
            {"certificate": json.dumps(claim)},
        )
        weights = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        # What was forged has the right digest: damage alone is another test's.
        header["digest"] = digest_of(weights, {name: value for name, value in header.items() if name != "digest"})
        save_file(weights, model, {"fastrnn": json.dumps(header)})
        with pytest.raises(Refused) as refused:
            check(forged, model)
        assert "\n" not in str(refused.value)
        return str(refused.value)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("files"), proved())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("small"), proved(8))


def accepted(tmp_path, found):
    files = Files(tmp_path, found)
    claim = check(files.certificate, files.model)
    assert claim["margin"] == found.margin and claim["weights"] == hash_of(found.model.weights)
    return claim
