"""How networks learn each task by its recipe: `python -m bench.tasks [SEEDS]` prints the table of docs/tasks.md.

Exact: right on all of their verification; unseen: still right at 64 and 1,000 bits, on hard and random operands, as
training left them; proved: `--until certified` ends with a proof for every width.
"""

import numpy as np

import fastrnn
from bench.arguments import parser_for
from fastrnn.tasks import Addition, Copy, Multiplication, Xor
from fastrnn.tasks.base import tasks

UNSEEN = {64: 2048, 1000: 256}
HEAD = f"{'task':<36}{'inputs':>7}{'states':>7}{'exact':>7}{'unseen':>7}{'proved':>7}{'samples':>9}{'to proof':>9}"


def row(task, seeds):
    """Return one line of the table."""
    exact = [fastrnn.train(task=task, seed=seed) for seed in range(seeds)]
    unseen = sum(
        all(fastrnn.verify(run.model, bits, samples).exact for bits, samples in UNSEEN.items())
        for run in exact
        if run.exact
    )
    proved = [fastrnn.train(task=task, seed=seed, until="certified") for seed in range(seeds)]
    median = [f"{np.median([run.samples for run in runs]):,.0f}" for runs in (exact, proved)]
    return (f"{task.described():<36}{task.input_size:>7}{task.states:>7}{sum(run.exact for run in exact):>7}{unseen:>7}"
            f"{sum(run.certified for run in proved):>7}{median[0]:>9}{median[1]:>9}")


def main(seeds):
    """Print the table for `seeds` seeds."""
    print(HEAD)
    more = [Addition(operands=3), Multiplication(factor=7), Copy(delay=4), Xor(delay=3)]
    for task in [*(made_of() for made_of in tasks().values()), *more]:
        print(row(task, seeds), flush=True)


if __name__ == "__main__":
    parser = parser_for("tasks", __doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=20, help="default: %(default)s")
    main(parser.parse_args().seeds)
