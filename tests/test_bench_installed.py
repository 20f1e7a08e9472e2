"""`fastrnn bench` with nothing but the core dependencies, and far from the source tree."""

import re
import subprocess
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def core_distributions():
    """Names of the distributions that `pip install fastrnn` would bring, without any extra."""
    waiting = [
        name_of(each) for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    found = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            waiting += [name_of(each) for each in found[name].requires or () if ";" not in each]
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment that holds fastrnn and the core dependencies alone."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # Links: the same files as here, compiled kernels beside them, but no way to anything else that is installed here.
    for found in core_distributions().values():
        for top in {file.parts[0] for file in found.files if file.parts[0] != ".."} - {"__pycache__"}:
            (site / top).symlink_to(found.locate_file(top))
    (site / "fastrnn").symlink_to(ROOT / "fastrnn")
    return folder / "bin" / "python"


def run(python, folder, *arguments):
    return subprocess.run([python, "-I", *arguments], cwd=folder, capture_output=True, text=True)


def test_the_environment_is_clean(python, tmp_path):
    for module in ("pytest", "matplotlib", "pandas"):
        assert run(python, tmp_path, "-c", f"import {module}").returncode == 1, module


def test_fastrnn_bench_runs(python, tmp_path):
    done = run(
        python, tmp_path, "-m", "fastrnn", "bench", "--quick", "--batch-size", "64", "--rounds", "1", "--threads", "1"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = [line for line in done.stdout.splitlines() if line.startswith(("scalar", "NumPy", "fastrnn"))]
    assert len(rows) == 3 and "Measured peak: 1 thread" in " ".join(done.stdout.split())
