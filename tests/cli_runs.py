"""What tests of the command line share: how it is started, and what a folder holds."""

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
COMMAND = [sys.executable, "-m", "fastrnn"]



def environment():
    return {**os.environ, "PYTHONPATH": ROOT}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
