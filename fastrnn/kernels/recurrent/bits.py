"""Runs a network on bits: 64 sequences in the lanes of a block's columns, a word for each input and step.

`words_program` runs any number of steps, with states carried from call to call; `walk_program` compares outputs with
right ones, step after step of a list, each from a state that an earlier one left.
"""

from types import SimpleNamespace

from fastrnn.kernels.recurrent.forward import forward_step, outputs
from fastrnn.kernels.recurrent.frame import copy, frame_of
from fastrnn.machine.execute import Program

MEMORY = ("theta", "pre", "state", "saved", "operand")
# Steps whose states are kept, before the last one becomes the first: few enough for the nearest cache.
STEPS_KEPT = 4
# x: (W, T, I), out: (W, T, O) words; states (W, S, H, C), margins (W, C): vectors; since: margins count from this step.
STREAM = (*MEMORY, "states", "margins", "x", "out", "words", "steps", "since")
# items (N, WALK_ITEM + I + O): the state that a step begins with, whether its outputs are compared, words of inputs,
# and of right outputs; valid: a word of the sequences that count; stop: the address of an int64 that is not 0 where the
# walk is to end; mistake: 1 where an output was wrong, or the walk has ended early.
WALK_ITEM = ("time", "compared")
WALK = (*MEMORY, "items", "count", "valid", "stop", "mistake")
BYTES = 8


def words_program(net, dtype, lanes):
    """Return the Program that runs words of bits."""

    def kernel(m):
        frame = frame_of(m, (*MEMORY, "states", "margins"))
        inputs, numbers, steps = net.sizes.inputs, net.sizes.outputs, m.word("steps")
        count, stride = net.checkpoint, net.stride(len(net.step.new))
        out = m.integers("out")
        for word in m.range(m.word("words")):
            copy(m, frame.states, word * count, frame.state, count)
            for segment in m.range((steps + (STEPS_KEPT - 1)) // STEPS_KEPT):
                first = segment * STEPS_KEPT
                x = m.word("x") + (word * steps + first) * (inputs * BYTES)
                block = SimpleNamespace(x=m.as_integers(x))
                taken = (steps - first).least(STEPS_KEPT)
                for t in m.range(taken):
                    forward_step(m, net, frame, block, t)
                    logits = outputs(m, net, frame, [(t + 1, c) for c in range(net.columns)])
                    for o, row in enumerate(logits):
                        m.write(out, (word * steps + first + t) * numbers + o, bits_of(m, row))
                    for _ in m.when(m.word("since").below(first + t + 1)):
                        _narrow(m, net, frame, word, logits)
                copy(m, frame.state, taken * stride, frame.state, count)
            for row in m.range(count):
                m.store(frame.states, word * count + row, m.load(frame.state, row))

    return Program(kernel, STREAM, dtype, lanes, net.text)


def bits_of(m, columns):
    """Return a word: a bit is set where the output's logit of this column is above 0."""
    word = m.integer(0)
    for column, z in enumerate(columns):
        word = word.either(m.mask_bits(z > 0.0) * 2 ** (column * m.lanes))
    return word


def _narrow(m, net, frame, word, logits):
    """Lower the margins to |z|; a NaN leaves no margin."""
    for column in range(net.columns):
        place = word * net.columns + column
        least = m.load(frame.margins, place)
        for row in logits:
            z = row[column]
            distance = m.select(z > 0.0, z, m.select(z < 0.0, -z, 0.0))
            least = m.select(distance < least, distance, least)
        m.store(frame.margins, place, least)


def walk_program(net, dtype, lanes):
    """Return the Program that finds whether any output of a list of steps is wrong."""

    def kernel(m):
        frame = frame_of(m, MEMORY)
        inputs, numbers = net.sizes.inputs, net.sizes.outputs
        width, items, asked = len(WALK_ITEM) + inputs + numbers, m.integers("items"), m.integers("stop")
        m.set_word("mistake", 0)
        for n, stop in m.loop(m.word("count")):
            row = n * width
            t = m.read(items, row)
            # The step reads its inputs as those of time t.
            block = SimpleNamespace(
                x=m.as_integers(m.word("items") + (row + len(WALK_ITEM) - t * inputs) * BYTES)
            )
            forward_step(m, net, frame, block, t)
            for _ in m.when(m.read(items, row + 1)):
                for o, columns in enumerate(outputs(m, net, frame, [(t + 1, c) for c in range(net.columns)])):
                    given, right = bits_of(m, columns), m.read(items, row + (len(WALK_ITEM) + inputs + o))
                    # The bits in which they differ.
                    wrong = (given.either(right) - given.both(right)).both(m.word("valid"))
                    m.set_word("mistake", m.word("mistake").either(wrong))
            m.set_word("mistake", m.word("mistake").either(m.read(asked, 0)))
            stop(m.word("mistake"))

    return Program(kernel, WALK, dtype, lanes, net.text)
