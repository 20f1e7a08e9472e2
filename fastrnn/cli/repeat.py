"""`fastrnn repeat`: the same training for many seeds, and how it went."""

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive
from fastrnn.cli.parts import add_parts, options_of, parts_made
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import verdict

SUMMARY = "Train for many seeds and show how many become exact, and how fast"
EXAMPLES = """\
examples:
  fastrnn repeat                          the default recipe, 200 seeds
  fastrnn repeat --until certified        on to a proof for every width
  fastrnn repeat --seeds 50 --hidden 8    smaller networks
  fastrnn repeat --optimizer sgd --reduction sum --batch-size 1

exit status: 0 if every seed reached what --until says, else 1
"""


def arguments(parser, argv):
    """Declare the options: the number of seeds, and those of the task, the cell and the training."""
    parser.add_argument("--seeds", type=positive, default=200, metavar="N", help="seeds 0 to N - 1 (default: 200)")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads; the result is the same for any number")
    add_parts(parser, argv)


def run(args):
    """Train, print the distribution, return 0 if every run is exact, and proved if that was asked for."""
    from fastrnn.train import train

    cell, task, config = parts_made(args)
    runs = []
    with Bar(args.seeds, delay=0.5) as bar, compiling_noted(), user_errors(options_of(args)):
        for seed in range(args.seeds):
            runs.append(train(cell, task, config, seed=seed, threads=args.threads))
            bar(seed + 1)
            if runs[-1].stopped == "interrupted":
                raise KeyboardInterrupt
    exact, proved = sum(run.exact for run in runs), [run for run in runs if run.certified]
    # Of what no network is right on nothing can be said.
    said = next((verdict(run.verification, task.input_size) for run in runs if run.exact), "exact")
    print(f"{exact} of {args.seeds} seeds {said} ({task.bits} bits, {cell.hidden_size} hidden units)")
    if config.until == "certified":
        print(f"{len(proved)} of {args.seeds} proved for every width")
    print(f"{'':14}{'median':>10}{'95 %':>10}{'worst':>10}")
    print(_row("samples", [run.samples for run in runs], "10,.0f"))
    print(_row("milliseconds", [1000 * run.seconds for run in runs], "10.1f"))
    if proved:
        print(_row("least |logit|", [-run.certification.margin for run in proved], "10.2f", -1))
    return 0 if (len(proved) if config.until == "certified" else exact) == args.seeds else 1


def _row(name, values, form, sign=1):
    import numpy as np

    worst = np.median(values), np.percentile(values, 95), max(values)
    return f"{name:14}" + "".join(format(sign * float(value), form) for value in worst)
