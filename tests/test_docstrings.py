"""Names of this package in docstrings, comments and documents are names that exist."""

import ast
import functools
import importlib
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "fastrnn").rglob("*.py"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# fastrnn.x.y, but no file name such as fastrnn.py.
DOTTED = re.compile(r"(?<![\w./-])fastrnn(?:\.[A-Za-z_]\w*)+(?!\w)")
# HistoryBins.saved, Model.load: an attribute of a class of ours.
ATTRIBUTE = re.compile(r"(?<![\w.])([A-Z][a-z]\w*)\.([a-z_]\w*)")
# An import at the beginning of a line, without a comment behind it.
IMPORT = re.compile(r"^(?:from [\w.]+ import|import [\w.]+)[^#\n]*$", re.MULTILINE)


def prose(path):
    """[(line, text)] of a file's docstrings and comments, or of the whole document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return [(number, line) for number, line in enumerate(text.splitlines(), 1)]
    rest = IMPORT.sub("", text)
    if not DOTTED.search(rest) and not ATTRIBUTE.search(rest):
        # Most files; to take them apart takes long.
        return []
    found = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (docstring := ast.get_docstring(node)):
            found.append((getattr(node, "lineno", 1), docstring))
    return found


def resolves(name):
    """Whether a dotted name is a module, or an attribute that is reached by importing the modules on its way."""
    try:
        importlib.import_module(name)
        return True
    except ImportError:
        pass
    value = importlib.import_module("fastrnn")
    for part in name.split(".")[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            return False
    return True


@functools.cache
def classes():
    """{name: names of its attributes} of every class of the package; what __init__ and others set on self counts, and
    what it inherits from classes of the package."""
    found, bases = {}, {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = found.setdefault(node.name, set())
                bases.setdefault(node.name, []).extend(base.id for base in node.bases if isinstance(base, ast.Name))
                for child in ast.walk(node):
                    if isinstance(child, ast.FunctionDef):
                        names.add(child.name)
                    elif isinstance(child, (ast.Name, ast.Attribute)) and isinstance(child.ctx, ast.Store):
                        names.add(child.id if isinstance(child, ast.Name) else child.attr)
    return {name: names.union(*(found.get(base, ()) for base in bases[name])) for name, names in found.items()}


def faults(text):
    """Names in a text that mean nothing."""
    found = [
        name
        for name in DOTTED.findall(text)
        if not name.endswith((".py", ".toml", ".safetensors")) and not resolves(name)
    ]
    return found + [
        f"{of}.{name}"
        for of, name in ATTRIBUTE.findall(text)
        if name not in classes().get(of, [name]) and name != "py"
    ]


@pytest.mark.parametrize("path", [*SOURCES, *DOCUMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_prose_exist(path):
    wrong = [f"{path.relative_to(ROOT)}:{line}: {name}" for line, text in prose(path) for name in faults(text)]
    assert not wrong, "\n".join(wrong)


def test_what_does_not_exist_is_found():
    assert faults("by fastrnn.sweep.Processes, fastrnn.training.tasks.certified_finetune and Model.lode") == [
        "fastrnn.sweep.Processes",
        "Model.lode",
    ]
    assert faults("fastrnn.nothing") == ["fastrnn.nothing"] and not faults(
        "fastrnn.tasks.Addition, fastrnn.train(x), Run.certification"
    )
    assert sum(len(DOTTED.findall(text)) for path in SOURCES for _, text in prose(path)) > 15
