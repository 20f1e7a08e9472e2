"""The contents of a group's lanes besides the weights: counts, limits and histories."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.recurrent.tally import STATISTICS, SUMS
from fastrnn.machine.records import Integers

# Entries of a model's history; when they are full, neighbours are joined. Numbers in an entry.
MOST, ENTRY = 256, len(STATISTICS)


class Lanes(NamedTuple):
    """A group's lanes. asks: 1 where only the caller decides on the model; limit: updates to make; event: of
    fastrnn.kernels.events; outputs: that count in the stretch that is not full, batch: in one batch; filled: updates in
    it; length: updates in a stretch; entries: full stretches in history (L, MOST, ENTRY), the STATISTICS of each."""

    asks: Integers
    limit: Integers
    event: Integers
    outputs: Integers
    batch: Integers
    filled: Integers
    length: Integers
    entries: Integers
    history: Integers


def lanes_for_models(lanes):
    """Return lanes without models."""
    counts = {name: np.zeros(lanes, np.int64) for name in Lanes._fields[:-1]}
    return Lanes(**counts, history=np.zeros((lanes, MOST, ENTRY)))


def write_open(m, lanes, opened, lane, target, place):
    """Write the open stretch of a lane, whose tally is `opened`, into an array as an entry of a history."""
    m.write_double(target, place + STATISTICS.index("outputs"), m.as_double(m.read(lanes.outputs, lane)))
    for row, name in enumerate(SUMS):
        high, low = (m.double(opened, (2 * row + part) * m.lanes + lane) for part in range(2))
        m.write_double(target, place + STATISTICS.index(name), high + low)


def keep(m, lanes, opened, lane):
    """Append the open stretch of a lane, whose tally is `opened`, to its history."""
    first, entries = lane * (MOST * ENTRY), m.read(lanes.entries, lane)
    write_open(m, lanes, opened, lane, lanes.history, first + entries * ENTRY)
    clear_lane(m, opened, 2 * len(SUMS), lane)
    for array, number in ((lanes.outputs, 0), (lanes.filled, 0), (lanes.entries, entries + 1)):
        m.write(array, lane, number)
    for _ in m.when((entries + 1).equals(MOST)):
        for half in m.range(MOST // 2):
            for i in range(ENTRY):
                a, b = (m.read_double(lanes.history, first + half * (2 * ENTRY) + part * ENTRY + i) for part in (0, 1))
                m.write_double(lanes.history, first + half * ENTRY + i, a + b)
        m.write(lanes.entries, lane, MOST // 2)
        m.write(lanes.length, lane, m.read(lanes.length, lane) * 2)


def clear_lane(m, numbers, rows, lane):
    """Set the numbers of a lane in an array (rows, L) to 0."""
    for row in m.range(rows):
        m.set_number(numbers, row * m.lanes + lane, m.constant(0.0))
