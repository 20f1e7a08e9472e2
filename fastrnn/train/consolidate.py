"""From exact to provable: a short second training that makes hidden units decide.

Networks that just learned a task hold its state in shades, which no proof by boxes can follow for ever. Two things
change that within some thousand samples: a penalty for units away from their extremes; and, where the task's own
samples do not suffice, sequences with long runs, which show a network that is wrong at larger widths only where it is.
"""

import numpy as np

from fastrnn.certify import certify
from fastrnn.certify.sequences import answers, bits_of, planes_of, skewed
from fastrnn.model import Model
from fastrnn.train.config import TrainConfig
from fastrnn.train.loop import train

# Penalties from 0.02 to 0.2, and squared loss or cross-entropy, do nearly as well; the loss of the first training
# needs no kernel compiled anew.
SATURATION, SAMPLES, BATCH = 0.1, 8192, 16
# The task's samples need not be wider than this, and a wide one's would take long.
WIDEST = 16
# After a first attempt on the task's samples, others on so many skewed sequences of so many steps.
SEQUENCES, STEPS = 2048, 16


def consolidate(model, config=None, *, attempts=10, threads=None):
    """(model, Certification) after training on until the model is proved, or as it came after so many attempts.

    model: exact on its task; config: a TrainConfig, for loss, optimizer, learning rate and seed. Each attempt starts
    from the model's weights with samples of its own, makes 512 updates, twice as many in every third later one, and
    ends with `certify` without a search. A model that is proved already comes back as it is.
    Raises ValueError as `certify` does, for a model without a task or with too many states.
    """
    config = config or TrainConfig()
    found = certify(model, find=False)
    for number in range(attempts):
        if found.proved:
            break
        # From the start again: a network that has decided for something that cannot be proved never leaves it.
        found = certify(_trained_on(model, config, number, threads), find=False)
    return (found.model if found.proved else model), found


def _trained_on(model, config, number, threads):
    task = model.task
    # Attempt after attempt other samples, and none of those of other seeds.
    seed = int(np.random.SeedSequence([config.seed, number, 7]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    data = None if number == 0 else _skewed(task, seed)
    run = train(model.cell, task.at(min(task.bits, WIDEST)), data=data, weights=model.weights, threads=threads, until="samples",
                loss=config.loss, optimizer=config.optimizer, learning_rate=config.rate, constants=config.constants,
                schedule="drop", saturation=SATURATION if model.cell.saturates else 0.0, batch_size=BATCH,
                max_samples=SAMPLES << number // 3, seed=seed, dtype=str(model.dtype))
    return Model(model.cell, run.model.weights, task, model.metadata)


def _skewed(task, seed):
    """(x, y) of sequences with long runs."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 0]))
    planes = planes_of(skewed(2**task.input_size, SEQUENCES, STEPS, rng), task.input_size)
    return bits_of(planes, SEQUENCES).astype(np.float32), bits_of(answers(task, planes), SEQUENCES).astype(np.float32)
