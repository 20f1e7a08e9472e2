"""Models that wait take the lanes of models that are done, within a call: Python sees those that left in bulk.

Pointers of a frame: `next_*`, what each model that waits begins with, in the order in which they begin; `left_*`, what
each model leaves whose lane one of them took, in the same order.
"""

from fastrnn.kernels.recurrent.decide import BEGINNING, CRITERIA, PROGRESS

SUCCESSION_POINTERS = ("next_theta", "next_options", "next_criteria", "left_theta", "left_best", "left_progress")
# lanes: the address of int64s: the lane of each model that left; waiting: the number of models that wait; suited: the
# lanes that they may take, as bits.
SUCCESSION_WORDS = ("lanes", "waiting", "suited")


def succeed(m, net, optimizer, options, frame, done, counters):
    """Let models that wait take the lanes of models that are done (bits).

    options: their number; counters: `array`, of int64, and the places in it of `began`, the number of models that
    began, of `untaken`, the bits of lanes that nobody took, of `idle`, their number, and of `left` and `place`, numbers
    to work with.
    """
    array, began, untaken, idle = counters.array, counters.began, counters.untaken, counters.idle
    left, place = counters.left, counters.place
    m.write(array, untaken, m.read(array, untaken).either(done))
    m.write(array, left, done)
    m.write(array, place, 1)
    for lane in m.range(m.lanes):
        number, free = m.read(array, began), m.read(array, left) % 2
        suited = m.integer(0).below(m.word("suited").both(m.read(array, place)))
        taken = free.both(suited).both(number.below(m.word("waiting")))
        m.write(array, idle, m.read(array, idle) + free - taken)
        for _ in m.when(taken):
            _leave(m, net, frame, lane, number)
            m.write(m.integers("lanes"), number, lane)
            m.write(m.integers("updates"), lane, 0)
            _enter(m, net, optimizer, options, frame, lane, number)
            m.write(array, began, number + 1)
            m.write(array, untaken, m.read(array, untaken) - m.read(array, place))
        m.write(array, left, m.read(array, left) // 2)
        m.write(array, place, m.read(array, place) * 2)


def _leave(m, net, frame, lane, number):
    rows = net.table.count
    for row in m.range(rows):
        m.set_number(frame.left_theta, number * rows + row, m.broadcast(frame.theta, row * m.lanes + lane))
        m.set_number(frame.left_best, number * rows + row, m.broadcast(frame.best, row * m.lanes + lane))
    for row in m.range(len(PROGRESS)):
        value = m.broadcast(frame.progress, row * m.lanes + lane)
        m.set_number(frame.left_progress, number * len(PROGRESS) + row, value)


def _enter(m, net, optimizer, options, frame, lane, number):
    rows, zero = net.table.count, m.constant(0.0)
    for row in m.range(rows):
        value = m.broadcast(frame.next_theta, number * rows + row)
        m.set_number(frame.theta, row * m.lanes + lane, value)
        m.set_number(frame.best, row * m.lanes + lane, value)
    for array, count in ((frame.slots, len(optimizer.slots) * rows), (frame.running, len(optimizer.running))):
        for row in m.range(count):
            m.set_number(array, row * m.lanes + lane, zero)
    for row, name in enumerate(PROGRESS):
        m.set_number(frame.progress, row * m.lanes + lane, m.constant(BEGINNING.get(name, 0.0)))
    for source, target, count in (
        (frame.next_options, frame.options, options),
        (frame.next_criteria, frame.criteria, len(CRITERIA)),
    ):
        for row in m.range(count):
            m.set_number(target, row * m.lanes + lane, m.broadcast(source, number * count + row))
