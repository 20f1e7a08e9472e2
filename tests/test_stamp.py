"""The package's stamp: another one after any edit that may change a kernel."""

import os
import re
from pathlib import Path

from fastrnn.machine import stamp as module
from fastrnn.machine.stamp import UNCOMPILED, stamp, stamp_of

PACKAGE = Path(module.__file__).parent.parent


def test_the_stamp_follows_contents_names_and_versions_but_not_dates(tmp_path):
    def stamp_here(versions="1"):
        return stamp_of(tmp_path, versions)

    assert stamp_here() == ""  # no sources to read, nothing to tell apart
    source = tmp_path / "cells" / "elman.py"
    source.parent.mkdir()
    source.write_text("a = 1")
    stamps = [stamp_here()]
    os.utime(source, (1, 1))
    (tmp_path / "notes.txt").write_text("not code")
    for name in UNCOMPILED:
        (tmp_path / name).write_text("") if name.endswith(".py") else (tmp_path / name).mkdir()
    (tmp_path / "cli" / "text.py").write_text("")
    assert stamp_here() == stamps[0]

    source.write_text("a = 2")
    stamps.append(stamp_here())
    stamps.append(stamp_here("2"))
    source.rename(source.with_name("jordan.py"))
    stamps.append(stamp_here())
    assert len(set(stamps)) == 4


def test_what_the_stamp_leaves_out_defines_nothing_that_kernels_use():
    for name in UNCOMPILED - {"bench"}:
        assert (PACKAGE / name).exists(), name
        for path in [PACKAGE / name] if name.endswith(".py") else (PACKAGE / name).rglob("*.py"):
            assert not re.search(r"(from|import) (numba|llvmlite)\b|Program\(", path.read_text()), path
    # A benchmark has kernels of its own, which follow their own file; no kernel follows a benchmark.
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in ("bench", "cli"):
            assert "fastrnn.bench" not in path.read_text(), path


def test_the_stamp_is_short_and_the_same_for_the_whole_process():
    assert stamp() == stamp() and len(stamp()) == 16
