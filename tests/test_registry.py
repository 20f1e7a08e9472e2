"""A plug-in is found by its file alone, and a wrong one is refused with its place."""

import importlib
import sys
from collections.abc import Callable

import pytest

from fastrnn.registry import discover

BASE = "class Base:\n    pass\n"
IMPORT = "from {package}.base import Base\n"
HEADERS = {"base.py": BASE, "__init__.py": ""}


@pytest.fixture
def plug_ins(tmp_path, monkeypatch):
    """A function that writes a package of the given modules and returns its name."""
    package = f"plugged_{tmp_path.name}"

    def write(**modules):
        folder = tmp_path / package
        folder.mkdir()
        for name, text in HEADERS.items():
            (folder / name).write_text(text)
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(IMPORT.format(package=package) + text)
        return package

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def base_of(package):
    return __import__(f"{package}.base", fromlist=["Base"]).Base


def test_plug_ins_come_sorted_by_name_not_by_file(plug_ins):
    package = plug_ins(
        first='class Zebra(Base):\n    name = "zebra"\nclass Mole(Base):\n    name = "mole"\n',
        second='class Ant(Base):\n    name = "ant"\n',
    )
    found = discover(package, base_of(package))
    assert list(found) == ["ant", "mole", "zebra"]
    assert [plug_in.__name__ for plug_in in found.values()] == ["Ant", "Mole", "Zebra"]


def test_imported_foreign_and_underscored_classes_do_not_count(plug_ins):
    package = plug_ins(
        ant='class Ant(Base):\n    name = "ant"\nAlias = Ant\n',
        user="from .ant import Ant\nclass _Half(Base):\n    pass\nclass Other:\n    name = 'other'\n"
        "class Foreign(Base):\n    name = 'foreign'\n    __module__ = 'elsewhere'\n",
    )
    assert list(discover(package, base_of(package))) == ["ant"]


def test_an_attribute_marks_named_tuples(plug_ins):
    package = plug_ins(
        pair="from typing import NamedTuple\n"
        "class Pair(NamedTuple):\n    left: int\n    name = 'pair'\n    is_cell = True\n"
        "class Plain(NamedTuple):\n    left: int\n    name = 'plain'\n"
    )
    found = discover(package, "is_cell")
    assert list(found) == ["pair"]
    assert found["pair"](left=3) == (3,)


def test_two_of_one_name_are_an_error_that_names_both(plug_ins):
    package = plug_ins(
        ant='class Ant(Base):\n    name = "ant"\n', bee='class Bee(Base):\n    name = "ant"\n'
    )
    with pytest.raises(ValueError, match=r"ant\.Ant and .*bee\.Bee are both named 'ant'"):
        discover(package, base_of(package))


@pytest.mark.parametrize("body, got", [("pass", ""), ("name = 3", ", got name = 3")])
def test_a_plug_in_without_a_name_is_an_error(plug_ins, body, got):
    package = plug_ins(ant=f"class Ant(Base):\n    {body}\n")
    with pytest.raises(TypeError, match=rf'ant\.Ant needs a class attribute such as name = "ant"{got}$'):
        discover(package, base_of(package))


CONTRACT = {"legs": (int, "a class attribute legs, such as legs = 6"), "walk": (Callable, "a method walk(self)")}


@pytest.mark.parametrize(
    "body, message",
    [
        ("legs = 6", r"ant\.Ant needs a method walk\(self\)$"),
        ("def walk(self): pass", "ant.Ant needs a class attribute legs, such as legs = 6$"),
        ("legs, walk = 6, None", r"ant\.Ant needs a method walk\(self\)$"),
        ("legs, walk = 'six', print", "ant.Ant needs a class attribute legs, such as legs = 6, got legs = 'six'$"),
    ],
)
def test_what_a_contract_asks_for_is_missed_in_a_sentence(plug_ins, body, message):
    package = plug_ins(ant=f"class Ant(Base):\n    name = 'ant'\n    {body}\n")
    with pytest.raises(TypeError, match=message):
        discover(package, base_of(package), CONTRACT)


def test_a_property_is_of_any_type(plug_ins):
    whole = "class Ant(Base):\n    name = 'ant'\n    legs = property(len)\n    def walk(self): pass\n"
    package = plug_ins(ant=whole, bee="from .ant import Ant\nclass Bee(Ant):\n    name = 'bee'\n")
    assert list(discover(package, base_of(package), CONTRACT)) == ["ant", "bee"]


def test_what_the_base_has_is_not_a_class_s_own(plug_ins):
    package = plug_ins(ant="class Ant(Base):\n    name = 'ant'\n    legs = 6\n")
    base = base_of(package)
    base.walk = lambda self: None
    with pytest.raises(TypeError, match="needs a method walk"):
        discover(package, base, CONTRACT)


def test_a_file_that_is_added_is_found(plug_ins, tmp_path):
    package = plug_ins(ant="class Ant(Base):\n    name = 'ant'\n")
    assert list(discover(package, base_of(package))) == list(discover(package, base_of(package))) == ["ant"]
    (tmp_path / package / "bee.py").write_text(IMPORT.format(package=package) + "class Bee(Base):\n    name = 'bee'\n")
    importlib.invalidate_caches()
    assert list(discover(package, base_of(package))) == ["ant", "bee"]
