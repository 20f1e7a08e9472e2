"""The formats of files that the campaign damages: an intact file each, and what loading it must give."""

import json
import os
import zlib

import numpy as np

import fastrnn
from campaign.damage import crafted, damaged, joined, parts_of
from campaign.kills import content_of
from fastrnn.check import Refused, check
from fastrnn.errors import CheckpointError
from fastrnn.machine.execute import Program
from fastrnn.machine.native import Native
from fastrnn.proofs import certify
from fastrnn.sweeps import ForeignJournal, Grid
from fastrnn.sweeps.journal import Journal, read_journal
from fastrnn.sweeps.results import Results
from fastrnn.sweeps.table import Table
from fastrnn.sweeps.unit import Unit, run_unit
from fastrnn.training.tasks.resume import load_run, save_run


class Kind:
    """A format: `content` of an intact file, and what load(path) must give."""

    name, suffix, held = "", ".safetensors", "as it was"

    def changed(self, rng):
        return damaged(rng, self.content)

    def load(self, path):
        raise NotImplementedError

    def wrong(self, loaded):
        """What is wrong with what was loaded, or None."""
        return None if loaded == self.right else "loads as something else"

    refusals = (CheckpointError,)


class ModelFile(Kind):
    """A finished network's file."""

    name = "model"

    def __init__(self, folder):
        path = folder / "model.safetensors"
        fastrnn.train(fastrnn.Elman(4), seed=1, threads=1, max_samples=512, curriculum=None).model.save(path)
        self.content, self.right = path.read_bytes(), self.load(path)

    def load(self, path):
        model = fastrnn.Model.load(path)
        return (
            model.cell,
            model.task,
            model.metadata,
            {name: (weight.dtype.str, weight.shape, weight.tobytes()) for name, weight in model.weights.items()},
        )


class CraftedModel(ModelFile):
    """The same with another value in its header: it may be another network, and must then be one."""

    name = "model, header rewritten"
    held = "another, and well-formed"

    def changed(self, rng):
        return rewritten(rng, self.content, "fastrnn")

    def load(self, path):
        model = fastrnn.Model.load(path)
        return model.predict(np.zeros((1, 2, model.input_size)), threads=1)

    def wrong(self, loaded):
        return None if np.isfinite(loaded).all() else "its outputs are not finite"


class RunFile(Kind):
    """An unfinished run's file."""

    name = "unfinished run"

    def __init__(self, folder):
        path = folder / "run.safetensors"
        save_run(
            fastrnn.train(fastrnn.Elman(4), seed=1, threads=1, until="samples", max_samples=512, optimizer="momentum"),
            path,
        )
        self.content, self.right = path.read_bytes(), self.load(path)

    def load(self, path):
        run, config = load_run(path)
        return content_of(path), run.stopped, config, run.model.metadata


class CraftedRun(RunFile):
    """The same with another value in its header: it is refused, or can be gone on with."""

    name, compiled = "unfinished run, header rewritten", None
    held = "another, and well-formed"

    def changed(self, rng):
        return rewritten(rng, self.content, "fastrnn")

    def load(self, path):
        run, config = load_run(path)
        if run.model.task is None or run.model.task.bits > 64 or config.batch_size > 4096 or run.samples >= 1e9:
            return None
        penalties = config.saturation_penalty, config.retention_penalty, config.weight_decay, config.l1
        kind = run.model.cell.activation, config.loss, config.optimizer, config.dtype
        kind = *kind, *(each > 0 for each in penalties), config.batch_size > 1
        self.compiled = self.compiled or kind
        if kind != self.compiled:
            # Kernels of other kinds would have to be compiled first.
            return None
        config = fastrnn.TrainConfig(**{**config.__dict__, "max_samples": run.samples + config.batch_size})
        return fastrnn.train(run.model.cell, run.model.task, config, resume=run, threads=1).model.weights

    def wrong(self, loaded):
        return None

    # What `train` says of a run that it cannot continue.
    refusals = (CheckpointError, ValueError, TypeError)


class JournalFile(Kind):
    """What a sweep has done so far: a damaged journal gives its first units, or is no journal."""

    name, suffix, refusals = "journal", ".partial", (ForeignJournal,)

    def __init__(self, folder):
        self.grid = Grid(hidden_size=(2, 3), seeds=6, config=fastrnn.TrainConfig(max_samples=512, curriculum=None))
        path = folder / "table.csv.partial"
        path.unlink(missing_ok=True)
        journal = Journal(path, self.grid)
        for number, point in enumerate(self.grid.points):
            for first in (0, 3):
                journal.append(number, first, run_unit(Unit(point, first, 3)).rows)
        journal.close()
        self.content, self.right = path.read_bytes(), read_journal(path, self.grid).units

    def load(self, path):
        return read_journal(path, self.grid).units

    def wrong(self, loaded):
        return None if loaded == self.right[: len(loaded)] else "gives other rows"


class CraftedJournal(JournalFile):
    """A journal whose checksums are right and whose content is not."""

    name = "journal, rows rewritten"
    held = "another, and well-formed"

    def changed(self, rng):
        lines = self.content.splitlines()
        place = int(rng.integers(len(lines)))
        text = json.dumps(crafted(rng, json.loads(lines[place].partition(b" ")[2])), separators=(",", ":")).encode()
        lines[place] = b"%08x %s" % (zlib.crc32(text), text)
        return b"\n".join(lines) + b"\n"

    def load(self, path):
        results, kept = Results(self.grid), read_journal(path, self.grid)
        for unit in kept.units:
            results.add(*unit)
        for point in range(2):
            for first, last in results.missing(point):
                results.add(point, first, self._rows(point)[first:last])
        return Table.of(results, range(2))

    def _rows(self, point):
        return [row for each, _, rows in self.right if each == point for row in rows]

    def wrong(self, loaded):
        return None


class CertificateFile(Kind):
    """A certificate next to its intact network."""

    name, refusals = "certificate", (Refused,)

    def __init__(self, folder):
        weights = {
            "w_ih": [[20, 20], [20, 20]],
            "w_hh": [[0, 0], [0, 0]],
            "b_ih": [-10, -30],
            "b_hh": [0, 0],
            "w_ho": [[20, -20]],
            "b_o": [-10],
        }
        model = fastrnn.Model(
            fastrnn.Elman(2),
            {name: np.array(weight, np.float32) for name, weight in weights.items()},
            fastrnn.tasks.Xor(8, delay=0),
        )
        path, self.model = folder / "certificate.safetensors", folder / "xor.safetensors"
        model.save(self.model)
        certify(model, k=1).save(path)
        self.content, self.right = path.read_bytes(), self.load(path)

    def load(self, path):
        claim = check(path, self.model)
        # A bound may change in its last digits: still a proof, and of the same.
        return {name: claim[name] for name in ("task", "cell", "dtype", "weights")}


class CraftedCertificate(CertificateFile):
    """The same with another value in its header."""

    name = "certificate, header rewritten"

    def changed(self, rng):
        return rewritten(rng, self.content, "certificate")


class CheckedModel(CertificateFile):
    """A damaged network next to its intact certificate."""

    name = "network of a certificate"

    def __init__(self, folder):
        self.certificate = folder / "certificate.safetensors"
        self.model = folder / "xor.safetensors"
        self.content = self.model.read_bytes()
        self.right = self.load(self.model)

    def load(self, path):
        return check(self.certificate, path)["weights"]


def _plain(m):
    m.set_word("x", m.word("x") * 2 + 1)


_PLAIN = Program(_plain, ("x",), "float64", 1, "")


class CacheEntry(Kind):
    """The disk cache of a kernel: a damaged entry is compiled again."""

    name, suffix, refusals = "cache entry", "", ()

    def __init__(self, folder):
        self.folder = folder / "cache"
        self.right = 3
        self.files = None

    def changed(self, rng):
        if self.files is None:
            # Of this child alone.
            own = self.folder / str(os.getpid())
            os.environ["NUMBA_CACHE_DIR"] = str(own)
            self.load(own)
            self.files = {path: path.read_bytes() for path in own.rglob("*.nbc")}
        for path, content in self.files.items():
            path.write_bytes(content)
        path = list(self.files)[rng.integers(len(self.files))]
        path.write_bytes(damaged(rng, self.files[path]))
        return b""

    def load(self, path):
        compiler, frame = Native(), _PLAIN.frame(x=1)
        compiler.code(_PLAIN).run(frame.ctypes.data, 1)
        return int(frame[0])


def rewritten(rng, content, key):
    """A safetensors file with another value in its JSON metadata, or in its table of arrays."""
    header, data = parts_of(content)
    if rng.random() < 0.8:
        inner = json.loads(header["__metadata__"][key])
        # What is right no longer: files without one are read all the same.
        inner.pop("digest", None)
        header["__metadata__"][key] = json.dumps(crafted(rng, inner))
    else:
        header = crafted(rng, header)
    return joined(header, data)
