"""Threads that add up the parts of a sum, in an order that the number of parts alone decides, and wait for the whole.

A combining tree (Yew, Tzeng, Lawrie, IEEE Transactions on Computers C-36 (1987), 388): part `r` is added to part r - s,
where s is the lowest bit that is set in r, once both are complete. The thread that completed the later of the two does
it, and goes up; the others are free. So additions of many threads happen side by side, few of them touch the same
counter, and the thread that completes part 0 has the sum, and knows that all parts are done. It works on, and then lets
the others go on, who `wait`.

Threads are plain Python threads (fastrnn.threads), so each of them is sure to exist, and two callers may have theirs at
the same time. A thread that does no part need not come: it may be late by any number of sums.
"""

# Parts of an update, at most: enough to share out evenly, few enough to add up. Where models are evaluated, too, there
# are parts of training, validation and test.
MOST_PARTS = 32
_COUNTERS = 3 * MOST_PARTS
# int64s of the tree's array: the number of sums that are done, 0 where a call begins, and a counter for each part, in
# cache lines of their own, of which processors fetch two at once.
_LINE = 16
TREE_SIZE = _LINE * (_COUNTERS + 1)
COMBINED = 0

# Looks at the number of sums before the processor is offered to others: some ten microseconds.
_PATIENCE = 256

# Words of a frame that `combine` writes: the part that has come, and the bit that it looks at; whether the other part
# has come, too, and so, at the end, whether the sum is complete.
COMBINE_WORDS = ("left", "bit", "complete")


def combine(m, tree, part, parts, threads, add):
    """Take a complete part up the tree: add(a, b) emits the addition of part b to part a. Then the word "complete" of
    the frame is 1 in the thread that completed the sum, and 0 in others.

    tree: an array of TREE_SIZE integers, 0 at first; part, parts, threads: Ints.
    """
    m.set_word("left", part)
    m.set_word("bit", 1)
    for _, leave in m.loop(_COUNTERS):
        left = m.word("left")
        first = left - left.both(m.word("bit"))
        second = first + m.word("bit")
        place = (second + 1) * _LINE
        m.set_word("complete", 1)
        for _ in m.when(second.below(parts)):
            # One thread alone need not wait until all that it wrote is in the cache.
            for _ in m.when(threads.equals(1)):
                m.set_word("complete", m.read(tree, place))
                m.write(tree, place, 1)
            for _ in m.when(threads.equals(1).equals(0)):
                m.set_word("complete", m.atomic_add(tree, place, 1))
            for _ in m.when(m.word("complete")):
                m.write(tree, place, 0)
                add(first, second)
        m.set_word("left", first)
        m.set_word("bit", m.word("bit") * 2)
        leave(m.word("complete").equals(0).either(parts.below(m.word("bit") + 1)))


def release(m, tree, sums):
    """Let all threads go on that wait for this number of sums."""
    m.atomic_write(tree, COMBINED, sums)


def wait(m, tree, sums):
    """Wait until this number of sums is done; all that was written before is visible then."""
    for looks, leave in m.loop(1 << 62):
        leave(m.atomic_read(tree, COMBINED).below(sums).equals(0))
        m.pause()
        for _ in m.when(m.integer(_PATIENCE).below(looks)):
            m.give_way()
