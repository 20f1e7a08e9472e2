"""Compares recipes over many seeds: which networks that were trained at 8 bits are right at a million bits?

    python -m bench.generalisation                the table, 100 seeds (some minutes)
    python -m bench.generalisation --seeds 20 --bits 65536
"""

import random
import sys

import numpy as np

from bench.arguments import parser_for
from fastrnn.bits.planes import to_words, unpacked_bits
from fastrnn.cli.progress import Bar
from fastrnn.evaluate import Batch, evaluate
from fastrnn.proofs.sequences import answers, planes_of, skewed
from fastrnn.tasks import Addition
from fastrnn.training.tasks import TrainConfig, train
from fastrnn.training.tasks.certified_finetune import certified_finetune

# What follows exactness takes as many updates as one attempt at a proof: 512, and eight times as many where said so.
BATCH, MORE, LONG = 16, 8192, 65536
SEQUENCES, STEPS = 2048, 16
TASK = Addition(8)


def more(run, seed, samples=MORE, **options):
    """Return the network after further training of an exact one."""
    options = {"schedule": "drop", "seed": seed + 2**32, **options}
    cell, task = (run.model.cell, run.model.task) if "data" not in options else (run.model.cell, None)
    return train(
        cell, task, weights=run.model.weights, until="samples", max_samples=samples, batch_size=BATCH, **options
    ).model


def carries(task, seed):
    """Return sequences with long runs, which uniformly random sequences rarely contain."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 0]))
    planes = planes_of(skewed(2**task.input_size, SEQUENCES, STEPS, rng), task.input_size)
    return tuple(unpacked_bits(each, SEQUENCES).astype(np.float32) for each in (planes, answers(task, planes)))


RECIPES = {
    "until exact at 8 bits": lambda run, seed: run.model,
    "+ 512 updates more": lambda run, seed: more(run, seed),
    "+ 4,096 updates more": lambda run, seed: more(run, seed, LONG),
    "+ 512, weight decay 0.01": lambda run, seed: more(run, seed, weight_decay=0.01),
    "+ 512, long carries": lambda run, seed: more(run, seed, data=carries(TASK, seed)),
    "+ 512, saturation 0.1": lambda run, seed: more(run, seed, saturation_penalty=0.1),
    "+ 512, both": lambda run, seed: more(run, seed, saturation_penalty=0.1, data=carries(TASK, seed)),
    "until proved (the default)": lambda run, seed: certified_finetune(run.model, TrainConfig(seed=seed),
                                                                       attempts=30)[0],
}


def batch_at(bits, samples):
    """Return one Batch of this width: all hard cases, filled up with random ones to `samples`."""
    task = TASK.at(bits)
    hard, draw = [operands for _, operands in task.hard_cases()], random.Random(bits)
    rest = [tuple(draw.getrandbits(task.free_bits) for _ in range(task.input_size)) for _ in range(samples - len(hard))]
    planes = to_words(hard + rest, bits)
    return Batch("all", len(hard + rest), lambda start, stop: planes[:, start:stop])


def right(model, batches):
    """Return the smallest |logit| on the last of {bits: Batch}, or None after a mistake on any of them."""
    for bits, batch in batches.items():
        tally = evaluate(model, TASK.at(bits), batch)
        if tally.wrong:
            return None
    return tally.margin


def main(argv=None):
    """Print the table."""
    parser = parser_for("generalisation", __doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N")
    parser.add_argument("--bits", type=int, default=1 << 20, metavar="N")
    parser.add_argument(
        "--samples", type=int, default=64, metavar="N", help="pairs, all hard ones among them (default: 64)"
    )
    args = parser.parse_args(argv)
    # Most networks that fail do so at a small width too, which costs little.
    batches = {bits: batch_at(bits, args.samples) for bits in (min(args.bits, 4096), args.bits)}
    margins = {name: [] for name in RECIPES}
    with Bar(args.seeds * len(RECIPES), delay=1) as bar:
        for seed in range(args.seeds):
            run = train(task=TASK, seed=seed)
            for name, recipe in RECIPES.items():
                margins[name].append(right(recipe(run, seed), batches))
                bar(sum(map(len, margins.values())), name)
    print(f"{args.seeds} seeds, trained at {TASK.bits} bits, tried at {args.bits:,}, {args.samples} pairs")
    print(f"{'':28}{'right':>8}{'min |logit|, median':>24}")
    for name, found in margins.items():
        known = [margin for margin in found if margin is not None]
        print(f"{name:28}{len(known) / len(found):>8.0%}{np.median(known) if known else float('nan'):>24.3g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
