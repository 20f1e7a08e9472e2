"""Binary addition as in N. Lan, M. Geyer, E. Chemla and R. Katzir, "Minimum description length recurrent neural
networks", TACL 10 (2022).

Trained on all pairs of small numbers, tested on all pairs of larger ones, accuracy by bit. Each network here sees the
training sequences and nothing else: neither the test sequences, nor what the task is. Trained on so few sequences,
many networks fit them that do something else on longer ones; so several are trained for each seed, and the one is
chosen that describes the training sequences with the fewest states. That is their principle, in a crude form.
"""

from dataclasses import dataclass

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.training.tasks import train


@dataclass(frozen=True)
class Split:
    """All pairs of the numbers first to last as sequences of `steps` bits, least significant first."""

    first: int
    last: int
    steps: int

    def sequences(self):
        """Return (x (N, T, 2), y (N, T, 1)), float32."""
        numbers, t = np.arange(self.first, self.last + 1), np.arange(self.steps)
        a, b = (each.reshape(-1, 1) for each in np.meshgrid(numbers, numbers, indexing="ij"))
        x, y = np.stack([a >> t & 1, b >> t & 1], axis=2), ((a + b) >> t & 1)[:, :, None]
        return x.astype(np.float32), y.astype(np.float32)

    def __str__(self):
        return f"{self.first} to {self.last}"


TEST_SPLIT = Split(21, 270, 11)
TRAINING_SPLITS = (Split(0, 19, 7), Split(0, 9, 6))
# Their figures on these: of networks found by evolution, and the best of those trained by gradients (Elman, GRU and
# LSTM, 2 to 128 units, 1,000 epochs) and their number.
EVOLVED = 1.0
THEIR_BEST = {TRAINING_SPLITS[0]: (0.8126, 248), TRAINING_SPLITS[1]: (0.7493, 246)}

# Networks for each seed; samples after the first fit of all sequences, and the penalty that makes states discrete.
RESTARTS, EXTRA_SAMPLES, ROUNDING_PENALTY = 10, 65536, 0.02


@dataclass
class Candidate:
    """A network that was trained on a split, and its states and margin on the training sequences; it is chosen without
    the test.

    states: distinct hidden states there, units rounded to 0 and 1; margin: the smallest logit on the right side of 0,
    negative where one is on the wrong side.
    """

    model: object
    states: int
    margin: float

    @property
    def rank(self):
        """Return the criterion of the choice: networks that fit, of these those with the fewest states, of these the
        largest margin."""
        return self.margin <= 0, self.states, -self.margin


def candidate(split, seed, number, hidden=16, samples=EXTRA_SAMPLES):
    """Train and return one Candidate, the `number`-th of this seed."""
    x, y = data = split.sequences()
    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    options = {"seed": drawn, "threads": 1, "data": data}
    fit = train(Elman(hidden), **options, until="exact", max_samples=200_000).model
    model = train(
        fit.cell,
        **options,
        weights=fit.weights,
        until="samples",
        max_samples=samples,
        saturation_penalty=ROUNDING_PENALTY,
        schedule="drop",
    ).model
    z = model.logits(x, threads=1)
    return Candidate(model, states_on(model, x), float(np.where(y > 0.5, z, -z).min()))


def states_on(model, x):
    """Return how many different hidden states a sigmoid network passes through on x (N, T, I), with units rounded to 0
    and 1."""
    units = model.forward(x, threads=1)[1].reshape(-1, model.hidden_size) > 0.5
    return len(np.unique(np.packbits(units, axis=1), axis=0))


def accuracy(model, split=TEST_SPLIT):
    """Return the share of right bits on the sequences of a Split."""
    x, y = split.sequences()
    return float(((model.logits(x) > 0) == (y > 0.5)).mean())


@dataclass
class Outcome:
    """Accuracies by bit on the test sequences: of the chosen network of each seed, and of every trained network."""

    chosen: list
    every: list


def reproduce(split, seeds=20, restarts=RESTARTS, progress=None):
    """Return the Outcome for seeds 0 to seeds - 1; progress(): called after each network. The test comes after every
    choice."""
    outcome = Outcome([], [])
    for seed in range(seeds):
        found = []
        for number in range(restarts):
            found.append(candidate(split, seed, number))
            if progress:
                progress()
        chosen = min(range(restarts), key=lambda number: found[number].rank)
        accuracies = [accuracy(each.model) for each in found]
        outcome.every += accuracies
        outcome.chosen.append(accuracies[chosen])
    return outcome
