"""Searches for a wrong answer: every short sequence, rhythms, skewed sequences, and a beam search.

Whatever is suspected is run through the model's own kernels before it is called a counterexample.
"""

from dataclasses import dataclass

import numpy as np

from fastrnn import streams
from fastrnn.bits.label import label_words
from fastrnn.bits.planes import answers_of, from_words, unpacked_bits
from fastrnn.proofs.network import Float64Network
from fastrnn.proofs.sequences import every, planes_of, rhythms, skewed

# Steps of rhythms and of random sequences; random sequences in one piece.
SEARCH_STEPS, LONG, COUNT = 96, 256, 2048

# The beam: steps, states kept a state of the task by smallest margin ahead and at random; how near states count as one.
DEPTH, BEAM_NEAREST, RANDOM, EQUAL_DISTANCE = 96, 64, 32, 1e-3


@dataclass(frozen=True)
class Counterexample:
    """A sum, or another sample of the task, that the network gets wrong; the model's own kernels computed it.

    operands: one int an input; bits: the width; step: the first wrong bit; answer and truth: the outputs at that
    width, as ints, output after output.
    """

    operands: tuple
    bits: int
    step: int
    answer: tuple
    truth: tuple

    def __str__(self):
        given, wanted = (values[0] if len(values) == 1 else values for values in (self.answer, self.truth))
        answered = f"operands {self.operands} at {self.bits} bits: answered {given}"
        return f"{answered}, the right answer is {wanted} (first wrong bit: {self.step})"


def search(model, task, automaton, seed=0):
    """Return a Counterexample, as short as the search finds it, or None."""
    rng = np.random.Generator(np.random.Philox(key=[seed, streams.SEARCH_STREAM]))
    symbols = automaton.symbols
    for sequences in (every(symbols), rhythms(symbols, SEARCH_STEPS), skewed(symbols, COUNT, LONG, rng)):
        found = _first_wrong(model, task, sequences)
        if found is not None:
            return found
    suspects = _beam(model, automaton, rng)
    return _first_wrong(model, task, suspects) if len(suspects) else None


def _first_wrong(model, task, sequences):
    """Return the earliest mistake on symbols (N, T), or None."""
    planes = planes_of(sequences, task.input_size)
    wrong = model.run_bits(planes, len(sequences))[0] ^ label_words(task, planes)
    wrong = unpacked_bits(np.bitwise_or.reduce(wrong, axis=2)[..., None], len(sequences))[..., 0]
    if not wrong.any():
        return None
    first = np.where(wrong.any(axis=1), wrong.argmax(axis=1), wrong.shape[1])
    sample = int(first.argmin())
    return _explained(model, task, sequences[sample, : first[sample] + 1])


def _explained(model, task, sequence):
    """Return the Counterexample of a sequence whose last step is wrong, at the smallest width that fits the operands.
    """
    steps = len(sequence)
    bits = max(steps + task.bits - task.free_bits, task.least_bits)
    padded = np.zeros((1, bits), np.int64)
    padded[0, :steps] = sequence
    planes = planes_of(padded, task.input_size)
    operands = tuple(from_words(planes[..., i], 1)[0] for i in range(task.input_size))
    outputs = model.run_bits(planes, 1)[0], label_words(task, planes)
    given, wanted = (tuple(answers_of(task, out, 1)) for out in outputs)
    return Counterexample(operands, bits, steps - 1, given, wanted)


def _beam(model, automaton, rng):
    """Return symbol sequences (N, T) on which the network, computed here in float64, is wrong; none if it finds none.

    Each step tries every symbol on every state kept; kept are those from which the next output comes nearest to
    wrong, those that go furthest in each hidden unit, and some at random.
    """
    net = Float64Network(model, automaton)
    hidden, state, trace = net.start, np.zeros(1, int), []
    for _ in range(DEPTH):
        after, next_state, margin = net.step(hidden, state)
        parent, symbol = np.divmod(np.arange(margin.size), automaton.symbols)
        wrong = np.flatnonzero(margin <= 0)
        if len(wrong):
            return _traced(trace, parent[wrong[:64]], symbol[wrong[:64]])
        ahead = net.step(after, next_state)[2].reshape(len(after), -1).min(axis=1)
        kept = _kept(after, next_state, ahead, rng)
        trace.append((parent[kept], symbol[kept]))
        hidden, state = after[kept], next_state[kept]
    return np.zeros((0, 1), int)


def _kept(hidden, state, ahead, rng):
    # Of states nearly the same, one.
    cells = np.column_stack([state, np.round(hidden / EQUAL_DISTANCE)])
    distinct = np.unique(cells, axis=0, return_index=True)[1]
    kept = []
    for each in np.unique(state):
        mine = distinct[state[distinct] == each]
        kept += [mine[np.argsort(ahead[mine], kind="stable")[:BEAM_NEAREST]], mine[hidden[mine].argmin(axis=0)],
                 mine[hidden[mine].argmax(axis=0)], rng.choice(mine, min(RANDOM, len(mine)), replace=False)]
    return np.unique(np.concatenate(kept))


def _traced(trace, parent, symbol):
    columns = [symbol]
    for parents, symbols in reversed(trace):
        columns.append(symbols[parent])
        parent = parents[parent]
    return np.column_stack(columns[::-1])
