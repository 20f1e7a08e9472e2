"""Compares penalties that make exact gated networks provable: networks of 16 units, addition of 8 bits.

    python -m bench.provable [SEEDS]

A row for each pair of penalties, and how many seeds of each cell are proved after at most four attempts.
"""

import fastrnn
from bench.arguments import parser_for
from fastrnn.training.tasks.certified_finetune import KEEPING, certified_finetune

CELLS = fastrnn.GRU(16), fastrnn.MGU(16), fastrnn.LSTM(16)
# (saturation, retention)
PENALTIES = (0.0, 0.0), (0.1, 0.0), (0.1, 0.03), (0.01, 0.03), KEEPING[:2], (0.003, 0.003)
ATTEMPTS = 4


def proved(run, config, saturation, retention):
    """Return whether an exact network becomes a proved one."""
    penalties = {"saturation_penalty": saturation, "retention_penalty": retention}
    return certified_finetune(run.model, config, attempts=ATTEMPTS, **penalties)[1].proved


def main(seeds=20):
    """Print the table."""
    runs = {}
    for cell in CELLS:
        configs = [fastrnn.TrainConfig(seed=seed) for seed in range(seeds)]
        made = [(fastrnn.train(cell, fastrnn.tasks.Addition(8), config), config) for config in configs]
        runs[cell.name] = [(run, config) for run, config in made if run.exact]
    print(f"{'saturation':>10}  {'retention':>9}" + "".join(f"  {name:>9}" for name in runs))
    print(f"{'(exact)':>21}" + "".join(f"  {len(exact):9}" for exact in runs.values()))
    for saturation, retention in PENALTIES:
        counts = [sum(proved(*each, saturation, retention) for each in exact) for exact in runs.values()]
        print(f"{saturation:10}  {retention:9}" + "".join(f"  {count:9}" for count in counts), flush=True)


if __name__ == "__main__":
    parser = parser_for("provable", __doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=20, help="default: %(default)s")
    main(parser.parse_args().seeds)
