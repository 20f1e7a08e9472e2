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
