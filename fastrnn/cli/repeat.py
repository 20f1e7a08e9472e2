"""`fastrnn repeat`: the same training for many seeds, and how it went."""

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import add_options, given, positive
from fastrnn.cli.progress import Bar, compiling_noted

SUMMARY = "Train for many seeds and show how many become exact, and how fast"
EXAMPLES = """\
examples:
  fastrnn repeat                          the default recipe, 200 seeds
  fastrnn repeat --seeds 50 --hidden 8    smaller networks
  fastrnn repeat --optimizer sgd --reduction sum --batch-size 1

exit status: 0 if every seed became exact, else 1
"""


def arguments(parser, argv):
    """Declare the options: the number of seeds, and those of the task, the cell and the training."""
    from fastrnn.cells.elman import Elman
    from fastrnn.tasks.addition import Addition
    from fastrnn.train.config import TrainConfig

    parser.add_argument("--seeds", type=positive, default=200, metavar="N", help="seeds 0 to N - 1 (default: 200)")
    parser.set_defaults(made_of=(Addition, Elman, TrainConfig))
    for title, made_of in (("task addition", Addition), ("cell elman", Elman), ("training", TrainConfig)):
        add_options(parser, title, made_of)


def run(args):
    """Train, print the distribution, return 0 if every run is exact."""
    from fastrnn.train import train

    with user_errors():
        task, cell, config = (made_of(**given(args, made_of)) for made_of in args.made_of)
    runs = []
    with Bar(args.seeds, delay=0.5) as bar, compiling_noted():
        for seed in range(args.seeds):
            runs.append(train(cell, task, config, seed=seed))
            bar(seed + 1)
    exact = sum(run.exact for run in runs)
    print(f"{exact} of {args.seeds} seeds exact on all of their verification ({task.bits} bits, {cell.hidden_size} hidden units)")
    print(f"{'':14}{'median':>10}{'95 %':>10}{'worst':>10}")
    print(_row("samples", [run.samples for run in runs], "10,.0f"))
    print(_row("milliseconds", [1000 * run.seconds for run in runs], "10.1f"))
    return 0 if exact == args.seeds else 1


def _row(name, values, form):
    import numpy as np

    return f"{name:14}" + "".join(format(float(value), form) for value in (np.median(values), np.percentile(values, 95), max(values)))
