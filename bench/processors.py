"""Results of several processors: each has a folder in bench/results."""

import json
import tomllib
from pathlib import Path

from fastrnn.bench import machine

HERE = Path(__file__).resolve().parent
RESULTS, SETTINGS = HERE / "results", HERE.parent / "pyproject.toml"


def here():
    """Return the folder of this processor's results."""
    return RESULTS / machine.slug(machine.describe()["processor"])


def folders(root=RESULTS):
    """Return the folders below `root` that hold a ladder, by name."""
    return sorted(path.parent for path in Path(root).glob("*/ladder.json"))


def shown(root=RESULTS, settings=SETTINGS):
    """Return the folder whose results README.md shows: the one that pyproject.toml names, else the newest; without any,
    this processor's.

    Raises ValueError where the named one is not there.
    """
    found, named = folders(root), tomllib.loads(Path(settings).read_text(encoding="utf-8"))["tool"].get("bench", {})
    if name := named.get("shown"):
        if Path(root, name) not in found:
            names = ", ".join(path.name for path in found) or "none"
            raise ValueError(f"pyproject.toml: tool.bench.shown: got {name!r}, there are results of {names}")
        return Path(root, name)
    return max(found, key=measured, default=here())


def measured(folder):
    """Return the day on which a folder's ladder was measured, as text that sorts; "" where it is not known."""
    return json.loads(Path(folder, "ladder.json").read_text(encoding="utf-8"))["machine"].get("date", "")
