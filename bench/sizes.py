"""What sizes cost that fill no vector: `python -m bench.sizes [SECTION ...]`, on one thread, float32.

    hidden    batches of 64 samples of a task, networks of 1 to 32 units; and as many models side by side
    batch     batches of 1 to 96 samples, of a task's bits and of one's own arrays
    fit       batches of one's own sequences of different lengths, as `fastrnn.train` takes Sequences: one model, and
              models side by side

Rows are nanoseconds of a step of a sample, as if all had the steps of the longest; times are those of the processor,
the fastest twentieth of rounds that visit all rows in turn. Behind each stands how many times the parabola through 8,
16, 24 and 32 units it is (hidden), or how many times the largest batch (batch, fit): 1.10 means that a tenth is lost.
"""

import time

import numpy as np

import fastrnn
from bench.arguments import add_sections, parser_for
from fastrnn.initializers import initial_weights
from fastrnn.networks import lanes_for, shapes_of
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import as_arrays
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.small_session import session_for

CELLS = {"Elman": fastrnn.Elman, "GRU": fastrnn.GRU}
STEPS, SEQUENCES = 8, 480
UNITS, WHOLE = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 20, 24, 32), (8, 16, 24, 32)
BATCHES = (1, 2, 3, 4, 6, 7, 8, 9, 12, 15, 16, 17, 24, 32, 40, 48, 64, 80, 96)
FIT_BATCHES, HIDDEN = (1, 2, 5, 8, 20, 40, 64), (4, 8, 16)
# Samples of one measurement at least, and rounds; epochs, and rounds, of Sequences.
SAMPLES, ROUNDS, EPOCHS, FIT_ROUNDS = 1 << 11, 40, 8, 8


def own(steps=STEPS):
    """(x, y) of random numbers and bits."""
    rng = np.random.default_rng(0)
    return rng.random((SEQUENCES, steps, 2)), rng.integers(0, 2, (SEQUENCES, steps, 1)).astype(float)


def batched(cell, batch, arrays=False):
    """(updates -> None, samples of an update) of one network, on a task or on arrays."""
    config = TrainConfig(optimizer="sgd", learning_rate=1e-30, batch_size=batch)
    source = as_arrays(*own(), dtype=np.float32, drawn=0) if arrays else Addition(bits=STEPS).kernel
    weights = initial_weights("xavier", shapes_of(cell, 2, 1), 0)
    session = session_for(cell, (2, 1), source, STEPS, config, 1, weights)
    return lambda updates: session.run(updates), batch


def side_by_side(cell):
    """(updates -> None, samples of an update) of as many models as fill the lanes."""
    config = TrainConfig(optimizer="sgd", learning_rate=1e-30, batch_size=1)
    models = 2 * lanes_for("float32")
    recipe = RunRecipe(cell, (2, 1), Addition(bits=STEPS).kernel, STEPS, config, models)
    results = ModelResults(models, len(recipe.rows), recipe.dtype, 1)
    results.weights[:] = np.random.default_rng(0).uniform(-1, 1, results.weights.shape)
    group = RunGroup(recipe, recipe.queue(range(models), results))
    for lane in range(recipe.lanes):
        group.put(lane, lane)
        group.expect(lane, 0, 1 << 40)
    go_on = np.zeros(1, np.int64)
    return lambda updates: group.run(updates, go_on), recipe.lanes


def fitted(cell, batch, lanes):
    """(epochs -> None, samples of an epoch) of one model on Sequences, or of as many as there are lanes."""
    x, y = own()
    lengths = np.random.default_rng(1).integers(STEPS // 2, STEPS + 1, SEQUENCES)
    data = fastrnn.Sequences([a[:n] for a, n in zip(x, lengths)], [a[:n, 0] for a, n in zip(y, lengths)])
    models = 1 if lanes == "sequences" else lanes_for("float32")
    options = {"lanes": lanes, "threads": 1, "head": "linear", "evaluate_every": 1 << 20, "validation": 0}

    def run(epochs):
        fastrnn.train_many(cell, data, seeds=range(models), batch_size=batch, epochs=epochs, **options)

    return run, models * SEQUENCES


def measured(made, rounds=ROUNDS, epochs=None):
    """{name: ns of a step of a sample} of {name: (updates -> None, samples of an update)}, in turns.

    epochs: of calls of which the time of one epoch is taken off, and with it all that is done once.
    """
    counts = {name: epochs or max(1, SAMPLES // samples) for name, (_, samples) in made.items()}
    times = {(name, count): [] for name in made for count in {1, counts[name]}}
    for run, _ in made.values():
        run(1)
    for _ in range(rounds):
        for name, count in times if epochs else counts.items():
            began = time.process_time()
            made[name][0](count)
            times[name, count].append(time.process_time() - began)
    found = {}
    for name, count in counts.items():
        took = np.quantile(times[name, count], 0.05) - (np.quantile(times[name, 1], 0.05) if epochs else 0)
        found[name] = float(took / ((count - bool(epochs)) * made[name][1] * STEPS) * 1e9)
    return found


def hidden():
    """ns by hidden units."""
    made = {(name, path, units): batched(cell(units), 64) if path == "batch" else side_by_side(cell(units))
            for name, cell in CELLS.items() for path in ("batch", "models") for units in UNITS}
    taken, columns = measured(made), {}
    for name in CELLS:
        for path in ("batch", "models"):
            own = {units: taken[name, path, units] for units in UNITS}
            line = np.polyfit(WHOLE, [own[units] for units in WHOLE], 2)
            columns[f"{name} {path}"] = {units: (own[units], own[units] / np.polyval(line, units)) for units in UNITS}
    table("units", columns)


def batch():
    """ns by batch size."""
    _by_batch(BATCHES, {(name, path): lambda cell, size, path=path: batched(cell, size, path == "arrays")
                        for name in CELLS for path in ("bits", "arrays")})


def fit():
    """ns by the batch size of Sequences."""
    _by_batch(FIT_BATCHES, {(name, path): lambda cell, size, path=path: fitted(cell, size, path)
                            for name in CELLS for path in ("sequences", "models")}, FIT_ROUNDS, EPOCHS)


def _by_batch(sizes, kinds, *how):
    for (name, path), make in kinds.items():
        made = {(units, size): make(CELLS[name](units), size) for units in HIDDEN for size in sizes}
        taken = measured(made, *how)
        table(path, {f"{name}({units})": {size: (taken[units, size], taken[units, size] / taken[units, sizes[-1]])
                                          for size in sizes} for units in HIDDEN})


def table(corner, columns):
    """Print columns {head: {row: (ns, ratio)}}."""
    print(f"\n{corner:<10}" + "".join(f"{head:>18}" for head in columns))
    for row in next(iter(columns.values())):
        cells = (f"{ns:>11.2f}{ratio:>7.2f}" for ns, ratio in (each[row] for each in columns.values()))
        print(f"{row:<10}" + "".join(cells), flush=True)


SECTIONS = {"hidden": hidden, "batch": batch, "fit": fit}


if __name__ == "__main__":
    parser = parser_for("sizes", __doc__)
    add_sections(parser, SECTIONS)
    for section in parser.parse_args().sections:
        SECTIONS[section]()
