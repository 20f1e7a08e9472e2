"""The rules of the house that a program can check: ruff and mypy, whose settings are in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def found(*command):
    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_ruff_finds_nothing():
    assert found("ruff", "check", "--quiet", "--output-format=concise") == ""


def test_mypy_finds_nothing_in_what_users_import():
    assert found("mypy", "--no-error-summary") == ""


# Files that are longer than others may be: the checker is one page that a reader can take along.
LONG = {"check.py"}


def test_files_are_short():
    for folder, most, exceptions in (("fastrnn", 300, LONG), ("tests", 400, {"test_cells.py"})):
        lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
        long = {path.relative_to(ROOT / folder).as_posix() for path, length in lengths.items() if length > most}
        assert long <= exceptions, f"{folder}: cut {sorted(long - exceptions)} by subject"
