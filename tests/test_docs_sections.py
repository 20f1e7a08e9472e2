"""Names on the reference's pages say in NumPy's sections what they take, return and raise."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
NAME = re.compile(r"^::: (fastrnn(?:\.\w+)*)\.(\w+)((?:\n    .*)*)", re.MULTILINE)
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$\n?", re.MULTILINE)


def shown():
    """{name: object} of the reference, methods included where a page shows them."""
    found = {}
    for page in REFERENCE.glob("*.md"):
        for module, last, options in NAME.findall(page.read_text(encoding="utf-8")):
            value = found[f"{module}.{last}"] = getattr(importlib.import_module(module), last)
            if inspect.isclass(value) and "members: false" not in options:
                bases = value.__mro__ if "inherited_members: true" in options else (value,)
                members = {name: each for base in bases[-2::-1] or bases for name, each in vars(base).items()}
                found |= {f"{module}.{last}.{name}": each for name, each in members.items() if name[0] != "_"}
    return found


def sections(docstring):
    """{title: names or lines that begin at the margin} of a docstring's sections."""
    parts = SECTION.split(docstring)
    return {
        title: [name for line in re.findall(r"^\S.*$", text, re.M) for name in line.split(" : ")[0].split(", ")]
        for title, text in zip(parts[1::2], parts[2::2])
    }


def does(function):
    """Titles of the sections that a function's own statements ask for: it returns a value, or raises."""
    found, open_ = set(), list(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body)
    while open_:
        node = open_.pop()
        if isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
            found.add("Returns")
        if isinstance(node, ast.Raise):
            found.add("Raises")
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            open_ += ast.iter_child_nodes(node)
    return found


def lacking(value):
    """What the docstring of a class, function or property does not say."""
    value = getattr(value, "__func__", value)  # that of a class method
    docstring = inspect.getdoc(value)
    if isinstance(value, property) or not (inspect.isclass(value) or inspect.isfunction(value)):
        return [] if docstring or not isinstance(value, property) else ["a docstring"]
    if not docstring:
        return ["a docstring"]
    said, first = sections(docstring), docstring.partition("\n\n")[0]
    named = {name.lstrip("*") for title in ("Parameters", "Attributes") for name in said.get(title, ())}
    parameters = [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]
    asked = does(value) if inspect.isfunction(value) else set()
    return [
        *([] if "\n" not in first and first[-1] in ".:?" else ["one first sentence on one line"]),
        *(name for name in parameters if name not in named and name[0] != "_"),
        *sorted(asked - set(said)),
    ]


def test_docstrings_have_sections():
    missing = [f"{name}: {', '.join(what)}" for name, value in shown().items() if (what := lacking(value))]
    assert not missing, "\n".join(missing)


def test_what_lacks_sections_is_found():
    def half(x, y):
        """Half of x.

        Parameters
        ----------
        x : float
        """
        if x < 0:
            raise ValueError(x)
        return x / 2

    assert lacking(half) == ["y", "Raises", "Returns"]
    assert lacking(lambda x: x) == ["a docstring"] and lacking(property(lambda self: 1)) == ["a docstring"]
