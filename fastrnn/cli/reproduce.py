"""`fastrnn reproduce`: repeats published experiments."""

from fastrnn.cli.errors import UserError
from fastrnn.cli.options import positive
from fastrnn.cli.progress import Bar, compiling_noted

EXPERIMENTS = ("mdlrnn-addition",)
SUMMARY = "Repeat a published experiment and compare with the published figures"
EXAMPLES = """\
examples:
  fastrnn reproduce mdlrnn-addition              about a minute
  fastrnn reproduce mdlrnn-addition --seeds 3    a first look

exit status: 0 every chosen network is right on every bit of the test, else 1
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("experiment", metavar="NAME", help=f"one of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--seeds", type=positive, default=20, metavar="N", help="seeds 0 to N - 1 (default: 20)")
    parser.add_argument("--restarts", type=positive, default=10, metavar="N",
                        help="networks for each seed; one of them is chosen (default: 10)")


def run(args):
    """Train, test, print; return 0 if all chosen networks are right."""
    if args.experiment not in EXPERIMENTS:
        raise UserError(f"no experiment {args.experiment!r}; experiments: {', '.join(EXPERIMENTS)}")
    from fastrnn.reproduce.mdlrnn_addition import TRAINING_SPLITS, reproduce

    outcomes = {}
    with Bar(args.seeds * args.restarts * len(TRAINING_SPLITS), delay=0.5) as bar, compiling_noted():
        done = iter(range(1, 1 + args.seeds * args.restarts * len(TRAINING_SPLITS)))
        for split in TRAINING_SPLITS:
            outcomes[split] = reproduce(split, args.seeds, args.restarts, lambda: bar(next(done), "networks"))
    _print(args, outcomes)
    return int(any(min(outcome.chosen) < 1 for outcome in outcomes.values()))


def _print(args, outcomes):
    import numpy as np

    from fastrnn.reproduce.mdlrnn_addition import EVOLVED, EXTRA_SAMPLES, ROUNDING_PENALTY, TEST_SPLIT, THEIR_BEST

    def row(label, cells):
        print(f"  {label:<46}" + "".join(f"{str(cell):>14}" for cell in cells))

    sizes = {split: len(split.sequences()[0]) for split in (*outcomes, TEST_SPLIT)}
    print('Binary addition of Lan et al., "Minimum description length recurrent neural\nnetworks" (TACL 2022)\n')
    row("trained on all pairs of", outcomes)
    row("  sequences, and their bits", [f"{sizes[split]} of {split.steps}" for split in outcomes])
    print(f"  accuracy by bit on all pairs of {TEST_SPLIT}, {sizes[TEST_SPLIT]:,} of {TEST_SPLIT.steps} bits:")
    row(
        f"fastrnn, worst of {args.seeds} seeds", [f"{_floor(min(outcome.chosen)):.4f}" for outcome in outcomes.values()]
    )
    row(
        "fastrnn, seeds with 1.0",
        [f"{sum(value == 1 for value in outcome.chosen)} of {args.seeds}" for outcome in outcomes.values()],
    )
    row(
        "before the choice: networks with 1.0",
        [f"{sum(value == 1 for value in outcome.every)} of {len(outcome.every)}" for outcome in outcomes.values()],
    )
    row("before the choice: worst network", [f"{_floor(min(outcome.every)):.4f}" for outcome in outcomes.values()])
    row("before the choice: mean", [f"{_floor(np.mean(outcome.every)):.4f}" for outcome in outcomes.values()])
    row("theirs, evolved (MDLRNN)", [f"{EVOLVED:.4f}" if split is next(iter(outcomes)) else "" for split in outcomes])
    row("theirs, trained by gradients: the best", [f"{THEIR_BEST[split][0]:.4f}" for split in outcomes])
    row("  number of networks", [str(THEIR_BEST[split][1]) for split in outcomes])
    print(f"""
Used: the training sequences of each column and no others; Elman networks of 16
units, {args.restarts} for each seed, trained until they fit all of them and then for
{EXTRA_SAMPLES // 16:,} updates more with a saturation penalty of {ROUNDING_PENALTY}. Chosen: of each seed's
networks the one with the fewest distinct hidden states (units rounded to 0 and
1) on the training sequences, then the largest logit margin there.
Not used: the test sequences, a proof, or that the task is addition.""")


def _floor(value):
    """Round down, so that 1.0000 means all."""
    return int(value * 10**4) / 10**4
