"""`fastrnn repeat`: repeats a training for many seeds and prints the distribution of results."""

import contextlib
import os
import sys
from typing import NamedTuple

from fastrnn.cli.checkpoint import opened_autosave, path_of
from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive
from fastrnn.cli.parts import add_parts, given_options, parts_made
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import outcome
from fastrnn.interrupt import deferred_interrupt

SUMMARY = "Train for many seeds and show how many become exact, and how fast"
EXAMPLES = """\
examples:
  fastrnn repeat                          the default recipe, 200 seeds
  fastrnn repeat --until certified        with a proof for every width
  fastrnn repeat --seeds 50 --hidden 8    smaller networks
  fastrnn repeat --optimizer sgd --reduction sum --batch-size 1

Runs longer than half a minute keep a checkpoint in runs/. After Ctrl-C, a
crash or a kill, the same command continues.

exit status: 0 if every seed reached the --until criterion, else 1
"""


class Row(NamedTuple):
    """The result of one seed."""

    # On what it is right, in words, or None.
    exact: str | None
    samples: int
    seconds: float
    # Of its proof, or None.
    margin: float | None


def arguments(parser, argv):
    """Declare the options: the number of seeds, and those of the task, the cell and the training."""
    parser.add_argument("--seeds", type=positive, default=200, metavar="N", help="seeds 0 to N - 1 (default: 200)")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads (default: all cores); they do not change the result"
    )
    add_parts(parser, argv)


def run(args):
    """Train, print the distribution, return 0 if every run is exact, and proved if requested."""
    cell, task, config = parts_made(args)
    with contextlib.ExitStack() as stack:
        rows, checkpoint = _trained(args, cell, task, config, stack)
        if rows is None:
            return 130
        status = _printed(args, cell, task, config, rows)
        sys.stdout.flush()
        # What is printed needs no checkpoint any more.
        if checkpoint:
            checkpoint.remove()
    return status


def _printed(args, cell, task, config, rows):
    """Print the distribution, and return the exit status."""
    exact, proved = sum(row.exact is not None for row in rows), [row for row in rows if row.margin is not None]
    # Of what no network is right on nothing can be said.
    said = next((row.exact for row in rows if row.exact), "exact")
    print(f"{exact} of {args.seeds} seeds {said} ({task.bits} bits, {cell.hidden_size} hidden units)")
    if config.until == "certified":
        print(f"{len(proved)} of {args.seeds} proved for every width")
    print(f"{'':14}{'median':>10}{'95 %':>10}{'worst':>10}")
    print(_line("samples", [row.samples for row in rows], "10,.0f"))
    print(_line("milliseconds", [1000 * row.seconds for row in rows], "10.1f"))
    if proved:
        print(_line("min |logit|", [-row.margin for row in proved], "10.2f", -1))
    return 0 if (len(proved) if config.until == "certified" else exact) == args.seeds else 1


def _trained(args, cell, task, config, stack):
    """Return (a Row for each seed, or None after Ctrl-C; the RunAutosave, open until `stack` ends, or None)."""
    from fastrnn.training.tasks import train
    from fastrnn.training.tasks.continuation import identity_of
    from fastrnn.training.tasks.run_autosave import RunAutosave

    identity = identity_of(cell, task, config, seeds=args.seeds)
    path = path_of(os.path.join("runs", f"repeat-{task.name}-{task.bits}"), identity)
    checkpoint, rows, before = opened_autosave(RunAutosave, path, identity, print), [], None
    if checkpoint:
        stack.callback(checkpoint.close)
        if checkpoint.state:
            rows, before = [Row(*row) for row in checkpoint.more], checkpoint.state
            print(f"continuing from {path}, after {len(rows)} seeds", flush=True)
        checkpoint.keep(rows)
    # One that comes just as a training ends stops the next one.
    with deferred_interrupt(), compiling_noted(), user_errors(given_options(args)), Bar(args.seeds, delay=0.5) as bar:
        for seed in range(len(rows), args.seeds):
            run = train(cell, task, config, seed=seed, threads=args.threads, resume=before, checkpoint=checkpoint)
            if run.stopped == "interrupted":
                kept = ""
                if checkpoint:
                    checkpoint.save(lambda: run)
                    kept = f", kept in {path}\nto continue, run the same command again"
                print(f"fastrnn: interrupted after {len(rows)} of {args.seeds} seeds{kept}", file=sys.stderr)
                return None, checkpoint
            rows.append(Row(outcome(run.verification, task.input_size) if run.exact else None, run.samples, run.seconds,
                            run.certification.margin if run.certified else None))
            before = None
            bar(len(rows))
    return rows, checkpoint


def _line(name, values, form, sign=1):
    import numpy as np

    worst = np.median(values), np.percentile(values, 95), max(values)
    return f"{name:14}" + "".join(format(sign * float(value), form) for value in worst)
