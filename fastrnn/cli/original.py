"""`fastrnn original`: the tutorial's program as it was."""

import sys
import time

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import integer, number
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import seconds

SUMMARY = "Run the tutorial's scalar program and print what it prints"
EXAMPLES = """\
examples:
  fastrnn original                    the tutorial's ten blocks
  fastrnn original --engine compiled  the same ten, compiled
  fastrnn original --samples 20000 --seed 1
"""

# (option, argument of fastrnn.original.run, type, default, help)
OPTIONS = (
    ("--engine", "engine", str, "scalar", "scalar (as it was) or compiled (same arithmetic, machine code)"),
    ("--samples", "samples", integer, 10000, "samples to train on"),
    ("--seed", "seed", integer, 0, "seed of weights and data"),
    ("--hidden", "hidden_dim", integer, 16, "hidden units"),
    ("--alpha", "alpha", number, 0.1, "learning rate"),
    ("--bits", "binary_dim", integer, 8, "bits of the sum"),
    ("--report-every", "report_every", integer, 1000, "samples from one block to the next"),
)


def arguments(parser, argv):
    """Declare the options."""
    for option, name, kind, default, text in OPTIONS:
        parser.add_argument(option, dest=name, type=kind, default=default, help=f"{text} (default: {default})",
                            metavar={integer: "N", number: "X"}.get(kind, "NAME"))


def run(args):
    """Print the blocks, and on standard error what they took; return 0."""
    from fastrnn import original

    chosen = {name: getattr(args, name) for _, name, _, _, _ in OPTIONS}
    with user_errors({name: option for option, name, _, _, _ in OPTIONS}):
        blocks = original.run(**chosen)
    if args.engine == "compiled":
        with compiling_noted():
            list(original.run("compiled", samples=1))
    started = time.perf_counter()
    for block in blocks:
        print(original.format_block(block), flush=True)
    took = time.perf_counter() - started
    print(f"{args.samples:,} samples in {seconds(took)}: {args.samples / took:,.0f} samples/s ({args.engine})", file=sys.stderr)
    return 0
