"""The user's own float arrays as a source of batches, for one network and for models side by side."""

from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.kernels.block_data import Block
from fastrnn.kernels.feed import Feed
from fastrnn.kernels.recurrent.units_network import place_of_step
from fastrnn.kernels.small_batches import Samples
from fastrnn.machine.records import Integers, Numbers, record_of

# Steps of one row that are copied before those of the next: rows that share cache lines of a block find them in the
# cache. One whole row after the other would take four times as long where rows have 65,536 steps.
STRETCH = 64


def lengths_of(mask):
    """Return the steps up to the last one that counts, 0 where none does, along the last axis of an array."""
    counts = np.asarray(mask) > 0
    return np.where(counts.any(-1), counts.shape[-1] - counts[..., ::-1].argmax(-1), 0)


def by_length(mask):
    """(order, first, alike), int64, along the last axis but one of mask (..., N, T): the rows, long ones first; and of
    the row in each place where in `order` the rows of about its length begin, and how many they are.

    Lengths of about one length differ by a quarter at most.
    """
    lengths, borders = lengths_of(mask), [1]
    while borders[-1] <= lengths.max(initial=0):
        borders.append(borders[-1] + max(1, borders[-1] // 4))
    kinds = np.searchsorted(borders, lengths, "right")
    order = np.argsort(-kinds, axis=-1, kind="stable")
    kinds = np.take_along_axis(kinds, order, -1)
    same = kinds[..., :, None] == np.arange(len(borders) + 1)
    first, alike = (np.take_along_axis(of_kind, kinds, -1) for of_kind in (same.argmax(-2), same.sum(-2)))
    return order, first, alike


def drawn_row(m, source, seed, number, state):
    """The row of sample `number` of a stream; source: Arrays of one model; state: the address of scratch.

    Lanes compute as many steps as the longest of their rows has. Therefore a batch is drawn in the order of lengths,
    one row from each of `drawn` equal parts of all rows, and all seeds draw rows of about one length at a time. Each
    seed draws every row with the same probability.
    """
    rows, drawn, draw = m.word("rows"), source.drawn, m.as_integers(state)
    place = m.local(number % rows)
    for _ in m.when(m.integer(0).below(drawn)):
        place.set(0)
        for _ in m.when(m.read(source.alike, 0).below(rows)):
            m.random_words((0, streams.LENGTH_STREAM), (number, 0, 0), draw, 1)
            fraction = m.as_double(m.read(draw, 0).shifted_down(11)) / m.as_double(2**53)
            part = m.as_double(number % drawn) + fraction
            place.set(m.truncated(part * (m.as_double(rows) / m.as_double(drawn))).least(rows - 1))
        m.random_words((seed, streams.ROW_STREAM), (number, 0, 0), draw, 1)
        among = m.read(draw, 0).remainder(m.read(source.alike, place.get()))
        place.set(m.read(source.first, place.get()) + among)
    return m.read(source.order, place.get())


def _of_model(m, source, extent, model):
    """The Arrays of one of several models, which may all have the same; extent: of a sequence."""
    own = model * m.integer(1).below(m.word("models")) * m.word("rows")
    steps = {"x": extent.steps * extent.inputs, "y": extent.steps * extent.outputs, "mask": extent.steps}
    parts = {name: m.part(getattr(source, name), own * count) for name, count in steps.items()}
    names = "lengths", "order", "first", "alike"
    return source._replace(**parts, **{name: m.part_of_integers(getattr(source, name), own) for name in names})


def _place_row(m, steps, block, place):
    """Make a place of a Block ready for a row of this number of steps, with zeros behind them as far as another row
    reached.

    What lay there might not be finite.
    """
    places, zero = block.extent.columns * m.lanes, m.constant(0.0)
    x, y = m.as_pointer(block.x), m.as_pointer(block.y)
    for t in m.range(m.truncated(m.double(block.lengths, place)), steps):
        for array, count in ((block.mask, 1), (x, block.extent.inputs), (y, block.extent.outputs)):
            for i in m.range(count):
                m.set_number(array, (t * count + i) * places + place, zero)
    m.set_number(block.lengths, place, m.from_integer(steps))
    m.write(block.outputs, place, 0)
    m.write(block.steps, 0, m.read(block.steps, 0).most(steps))


def _copy_steps(m, source, row, first, block, place):
    """Copy up to STRETCH steps of a row of Arrays of one model, from the first one on, into its place."""
    extent, places, outputs = block.extent, block.extent.columns * m.lanes, m.local(m.read(block.outputs, place))
    pairs = (source.x, m.as_pointer(block.x), extent.inputs), (source.y, m.as_pointer(block.y), extent.outputs)
    for t in m.range((first + STRETCH).least(m.truncated(m.double(block.lengths, place))), first):
        begins, weight = row * extent.steps + t, m.double(source.mask, row * extent.steps + t)
        m.set_number(block.mask, t * places + place, weight)
        outputs.set(outputs.get() + extent.outputs * m.is_positive(weight))
        for given, target, count in pairs:
            for i in m.range(count):
                m.set_number(target, (t * count + i) * places + place, m.broadcast(given, begins * count + i))
    m.write(block.outputs, place, outputs.get())


def _fill(m, source, block, drawn):
    """Fill all places of a Block; drawn(place): (whether a row belongs there, its model, seed and sample)."""
    places = block.extent.columns * m.lanes
    m.write(block.steps, 0, 0)
    for place in m.range(places):
        there, model, seed, number = drawn(place)
        own = _of_model(m, source, block.extent, model)
        row = drawn_row(m, own, seed, number, block.words.state)
        m.write(block.rows, place, row)
        _place_row(m, m.read(own.lengths, row) * there, block, place)
    for step in m.range(m.read(block.steps, 0), 0, STRETCH):
        for place in m.range(places):
            _, model, *_ = drawn(place)
            own = _of_model(m, source, block.extent, model)
            _copy_steps(m, own, m.read(block.rows, place), step, block, place)


def _lay(m):
    source, block, samples = record_of(m, Arrays, "source."), record_of(m, Block, "block."), m.word("samples")
    _fill(m, source, block, lambda n: (n.below(samples), m.integer(0), m.word("seed"), m.word("first") + n))
    for n in m.range(block.extent.columns * m.lanes):
        m.set_number(block.weights, n, m.from_integer(n.below(samples)))


def _lay_samples(m):
    source, samples = record_of(m, Arrays, "source."), record_of(m, Samples, "samples.")
    extent, zero = samples.extent, m.constant(0.0)
    for sample in m.range(samples.count):
        row = drawn_row(m, source, m.word("seed"), m.word("part") * samples.count + sample, samples.words.state)
        steps, counted, (x, y, mask) = m.read(source.lengths, row), m.local(0), samples.of(m, sample)
        for t in m.range(steps.most(m.read(samples.steps, sample))):
            place, given = place_of_step(t, m.lanes), row * extent.steps + t
            arrays = (
                (mask, place, source.mask, 1, 0),
                (x, t * extent.inputs, source.x, extent.inputs, 1),
                (y, place, source.y, extent.outputs, samples.chunks * m.lanes),
            )
            for target, begin, values, count, stride in arrays:
                for i in m.range(count):
                    m.set_number(target, begin + i * stride, zero)
                    for _ in m.when(t.below(steps)):
                        m.set_number(target, begin + i * stride, m.broadcast(values, given * count + i))
            counted.set(counted.get() + m.is_positive(m.double(mask, place)))
        m.write(samples.steps, sample, steps)
        m.write(samples.outputs, sample, counted.get() * extent.outputs)


def _lay_lanes(m):
    source, feed, block = (record_of(m, *each) for each in ((Arrays, "source."), (Feed, "feed."), (Block, "block.")))
    batch, sample = m.word("batch"), m.word("sample")
    samples = block.extent.columns.least(batch - sample % batch)
    m.write(feed.laid, 0, 1)
    m.write(feed.left, 0, 1)

    def drawn(place):
        column, lane = place // m.lanes, place % m.lanes
        model = m.read(feed.model, lane)
        there = column.below(samples).both(m.integer(-1).below(model))
        return there, model.most(0), m.read(feed.seed, lane), m.read(feed.step, lane) * batch + sample + column

    _fill(m, source, block, drawn)


class Arrays(NamedTuple):
    """x (N, T, I), y (N, T, O) and mask (N, T) as batches: of all rows, long ones first, or of rows that are drawn.

    All are C-contiguous, and have the dtype of the kernels.
    lengths (N,), int64: the steps of each row, as `lengths_of` gives them; those after them are not computed. order,
    first, alike (N,): as `by_length` gives them. drawn: rows in a batch that is drawn; 0 where a batch has all of them.
    For models side by side all arrays have a leading axis of models, of length 1 if all have the same.
    """

    x: Numbers
    y: Numbers
    mask: Numbers
    lengths: Integers
    order: Integers
    first: Integers
    alike: Integers
    drawn: int

    def of(self, model):
        """Return the Arrays of one of several models side by side, all rows in a batch."""
        own = model if len(self.x) > 1 else 0
        return Arrays(*(array[own] for array in self[:-1]), 0)

    @property
    def counts(self):
        """Words of the programs below: models, and rows of each."""
        return {"models": self.order.size // self.order.shape[-1], "rows": self.order.shape[-1]}

    inputs_are_bits = last_only = False
    lay, lay_samples, lay_lanes = map(staticmethod, (_lay, _lay_samples, _lay_lanes))
