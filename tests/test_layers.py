"""Imports inside the package go down only, lazy ones too. The table below is the rule."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "fastrnn"

# Top to bottom. Names in one row are siblings and do not import each other.
LEVELS = (
    ("__main__",),
    ("cli",),
    ("bench", "reproduce", "pages"),
    ("analysis", "debug", "sklearn"),
    ("training",),
    ("training.sequences",),
    ("training.tasks", "verification", "proofs", "generalization", "sweeps"),
    ("evaluate",),
    ("model",),
    ("exchange",),
    ("answers", "checkpoint", "runner", "plots"),
    ("own_tasks",),
    ("tasks", "optimizers", "schedules", "initializers"),
    ("bits",),
    ("networks",),
    ("kernels",),
    ("cells", "heads"),
    ("machine",),
    ("formula",),
    ("simd",),
    ("threads", "thread_choice"),
    ("cores",),
    ("drawing",),
    ("summaries",),
    ("arguments", "beginning", "caches", "caching", "registry", "files", "interrupt", "errors", "program",
     "progress", "streams", "wording"),
)

# The only imports between siblings: training stops early on what `verify` and `certify` find, and a sweep is training,
# many times over.
EXCEPTIONS = {("training.tasks", "verification"), ("training.tasks", "proofs"), ("sweeps", "training.tasks")}

# What stands beside the levels: all that it may import. Only the rows down to `training.tasks` may use it.
BESIDE = {
    "reference": (),
    "original": ("reference", "networks", "kernels", "machine", "formula"),
    "check": (),
    "data": ("arguments", "errors", "files", "program"),
}

# Packages of plug-ins: a file here imports no other file here but `base`, so each can be removed.
PLUG_INS = ("cells", "heads", "tasks", "optimizers")

LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
USERS_OF_BESIDE = LEVEL_OF["training.tasks"]


def part_of(place):
    """The name in the table of a place inside the package: of two parts where the table has that."""
    pair = ".".join(place[:2])
    return pair if pair in LEVEL_OF else place[0] if place else ""


def modules_of(package):
    """Yield (path, dotted place inside the package) of each module; a package's place is its own."""
    for path in sorted(package.rglob("*.py")):
        yield path, path.relative_to(package).with_suffix("").parts


def imports_of(tree, place, name):
    """Yield (line, place inside the package) for each import of the package called `name`.

    Strings that spell a module's full name count: importlib and `discover` take them.
    """
    for node in ast.walk(tree):
        targets = []
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = [name, *place[: len(place) - node.level]] if node.level else []
            module = [*start, *(node.module.split(".") if node.module else [])]
            targets = [[*module, alias.name] for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.startswith(f"{name}.") and re.fullmatch(rf"{name}(\.[a-z_]\w*)+", node.value):
                targets = [node.value.split(".")]
        yield from ((node.lineno, tuple(target[1:])) for target in targets if target[0] == name)


def fault_of(place, target):
    """Say what is wrong with a module at `place` importing `target`; None if nothing is."""
    own, other = part_of(place), part_of(target)
    if other not in LEVEL_OF and other not in BESIDE:
        return "imports the package itself, which is above all its modules: name the module instead"
    if own in BESIDE:
        allowed = other == own or other in BESIDE[own]
        return None if allowed else f"{own} may import only {', '.join(BESIDE[own]) or 'nothing'}"
    if other in BESIDE:
        allowed = LEVEL_OF[own] <= USERS_OF_BESIDE
        return None if allowed else f"only rows down to training.tasks may import {other}"
    if own == other:
        return sibling_fault_of(place, target)
    if (own, other) in EXCEPTIONS or LEVEL_OF[own] < LEVEL_OF[other]:
        return None
    kind = "its sibling" if LEVEL_OF[own] == LEVEL_OF[other] else "upward"
    return f"imports {kind} {other}: move what both need to a lower level"


def sibling_fault_of(place, target):
    if place[0] not in PLUG_INS or place[1:] in ((), ("__init__",)):
        return None
    if target[1:2] in (("base",), place[1:2]):
        return None
    # The base finds the plug-ins by their package's name.
    if place[1:] == ("base",) and len(target) == 1:
        return None
    return f"a plug-in imports nothing of {place[0]} but its base: move what two need to base.py"


def faults_in(package):
    faults = []
    for path, place in modules_of(package):
        if place == ("__init__",):
            continue
        where = f"{package.name}/{path.relative_to(package).as_posix()}"
        if part_of(place) not in LEVEL_OF and part_of(place) not in BESIDE:
            faults.append(
                f"{where}: {part_of(place)!r} is in no level; put it into LEVELS in tests/test_layers.py, "
                "above all that it imports and below all that import it"
            )
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, target in imports_of(tree, place, package.name):
            fault = fault_of(place, target)
            if fault:
                faults.append(f"{where}:{line}: {fault}")
    return sorted(set(faults))


def test_imports_go_down_only():
    assert len(list(modules_of(PACKAGE))) > 5, "the package was not found"
    faults = faults_in(PACKAGE)
    assert not faults, "\n".join(faults)


def circle_in(package):
    """Return modules that import each other around a circle, lazily or not, or []."""
    modules, imports = {place: path for path, place in modules_of(package)}, {}
    for place, path in modules.items():
        targets = [target for _, target in imports_of(ast.parse(path.read_text()), place, package.name)]
        # A target is a module, or a name in one.
        found = {name for target in targets for name in (target, target[:-1]) if name in modules and name != place}
        imports[place] = found if place != ("__init__",) else set()
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return [".".join(place) for place in error.args[1]]
    return []


def test_no_modules_import_each_other_around_a_circle(tmp_path):
    assert circle_in(PACKAGE) == []
    files = {"data/a.py": "from fastrnn.data import b", "data/b.py": "def f():\n    from fastrnn.data.c import g",
             "data/c.py": "import fastrnn.data.a"}
    assert set(circle_in(write_tree(tmp_path, files))) == {"data.a", "data.b", "data.c"}


def write_tree(folder, files):
    package = folder / "fastrnn"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


WRONG = {
    "upward": ("cells/elman.py", "import fastrnn.kernels.forward", "imports upward kernels"),
    "upward, lazily": ("simd/rows.py", "def f():\n    from fastrnn import cells", "upward cells"),
    "upward, relative": ("kernels/forward.py", "from ..training.tasks import fit", "upward training.tasks"),
    "upward, within training": ("training/tasks/one.py", "from ..sequences import fit", "upward training.sequences"),
    "upward, a part to its package": ("training/tasks/one.py", "from .. import entry", "upward training"),
    "upward, relative to the root": ("checkpoint.py", "from . import model", "upward model"),
    "upward, by a string": ("registry.py", 'load("fastrnn.tasks")', "upward tasks"),
    "upward, under a condition": ("files.py", "if 0:\n    import fastrnn.cli", "upward cli"),
    "siblings": ("verification.py", "from fastrnn.training.tasks import fit", "its sibling training.tasks"),
    "siblings, a package": ("verification.py", "from .sweeps import grid", "its sibling sweeps"),
    "the package": ("model.py", "from fastrnn import __version__", "imports the package itself"),
    "plain package": ("model.py", "import fastrnn", "imports the package itself"),
    "plug-in to plug-in": ("cells/gru.py", "from fastrnn.cells.elman import f", "but its base"),
    "plug-in, relative": ("tasks/add.py", "from .xor import f", "but its base"),
    "plug-in to its package": ("heads/hinge.py", "from fastrnn.heads import f", "but its base"),
    "base to a plug-in": ("optimizers/base.py", "from . import sgd", "but its base"),
    "reference": ("reference.py", "from fastrnn.machine.execute import Program", "may import only nothing"),
    "original": ("original.py", "from fastrnn import simd", "only reference, networks, kernels, machine"),
    "data": ("data/roles.py", "from fastrnn.kernels import head", "only arguments, errors, files"),
    "a user of reference": ("kernels/feed.py", "from fastrnn import reference", "down to training.tasks"),
    "an unknown module": ("helpers.py", "", "'helpers' is in no level; put it into LEVELS"),
    "an unknown package": ("util/text.py", "", "'util' is in no level"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_import_is_reported_with_its_place(tmp_path, case):
    name, text, message = WRONG[case]
    faults = faults_in(write_tree(tmp_path, {name: text}))
    assert len(faults) == 1
    assert faults[0].startswith(f"fastrnn/{name}:")
    assert message in faults[0]


def test_right_imports_are_not_reported(tmp_path):
    package = write_tree(tmp_path, {
        "__init__.py": "from fastrnn.training.tasks import fit\nfrom fastrnn.cells.elman import Elman",
        "cli.py": '"""Run fastrnn.train."""\nfrom fastrnn import verification, tasks\nimport numpy as np',
        "training/entry.py": "from fastrnn.training import tasks\nfrom fastrnn.training.sequences.fit import fit",
        "training/sequences/fit.py": "from fastrnn.training.tasks import autosave\nfrom fastrnn import sweeps",
        "training/tasks/__init__.py": "from .run import fit\nfrom fastrnn.verification import verify",
        "training/tasks/run.py": "from ...proofs import certify\nfrom .history import History",
        "bench.py": "from fastrnn import original, reference",
        "original.py": "from fastrnn import reference\nfrom fastrnn.machine.execute import Program",
        "tasks/__init__.py": 'from fastrnn.registry import discover\nT = discover("fastrnn.tasks", 0)',
        "tasks/add.py": "from .base import Task\nfrom fastrnn.tasks.base import Words",
        "cells/elman.py": "from . import base\nfrom fastrnn.simd import fma\nimport fastrnnish",
    })
    assert faults_in(package) == []
