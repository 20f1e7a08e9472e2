"""A task's boolean algebra, traced once into operations on words of 64 samples, and compiled from these.

`task.label(x, state)` is one step: lists of words of the inputs and of the state before, to lists of words of the
outputs and of the state after. Words of the state that it does not return stay what they are, 0 at first.
"""

from functools import lru_cache, wraps

import numpy as np

from fastrnn.arguments import as_integer
from fastrnn.machine.execute import Program

# Words that `label` may keep from one step to the next.
STATE_WORDS = 64
# Addresses of x (words, steps, I), y (words, steps, O) and state (words, STATE_WORDS).
FRAME = ("x", "y", "state", "steps", "words")


class Word:
    """A bit of each of 64 samples: the one at `place` in a list of operations, which begins with those given."""

    def __init__(self, operations, name, *others):
        self.operations, self.place = operations, len(operations)
        operations.append((name, *(other.place for other in others)))

    def _with(self, name, *others):
        if not all(isinstance(other, Word) for other in others):
            return NotImplemented
        for other in others:
            _check_own(other, self.operations)
        return Word(self.operations, name, self, *others)

    def __and__(self, other):
        return self._with("and", other)

    def __or__(self, other):
        return self._with("or", other)

    def __xor__(self, other):
        return self._with("xor", other)

    def __invert__(self):
        return self._with("invert")

    def __bool__(self):
        raise TypeError("label: a word is a bit of each of 64 samples; use & | ^ ~ in place of and, or, not, if")

    def __eq__(self, other):
        raise TypeError("label: a word is a bit of each of 64 samples; use ~(a ^ b) in place of a == b")

    __hash__ = object.__hash__


def _check_own(word, operations):
    # A place in another list would be that of another value.
    if word.operations is not operations:
        raise TypeError("label: got a word that was kept from an earlier step; the state's words are what a step keeps")


_EMITTED = {
    "and": lambda a, b: a.both(b),
    "or": lambda a, b: a.either(b),
    "xor": lambda a, b: a.differs(b),
    "invert": lambda a: a.differs(-1),
}


def traced_label(task):
    """Return (operations, places of the outputs among them, places of the next state) of a task's label.

    Raises ValueError for tasks without inputs or outputs, TypeError for results that are not two lists of words, as
    many as there are outputs, and up to STATE_WORDS.
    """
    operations, name = [], f"{type(task).__name__}.label"
    for size in ("input_size", "output_size"):
        as_integer(f"{type(task).__name__}.{size}", getattr(task, size), 1)
    x, state = ([Word(operations, "given") for _ in range(count)] for count in (task.input_size, STATE_WORDS))
    made = task.label(x, state)
    if not isinstance(made, tuple) or len(made) != 2:
        raise TypeError(f"{name}: got {made!r:.80}, expected (words of the outputs, words of the next state)")
    outputs, after = made
    for part in made:
        if not isinstance(part, list | tuple):
            raise TypeError(f"{name}: got {part!r:.80}, expected a list of words")
    for part in (*outputs, *after):
        if not isinstance(part, Word):
            raise TypeError(f"{name}: got {part!r:.80}, expected words")
        _check_own(part, operations)
    if len(outputs) != task.output_size or len(after) > STATE_WORDS:
        raise TypeError(f"{name}: got {len(outputs)} outputs and {len(after)} words of state, expected "
                        f"{task.output_size} and at most {STATE_WORDS}")
    return tuple(operations), tuple(word.place for word in outputs), tuple(word.place for word in after)


class _Traced:
    """A task that is equal to others by what it computes; its fields, and its class, may leave out what `label` reads.
    """

    def __init__(self, task):
        self.task = task
        self.key = traced_label(task), task.bits, task.free_bits, task.last_only

    def __eq__(self, other):
        return self.key == other.key

    def __hash__(self):
        return hash(self.key)


def cached_by_label(size):
    """Keep the last `size` results of a function of a task, and of other arguments, for tasks that compute the same."""

    def decorated(function):
        @lru_cache(maxsize=size)
        def kept(traced, *others):
            return function(traced.task, *others)

        return wraps(function)(lambda task, *others: kept(_Traced(task), *others))

    return decorated


@cached_by_label(64)
def label_program(task):
    """Return the Program of a task's label, on a frame of FRAME."""
    (operations, outputs, after), inputs = traced_label(task), task.input_size
    read = {place for operation in operations for place in operation[1:]} | {*outputs, *after}
    kept = [n for n in range(STATE_WORDS) if n < len(after) or inputs + n in read]

    def kernel(m):
        steps, x, y = m.word("steps"), m.integers("x"), m.integers("y")
        for word in m.range(m.word("words")):
            state = m.part_of_integers(m.integers("state"), word * STATE_WORDS)
            # In registers: a tenth of the time.
            words = {n: m.local(m.read(state, n)) for n in kept}
            for t in m.range(steps):
                step = word * steps + t
                values = {i: m.read(x, step * inputs + i) for i in range(inputs)}
                values |= {inputs + n: each.get() for n, each in words.items()}
                for place, (name, *others) in enumerate(operations):
                    if name != "given":
                        values[place] = _EMITTED[name](*(values[other] for other in others))
                for o, place in enumerate(outputs):
                    m.write(y, step * len(outputs) + o, values[place])
                for n, place in enumerate(after):
                    words[n].set(values[place])
            for n in range(len(after)):
                m.write(state, n, words[n].get())

    return Program(kernel, FRAME, "float64", 1, f"{operations} {outputs} {after}")


def label_words(task, x, state=None):
    """Return the right outputs (W, T, O) of a task for x (W, T, I); state (W, 64): states before, then after, or None:
    those at the start.

    Raises ValueError for arrays that are not C-contiguous uint64, or have another shape.
    """
    state = np.zeros((len(x), STATE_WORDS), np.uint64) if state is None else state
    for array in (x, state):
        if array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ValueError(f"label_words: got {array.dtype} of strides {array.strides}, expected C-contiguous uint64")
    if x.ndim != 3 or x.shape[2] != task.input_size or state.shape != (len(x), STATE_WORDS):
        raise ValueError(f"label_words: got x {x.shape} and state {state.shape}, expected (words, time, "
                         f"{task.input_size}) and (words, {STATE_WORDS})")
    y = np.zeros((*x.shape[:2], task.output_size), np.uint64)
    label_program(task).call(x=x, y=y, state=state, words=len(x), steps=x.shape[1])
    return y
