"""Many updates of a group of models, or of one model on blocks of its samples, inside one compiled call.

A list of blocks is a round, or several, or a part of one. Each block says what is to be done with it and after it: see
ITEM and the flags. The list is repeated until all models are done (fastrnn.kernels.recurrent.decide), or some are whose
lanes nobody in the frame takes (fastrnn.kernels.recurrent.succession) while others wait elsewhere, or as often as the
frame says, or until training is to stop.

The blocks of an update, or of an evaluation, form a few parts, each with a gradient and sums of its own. Threads share
the parts: all of them walk through the list, whoever is free draws the next part, and gradients are added up as parts
are done (fastrnn.kernels.combining). The thread that completes the gradient adds up the sums, decides and updates,
while the others wait. Which thread computes what changes no byte. All but the memory of blocks belongs to all threads.
"""

import operator
from functools import reduce
from types import SimpleNamespace

from fastrnn.kernels.combining import COMBINE_WORDS, COMBINED, TREE_SIZE, combine, release, wait
from fastrnn.kernels.recurrent.block import run_block
from fastrnn.kernels.recurrent.decide import PROGRESS, ROLE_SUMS, ROLES, decide
from fastrnn.kernels.recurrent.frame import add, clear, frame_of, vectors_of
from fastrnn.kernels.recurrent.gathered import GATHERED_ARRAYS, GATHERED_SOURCES, gathered
from fastrnn.kernels.recurrent.network import BLOCK_ARRAYS
from fastrnn.kernels.recurrent.succession import SUCCESSION_POINTERS, SUCCESSION_WORDS, succeed
from fastrnn.kernels.recurrent.update import OPTIONS, update_weights
from fastrnn.machine.execute import Program

# What describes a block: flags; its part, from 0 on in each update; where it is the last one of an update or an
# evaluation, the number of parts that were learned from, and of all; its steps; the addresses of x, y, mask, of the
# columns' lengths and of weights (3, C), what each counts in training, validation and test; where states are carried,
# the addresses of the states (S, H, C) that it starts from and that it leaves, or 0; `rows`, see `gathered`, or 0;
# and, where blocks are gathered, whether something counts in the update (1): of models side by side the address of a
# vector, 1 for those of which it does.
ITEM = ("flags", "part", "learned", "parts", "steps", "x", "y", "mask", "lengths", "weights", "start", "finish", "rows",
        "learners")
# Flags: the block begins a part; some model learns from it; the update is made after it; it counts in an evaluation;
# that is over after it, and models are decided on (before the update, if there is one); the round is over after it. The
# last block of a list has UPDATE or DECIDE.
FRESH, LEARN, UPDATE, EVALUATE, DECIDE, ROUND_END = 1, 2, 4, 8, 16, 32

TRAIN_POINTERS = (
    "theta",
    "gradient",
    "slots",
    "options",
    "running",
    "flags",
    "factor",
    "factors",
    "best",
    "active",
    "progress",
    "criteria",
    "sums",
    "history",
    "norm",
    *SUCCESSION_POINTERS,
    *GATHERED_SOURCES,
    *GATHERED_ARRAYS,
    *BLOCK_ARRAYS,
)
# stop: the address of an int64; where it is not 0, the kernel ends after the block that it is at, and leaves `round`
# and all weights as they were before the round, unless updates came within it. counters: the address of COUNTERS int64s
# that all threads share. window: steps of a window; segment: steps between two borders that no derivative crosses.
# threads: that run this kernel. drawn, passed: the part that this thread has drawn last, and the one that it is at in
# its list; sums_done: the sums that it has seen done; all counted from the beginning of the call. entries: of the
# history, after which the call ends; updates: the address of int64s: the rounds in which each model has learned, its
# place in `factors`, those of a schedule; free: the number of lanes without work after which it ends, too, since models
# wait that are not in the frame. count: of the list; rounds: how often it is repeated; every: rounds from one
# evaluation to the next; listed: whether all blocks of evaluations in the list count, of whatever round they are.
TRAIN_WORDS = ("window", "segment", "blocks", "count", "rounds", "every", "stop", "counters", "threads", "drawn",
               "passed", "sums_done", "entries", "updates", "free", "listed", *COMBINE_WORDS, *SUCCESSION_WORDS)

# Places in the counters, behind those of the tree: parts drawn in this call, in a cache line of its own; whether the
# call has ended early; rounds since the first model began; rounds and evaluations of this call; the models that are
# done, as bits, whose lanes nobody took, and their number; whether the call is over after this round (1), or before its
# end (2); models that began; and two numbers of `succeed`.
DRAWN = TREE_SIZE
HAS_ENDED, ROUND, ROUNDS_MADE, EVALUATIONS, DONE, IDLE, OVER, BEGAN, LEFT, PLACE = range(DRAWN + 16, DRAWN + 26)
COUNTERS = DRAWN + 32
# Those that are 0 where a call begins.
OF_A_CALL = [COMBINED, DRAWN, HAS_ENDED]


def train_program(net, optimizer, terms, dtype, lanes):
    """Return the Program of a training."""

    def kernel(m):
        frame, table, counters = frame_of(m, TRAIN_POINTERS), m.integers("blocks"), m.integers("counters")
        for name in ("drawn", "passed"):
            m.set_word(name, -1)
        for name in ("sums_done", "complete"):
            m.set_word(name, 0)
        for _, stop in m.loop(m.word("rounds")):
            evaluating = (m.read(counters, ROUND) % m.word("every")).equals(0).either(m.word("listed"))
            for number, leave in m.loop(m.word("count")):
                item = _Item(m, table, number)
                learning, counting = item.has(LEARN), item.has(EVALUATE).both(evaluating)
                for _ in m.when(item.has(FRESH)):
                    _draw(m, counters)
                for _ in m.when(m.word("drawn").equals(m.word("passed"))):
                    own = _of_part(m, net, frame, item.part)
                    for _ in m.when(item.has(FRESH).both(learning)):
                        clear(m, own.gradient, vectors_of(net, net.table.count, m.lanes))
                    for _ in m.when(item.has(FRESH).both(evaluating)):
                        clear(m, own.sums, vectors_of(net, ROLE_SUMS, m.lanes))
                    goes_on = m.read(m.integers("stop"), 0).equals(0)
                    for _ in m.when(learning.either(counting).both(goes_on)):
                        block = gathered(m, net, item) if terms.gathered else item.block()
                        run_block(m, net, own, block, learning, counting, terms)
                        for _ in m.when(counting):
                            _count(m, net, own, block)
                    following = _Item(m, table, (number + 1).least(m.word("count") - 1))
                    for _ in m.when(item.has(UPDATE + DECIDE).either(following.has(FRESH))):
                        _combine(m, net, frame, item)
                for _ in m.when(item.has(UPDATE + DECIDE)):
                    sums = m.word("sums_done") + 1
                    m.set_word("sums_done", sums)
                    for _ in m.when(m.word("complete")):
                        m.set_word("complete", 0)
                        # Where a thread has left out a block since it saw `stop`, this one sees it, too.
                        m.write(counters, HAS_ENDED, m.read(m.integers("stop"), 0))
                        for _ in m.when(m.read(counters, HAS_ENDED).equals(0)):
                            _finish(m, net, optimizer, frame, terms, item, evaluating)
                            for _ in m.when(item.has(ROUND_END)):
                                _count_round(m, net, frame)
                                m.write(counters, ROUND, m.read(counters, ROUND) + 1)
                                m.write(counters, ROUNDS_MADE, m.read(counters, ROUNDS_MADE) + 1)
                        release(m, counters, sums)
                    wait(m, counters, sums)
                    leave(m.read(counters, HAS_ENDED).either(m.integer(1).below(m.read(counters, OVER))))
            stop(m.read(counters, OVER).either(m.read(counters, HAS_ENDED)))

    text = f"{net.text} {net.span} | {optimizer.text} {terms}"
    return Program(kernel, (*TRAIN_POINTERS, *TRAIN_WORDS), dtype, lanes, text)


class _Item:
    """A row of the table of blocks; its numbers but the flags are read where they are asked for."""

    def __init__(self, m, table, number):
        self.m, self.table, self.row = m, table, number * len(ITEM)
        self.flags = m.read(table, self.row + ITEM.index("flags"))

    def __getattr__(self, name):
        return self.m.read(self.table, self.row + ITEM.index(name))

    def has(self, flag):
        """Return the condition that a flag is set."""
        return self.m.integer(0).below(self.flags.both(flag))

    def block(self):
        """Return the block's arrays and steps."""
        arrays = {name: self.m.as_pointer(getattr(self, name)) for name in ("x", "y", "mask", "lengths", "weights")}
        return SimpleNamespace(**arrays, **{name: getattr(self, name) for name in ("steps", "start", "finish")})


def _draw(m, counters):
    """Pass on to the next part, and draw one unless this thread has a later one."""
    m.set_word("passed", m.word("passed") + 1)
    for _ in m.when(m.word("drawn").below(m.word("passed"))):
        # One thread does them all, and need not wait for memory.
        m.set_word("drawn", m.word("passed"))
        for _ in m.when(m.integer(1).below(m.word("threads"))):
            m.set_word("drawn", m.atomic_add(counters, DRAWN, 1))


def _of_part(m, net, frame, part):
    """The frame with the gradient and the sums of a part."""
    places = {"gradient": net.table.count, "sums": ROLE_SUMS}
    # As addresses: offsets of pointers would enter into each place of a gradient, and take some 3 % longer.
    own = {
        name: m.as_pointer(m.word(name) + part * (vectors_of(net, count, m.lanes) * m.lanes * m.bytes))
        for name, count in places.items()
    }
    return SimpleNamespace(**vars(frame) | own)


def _combine(m, net, frame, item):
    """After the last block of a part: add up gradients with parts that are done."""
    learned, size = item.learned, vectors_of(net, net.table.count, m.lanes)

    def add_part(a, b):
        for _ in m.when(b.below(learned)):
            add(m, *(m.part(frame.gradient, part * (size * m.lanes)) for part in (a, b)), size)

    combine(m, m.integers("counters"), item.part, item.parts, m.word("threads"), add_part)


def _finish(m, net, optimizer, frame, terms, item, evaluating):
    """After the last block of an update or an evaluation, in one thread: add up the sums, decide, and update."""
    counters = m.integers("counters")
    for _ in m.when(item.has(DECIDE).both(evaluating)):
        _add_sums(m, net, frame.sums, item.parts)
        entry = m.read(counters, EVALUATIONS)
        done = decide(m, net, frame, m.word("every"), entry, terms.plateau)
        m.write(counters, EVALUATIONS, entry + 1)
        for _ in m.when(m.integer(0).below(done)):
            _end(m, net, optimizer, frame, done)
        for _ in m.when((entry + 1).equals(m.word("entries"))):
            m.write(counters, OVER, m.read(counters, OVER).either(1))
    for _ in m.when(item.has(UPDATE)):
        if terms.scheduled:
            for model in m.range(_models(m, net)):
                factor = m.broadcast(frame.factors, m.read(m.integers("updates"), model))
                m.set_number(frame.factor, model, factor)
        if not terms.gathered:
            update_weights(m, net, optimizer, frame, terms)
            continue
        # Where nothing counts, as in a warm-up, what the optimizer remembers must not move the weights.
        if not net.own_weights:
            for _ in m.when(item.learners):
                update_weights(m, net, optimizer, frame, terms)
            continue
        # Who has had all batches of an epoch rests, too.
        active = m.load(frame.active, 0)
        m.store(frame.active, 0, active * m.load(m.as_pointer(item.learners), 0))
        update_weights(m, net, optimizer, frame, terms)
        m.store(frame.active, 0, active)


def _models(m, net):
    return m.lanes if net.own_weights else 1


def _count_round(m, net, frame):
    """Count a round of each model that takes part."""
    updates, active = m.integers("updates"), m.mask_bits(m.load(frame.active, 0) > 0.0)
    for model in m.range(_models(m, net)):
        m.write(updates, model, m.read(updates, model) + (active >> model).both(1))


def _end(m, net, optimizer, frame, done):
    """After models are done, whose bits are set: fill their lanes, and see whether there is work for this call."""
    counters = m.integers("counters")
    if net.own_weights:
        options = len(OPTIONS) + len(optimizer.options)
        places = {"began": BEGAN, "untaken": DONE, "idle": IDLE, "left": LEFT, "place": PLACE}
        succeed(m, net, optimizer, options, frame, done, SimpleNamespace(array=counters, **places))
    else:
        m.write(counters, DONE, done)
    working = m.mask_bits(m.load(frame.active, 0) > 0.0)
    waiting = m.mask_bits(m.load(frame.progress, PROGRESS.index("pending")) > 0.0)
    rest, free = m.read(counters, IDLE), m.word("free")
    enough = rest.below(free).equals(0)
    for _ in m.when(working.equals(0)):
        # Those that wait need not do so: the next round is one of evaluation.
        m.write(counters, ROUND, -1)
        # All lanes begin together, which they do not while others are between two evaluations.
        apart = m.integer(0).below(rest).both(free.below(m.lanes + 1))
        m.write(counters, OVER, m.read(counters, OVER).either(apart))
    idle = working.either(waiting).equals(0)
    m.write(counters, OVER, m.read(counters, OVER).either(enough).either(idle * 2))


def _add_sums(m, net, sums, parts):
    """Add to the sums of the first part those of the others, one part after the other: where the parts of one role
    begin depends on other models."""
    rows = vectors_of(net, ROLE_SUMS, m.lanes)
    for part in m.range(parts, 1):
        add(m, sums, m.part(sums, part * (rows * m.lanes)), rows)


def _count(m, net, frame, block):
    """Add the block's losses and correct steps to the sums of training, validation and test."""
    zero = m.constant(0.0)
    for role in range(ROLES):
        for kind in range(2):
            row = kind * ROLES + role
            values = []
            for c in range(net.columns):
                weight = m.load(block.weights, role * net.columns + c)
                value = m.load(frame.column_sums, kind * net.columns + c)
                values.append(m.select(weight > 0.0, weight * value, zero))
            if net.own_weights:
                m.store(frame.sums, row, reduce(operator.add, values, m.load(frame.sums, row)))
            else:
                m.add_sums(frame.sums, [row], [reduce(operator.add, values)])
