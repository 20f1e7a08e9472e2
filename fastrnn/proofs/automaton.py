"""A task as a finite automaton, found by running its kernel."""

from dataclasses import dataclass

import numpy as np

from fastrnn.bits.label import STATE_WORDS, cached_by_label, label_words
from fastrnn.bits.planes import packed_bits, unpacked_bits

MOST_STATES = 4096
MOST_SYMBOLS = 256


@dataclass(frozen=True)
class Automaton:
    """A Mealy machine with Q states, the first of which is where sequences start, and S = 2**inputs symbols.

    inputs (S, I): bit i of symbol s is input i; following (Q, S): the next state; outputs (Q, S, O): 0 or 1.
    It is minimal, and its states are numbered in the order in which a breadth-first search over symbols
    0, 1, 2, ... meets them, so that equal tasks give equal machines.
    """

    inputs: np.ndarray
    following: np.ndarray
    outputs: np.ndarray

    @property
    def states(self):
        return len(self.following)

    @property
    def symbols(self):
        return len(self.inputs)


@cached_by_label(64)
def automaton_of(task):
    """Return the Automaton of a task without its width: every symbol may come at every step.

    The states are found by running the task's kernel for one step from each state and on each symbol.
    Raises ValueError for a task with more than MOST_SYMBOLS symbols or MOST_STATES states.
    """
    if 2**task.input_size > MOST_SYMBOLS:
        raise ValueError(
            f"certify: {task.name} has {task.input_size} inputs, which is {2**task.input_size} symbols per step; "
            f"a proof covers at most {MOST_SYMBOLS}"
        )
    symbols = np.arange(2**task.input_size)
    inputs = (symbols[:, None] >> np.arange(task.input_size)) & 1
    known, memory, frontier, following, outputs = {}, [], [np.zeros(STATE_WORDS, np.uint8)], [], []
    known[frontier[0].tobytes()] = 0
    while frontier:
        after, out = _run_once(task, frontier, inputs)
        met = []
        for row in after.reshape(-1, STATE_WORDS):
            key = row.tobytes()
            if key not in known:
                known[key] = len(known)
                met.append(row)
            memory.append(known[key])
        outputs.append(out)
        if len(known) > MOST_STATES:
            raise ValueError(f"certify: {task.name} has more than {MOST_STATES} states, or infinitely many; "
                             "only tasks with finitely many are proved, one box of hidden states for each")
        frontier = met
    following = np.array(memory).reshape(-1, len(symbols))
    return _smallest(inputs.astype(np.float64), following, np.concatenate(outputs))


def _run_once(task, states, inputs):
    """Return (next states (Q, S, STATE_WORDS), outputs (Q, S, O)) of every state, as bits, on every symbol."""
    shape, count = (len(states), len(inputs)), len(states) * len(inputs)
    state = packed_bits(np.repeat(np.array(states), len(inputs), axis=0))
    x = packed_bits(np.tile(inputs, (len(states), 1)))[:, None]
    y = label_words(task, x, state)
    return unpacked_bits(state, count).reshape(*shape, -1), unpacked_bits(y, count).reshape(*shape, -1)


def _smallest(inputs, following, outputs):
    """Return the minimal machine (E. F. Moore, 1956): states that no input can distinguish are merged, and states are
    renumbered."""
    kinds = np.unique(outputs.reshape(len(outputs), -1), axis=0, return_inverse=True)[1].reshape(-1)
    while True:
        finer = np.unique(np.column_stack([kinds, kinds[following]]), axis=0, return_inverse=True)[1].reshape(-1)
        if finer.max() == kinds.max():
            break
        kinds = finer
    order, number = [0], {int(kinds[0]): 0}
    for state in order:
        for after in following[state]:
            if int(kinds[after]) not in number:
                number[int(kinds[after])] = len(number)
                order.append(int(after))
    renamed = np.array([[number[int(kinds[after])] for after in following[state]] for state in order])
    return Automaton(inputs, renamed, outputs[order].astype(np.uint8))
