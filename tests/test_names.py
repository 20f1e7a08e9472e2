"""A public name at the top of a module is defined in one module of the package alone, so that a search finds it."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "fastrnn"

# These stand alone by contract, and share no names with the rest.
ALONE = {"check.py", "reference.py", "bench/worker.py"}
# What every command, plug-in or format defines, and the functions that `fastrnn` itself offers.
CONTRACT = {"EXAMPLES", "SUMMARY", "arguments", "run", "CONTRACT", "KNOWN", "train", "train_many"}
# One function on three levels: in formulas, on vectors, on arrays; and the machine that compiles beside its emulator.
LEVELS = {"exp", "log", "sigmoid", "softplus", "square_root", "tanh", "Int", "Local", "Vector"}
# A network in files of other libraries, and one as its loops are compiled.
PAIRS = {"Network"}


def names_of(text):
    """The public names that the top of a module defines."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {each.id for target in node.targets for each in ast.walk(target)
                      if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if name[0] != "_"}


def defined_twice(modules):
    """{name: modules} of the names that several of {module: text} define, without those that may."""
    where = defaultdict(list)
    for module, text in modules.items():
        for name in names_of(text) - CONTRACT - LEVELS - PAIRS if module not in ALONE else ():
            where[name].append(module)
    return {name: found for name, found in where.items() if len(found) > 1}


def test_a_name_is_defined_once():
    paths = sorted(PACKAGE.rglob("*.py"))
    modules = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    assert len(modules) > 100
    twice = defined_twice(modules)
    assert not twice, "give each a name of its own: " + "; ".join(f"{k} in {', '.join(v)}" for k, v in twice.items())


def test_a_name_that_is_defined_twice_is_found():
    modules = {"a.py": "X, Y = 1, 2\n", "b/c.py": "X: int = 3\nclass Z: pass\n", "cli/d.py": "SUMMARY = ''\n",
               "cli/e.py": "SUMMARY = ''\ndef Z(): pass\n", "check.py": "Y = 1\n"}
    assert defined_twice(modules) == {"X": ["a.py", "b/c.py"], "Z": ["b/c.py", "cli/e.py"]}
