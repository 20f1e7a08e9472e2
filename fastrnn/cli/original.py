"""`fastrnn original`: the tutorial's program as it was, once or a thousand times."""

import sys
import time

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import integer, positive, real_number
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import seconds

SUMMARY = "Run the tutorial's scalar program and print its output"
EXAMPLES = """\
examples:
  fastrnn original                    the tutorial's ten blocks
  fastrnn original --engine compiled  the same ten, compiled
  fastrnn original --samples 20000 --seed 1
  fastrnn original --runs 1000        its experiment for 1,000 seeds at once
"""

# Squared, float64 weights of as many units have as many bytes as there are addresses.
MOST_HIDDEN = 2**30
# (option, argument of fastrnn.original.run, type, default, help)
ORIGINAL_OPTIONS = (
    ("--engine", "engine", str, "scalar", "scalar (the original) or compiled (same arithmetic, machine code)"),
    ("--samples", "samples", integer, 10000, "samples to train on"),
    ("--seed", "seed", integer, 0, "seed of weights and data"),
    ("--hidden", "hidden_dim", integer, 16, "hidden units"),
    ("--alpha", "alpha", real_number, 0.1, "learning rate"),
    ("--bits", "binary_dim", integer, 8, "bits of the sum"),
    ("--report-every", "report_every", integer, 1000, "samples between two printed blocks"),
)


def arguments(parser, argv):
    """Declare the options."""
    for option, name, kind, default, text in ORIGINAL_OPTIONS:
        parser.add_argument(option, dest=name, type=kind, default=default, help=f"{text} (default: {default})",
                            metavar={integer: "N", real_number: "X"}.get(kind, "NAME"))
    parser.add_argument(
        "--runs",
        type=positive,
        metavar="N",
        help="train N seeds, the first of them --seed, side by side in SIMD lanes, "
        "and print how many became exact, and how fast",
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads of --runs (default: all cores)")


def run(args):
    """Print the blocks, and on standard error their time and speed; return 0."""
    from fastrnn import original

    chosen = {name: getattr(args, name) for _, name, _, _, _ in ORIGINAL_OPTIONS}
    with user_errors({name: option for option, name, _, _, _ in ORIGINAL_OPTIONS}):
        blocks = original.run(**chosen)
    # NumPy has no name for more memory than there are addresses.
    if args.hidden_dim >= MOST_HIDDEN:
        raise UserError(f"--hidden: got {args.hidden_dim}, expected less than {MOST_HIDDEN}")
    if args.runs is not None:
        from fastrnn.cli.runs import run_many

        changed = [option for option, name, _, default, _ in ORIGINAL_OPTIONS
                   if name in ("engine", "report_every") and chosen[name] != default]
        if changed:
            raise UserError(f"{changed[0]}: has no meaning with --runs; leave one of them out")
        return run_many(args)
    if args.threads is not None:
        raise UserError("--threads: has no meaning without --runs; leave it out")
    if args.engine == "compiled":
        with compiling_noted():
            list(original.run("compiled", samples=1))
    started = time.perf_counter()
    for block in blocks:
        print(original.format_block(block), flush=True)
    took = time.perf_counter() - started
    print(
        f"{args.samples:,} samples in {seconds(took)}: {args.samples / took:,.0f} samples/s ({args.engine})",
        file=sys.stderr,
    )
    return 0
