"""`python -m bench.peers.check`: every peer at every size of the suite, compared with the true gradient once.

Compiled code goes to disk on the way, so that the benchmarks that follow need not wait for it.
"""

import sys

from bench.compare import LADDER, SHAPES
from bench.peers.table import PEERS, pythons
from fastrnn.bench import ladder


def main():
    """Print a line a peer; returns 1 if one cannot run or computes something else."""
    absent, found = {}, pythons()
    wanted = ladder.cases([*LADDER.works, *SHAPES], PEERS)
    for name in dict.fromkeys(case.engine.name for case in wanted):
        mine = [case for case in wanted if case.engine.name == name]
        with ladder.opened(mine, found, absent) as running:
            print(f"{mine[0].engine.label}: {len(running)} of {len(mine)} sizes right", flush=True)
    for case, reason in absent.items():
        print(f"{case.name}: {reason}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
