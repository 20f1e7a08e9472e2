"""`python -m campaign`: run experiments, print what came out of each, and end with 1 if there was a fault."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

# One thread in this process: it forks.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from campaign import callers, forgeries, kills, mutations  # noqa: E402
from campaign.children import Fault, run  # noqa: E402

EXPERIMENTS = {"kills": kills, "mutations": mutations, "forgeries": forgeries, "callers": callers}

# Faults that are printed of each experiment; the others are counted.
SHOWN = 20


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="make test-campaign", description="Kills, damaged files, forgeries and simultaneous callers."
    )
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(EXPERIMENTS)} (default: all)"
    )
    parser.add_argument(
        "--count",
        type=int,
        help="trials of each (default: "
        + ", ".join(f"{each.COUNT:,} {name}" for name, each in EXPERIMENTS.items())
        + ")",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all trials (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first trial (default: 0)")
    parser.add_argument("--together", type=int, help="trials at once (default: four a core)")
    parser.add_argument("--folder", help="where files are left to be looked at (default: none are left)")
    args = parser.parse_args(argv)
    for name in args.experiments:
        if name not in EXPERIMENTS:
            parser.error(f"no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    return args


def main(argv=None):
    args = arguments(argv)
    names = args.experiments or list(EXPERIMENTS)
    together = args.together or 4 * len(os.sched_getaffinity(0))
    base = Path(args.folder or tempfile.mkdtemp(prefix="campaign-"))
    base.mkdir(exist_ok=True)
    rows = []
    try:
        for name in names:
            rows += _run(name, args, together, base)
    finally:
        if not args.folder:
            shutil.rmtree(base, ignore_errors=True)
    print(f"{'test':<44}{'count':>9}  outcome")
    for row in rows:
        print(f"{row[0]:<44}{row[1]:>9,}  {row[2]}")
    return int(any("FAULT" in row[2] for row in rows))


def _run(name, args, together, base):
    """Rows (test, count, outcome) of one experiment."""
    module, began = EXPERIMENTS[name], time.monotonic()
    module.warm_up()
    held, faulty, shown = {}, Counter(), 0
    trials = module.trials(args.seed, args.first, module.COUNT if args.count is None else args.count, base)
    for (number, test), outcome in run(trials, together):
        counts, faults = (Counter(), [(number, test, str(outcome))]) if isinstance(outcome, Fault) else outcome
        for (test, what), count in counts.items():
            held.setdefault(test, Counter())[what] += count
        for number, test, message in faults:
            faulty[test] += 1
            shown += 1
            if shown <= SHOWN:
                print(f"FAULT: {name} --seed {args.seed} --first {number} --count 1: {test}: {message}", flush=True)
    if shown > SHOWN:
        print(f"FAULT: {name}: {shown - SHOWN:,} more")
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return [_row(name, test, held.get(test, Counter()), faulty[test]) for test in sorted({*held, *faulty})]


def _row(name, test, held, faulty):
    outcomes = [f"{faulty:,} FAULT{'S' * (faulty > 1)}"] if faulty else []
    outcomes += [f"{count:,} {what}" for what, count in sorted(held.items())]
    return f"{name}: {test}", faulty + held.total(), ", ".join(outcomes)


if __name__ == "__main__":
    sys.exit(main())
