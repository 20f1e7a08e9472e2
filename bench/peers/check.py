"""`python -m bench.peers.check`: compares one update of every peer, at every size of the suite, with the true gradient.

Compiled code goes to disk on the way, so that the benchmarks that follow need not wait for it.
"""

import re
import sys
import tempfile
from pathlib import Path

from bench.compare import LADDER, SHAPES
from bench.peers.table import PEERS, pythons
from fastrnn.bench import ladder
from fastrnn.bench.own import own_engine
from fastrnn.bench.workload import Workload

PAGE = Path(__file__).resolve().parents[2] / "docs" / "speed.md"


def example():
    """Return the engine file that docs/speed.md shows."""
    (text,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return text


def check_example(python):
    """Run the engine of the example as `fastrnn bench --engine` does, with its check."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.py")
        path.write_text(example(), encoding="utf-8")
        engine = own_engine(f"{path}:Mine", python=python)
        with ladder.opened_engines(ladder.cases([Workload()], (engine,)), {engine.worker: python}, {}) as running:
            print(f"{engine.label}, as in docs/speed.md: {len(running)} of {len(running)} right", flush=True)


def main():
    """Print a line for each peer; return 1 if one cannot run or computes something else."""
    absent, found = {}, pythons()
    wanted = ladder.cases([*LADDER.works, *SHAPES], PEERS)
    for name in dict.fromkeys(case.engine.name for case in wanted):
        mine = [case for case in wanted if case.engine.name == name]
        with ladder.opened_engines(mine, found, absent) as running:
            print(f"{mine[0].engine.label}: {len(running)} of {len(mine)} sizes right", flush=True)
    if "torch" in found:
        check_example(found["torch"])
    for case, reason in absent.items():
        print(f"{case.name}: {reason}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
