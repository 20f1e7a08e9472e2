"""The site: every public name is in the reference and documented, links lead somewhere, all pages are in its menu."""

import importlib
import inspect
import re
from pathlib import Path

import fastrnn

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MODULES = ("analysis", "data", "debug", "formula", "sklearn", "tasks")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def public():
    """{name: object} of every class and function that users are given; the reference describes constants in words."""
    found = {f"fastrnn.{name}": getattr(fastrnn, name) for name in fastrnn.__all__}
    for module in MODULES:
        package = importlib.import_module(f"fastrnn.{module}")
        found |= {f"fastrnn.{module}.{name}": getattr(package, name) for name in package.__all__}
    return {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}


def test_the_reference_has_every_public_name_once():
    pages = [page.read_text() for page in (DOCS / "reference").glob("*.md")]
    listed = [name for text in pages for name in re.findall(r"^::: (\S+)", text, re.M)]
    named = public()
    assert len(listed) == len(set(listed)) and set(listed) - set(named) == set()
    # A name may be reached by two ways: one of them is enough.
    found = {id(named[name]) for name in listed}
    assert [name for name, value in named.items() if id(value) not in found] == [], "add them to docs/reference"


def test_every_public_name_and_its_methods_are_documented():
    missing = []
    for name, value in public().items():
        missing += [] if inspect.getdoc(value) else [name]
        # What the methods of a task are is said where tasks are defined.
        members = vars(value) if inspect.isclass(value) and not name.startswith("fastrnn.tasks.") else ()
        methods = [member for member in members if not member.startswith("_") and callable(getattr(value, member))]
        missing += [f"{name}.{member}" for member in methods if not inspect.getdoc(getattr(value, member))]
    assert missing == []


def anchor(heading):
    """The anchor that GitHub and mkdocs give a heading."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def test_links_of_documents_lead_to_files_and_headings_that_exist():
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = link.partition("#")
            target = (page.parent / path) if path else page
            assert target.exists(), f"{page.name}: {link}"
            if place:
                headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
                assert place in map(anchor, headings), f"{page.name}: {link}"


def test_every_page_is_in_the_menu():
    menu = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert len(menu) == len(set(menu))
    made = {"index.md", "contributing.md", "changelog.md", "commands.md"}
    assert set(menu) == made | {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
