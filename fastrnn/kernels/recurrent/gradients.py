"""The gradients of all weights, from the derivatives and the states of a few steps of one block.

    W_x += d_pre[t] x[t]'    W_h += d_pre[t] h[t]'    bias += d_pre[t]    W_o += d_z[t] h[t]'
"""

import operator
from functools import partial, reduce

from fastrnn.kernels.recurrent.frame import tiles


def gradients(m, net, frame, block, t, count, fresh=None, use=None):
    """Add the derivatives of steps t to t + count - 1 to the gradients.

    fresh: whether the state before step t is zero, and leads to no gradient; None: it may not be. use(places, values):
    called with parts of the gradient, which it is, in place of adding them to memory.
    """
    hidden, inputs, states = net.sizes.hidden, net.sizes.inputs, len(net.step.new)
    table = net.table

    def rows_of_d(first):
        return lambda n, row, c: m.load(frame.d, net.place(row + first, net.derived, n, 0, c))

    def of_gates(first, skipped=0):
        return lambda n, gate, u, c: m.load(frame.d, net.place(u, net.derived, n + skipped, first + gate, c))

    passed = m.integer(0) if fresh is None else fresh

    def state(n, k, c):
        return m.load(frame.state, net.place(k, states, t + passed + n, 0, c))

    def operand(n, k, c):
        return m.load(frame.operand, net.place(k, 1, t + n, 0, c))

    def of_inputs(n, i, c):
        return net.datum(m, block.x, (t + n) * inputs + i, m.integer(c))

    first_h = len(net.step.pre) - net.step.from_h
    for name, first, right, skipped in (
        ("w_h", first_h, state, passed), ("w_q", 0, operand, 0), ("w_x", 0, of_inputs, 0)
    ):
        units, size, gates = table.axes[name]
        place = partial(net.weight_place, name)
        _outer(m, net, frame, count - skipped, (gates, units), of_gates(first, skipped), size, right, place, use)
    output_gradients(m, net, frame, t + 1, count, use)
    # One bias for each matrix that reaches a pre-activation: where both do, both have the same gradient.
    groups, late = len(net.step.pre), net.step.from_operand
    for first, last, names in (
        (0, late, ("b_x", "b_q")),
        (late, first_h, ("b_x",)),
        (first_h, net.step.from_x, ("b_x", "b_h")),
        (net.step.from_x, groups, ("b_h",)),
        (groups, net.derived, ("vectors",)),
    ):
        names = names if net.biased or names == ("vectors",) else ()
        offset = {"b_q": 0, "b_x": first, "b_h": first - first_h, "vectors": 0}
        _sums(
            m,
            net,
            frame,
            count,
            (last - first) * hidden,
            rows_of_d(first * hidden),
            [table[name] + offset[name] * hidden for name in names],
            use,
        )


def output_gradients(m, net, frame, time, count, use=None):
    """Add to the gradients of W_o and b_o from the states at `time` and the count - 1 that follow."""
    hidden, outputs, table = net.sizes.hidden, net.sizes.outputs, net.table

    def d_z(n, o, c):
        return m.load(frame.d_z, ((time + n) * outputs + o) * net.columns + c)

    def state(n, _, k, c):
        return m.load(frame.state, net.place(k, len(net.step.new), time + n, 0, c))

    def place(k, o, _):
        return o * hidden + k + table["w_o"]

    _outer(m, net, frame, count, (1, hidden), state, outputs, d_z, place, use)
    _sums(m, net, frame, count, outputs, d_z, [table["b_o"]] if net.biased else [], use)


def initial_gradients(m, net, frame):
    """Add to the gradients of the initial state the derivatives with respect to the state before the first step."""
    hidden, outputs, zero = net.sizes.hidden, net.sizes.outputs, m.constant(0.0)

    def total(array, place):
        return reduce(operator.add, (m.load(array, place + c) for c in range(net.columns)), zero)

    def give(row, more):
        _add(m, net, frame.gradient, [[row + net.table["initial"]]], 1, lambda n, running: [more(running[0])])

    for row in m.range(len(net.step.new) * hidden):
        d_state = total(frame.d_state, row * net.columns)
        give(row, lambda value: value + d_state)
    if net.before:
        for unit in m.range(hidden):
            for o in range(outputs):
                weight = net.weight(m, frame.theta, unit + (net.table["w_o"] + o * hidden))
                d_z = total(frame.d_z, o * net.columns)
                give(unit, lambda value: m.fma(weight, d_z, value))


def _outer(m, net, frame, count, rows, left, size, right, place, use):
    """Set gradient[place(unit, k, gate)] += left (gate, unit) times right (k), summed over the block; rows: (gates,
    units)."""
    gates, units = rows
    if not gates:
        return
    for u, height, k, width in _tiles_nearby(m, net, units, size, net.tile(gates, units, size)):
        cells = [(unit, n, gate) for unit in range(height) for n in range(width) for gate in range(gates)]

        def body(n, running, u=u, k=k, height=height, width=width, cells=cells):
            def of_column(c, running):
                a = {(unit, gate): left(n, gate, u + unit, c) for unit in range(height) for gate in range(gates)}
                b = [right(n, k + at, c) for at in range(width)]
                return [m.fma(a[unit, gate], b[at], value) for (unit, at, gate), value in zip(cells, running)]

            return m.fold(net.columns, running, of_column, rolled=True)

        _add(m, net, frame.gradient, [[place(u + unit, k + n, gate) for unit, n, gate in cells]], count, body, use)


def _tiles_nearby(m, net, units, size, tile):
    """Cut a matrix (units, size) into tiles (high, wide): yields (unit, height, k, width).

    All units meet a few operands k, which stay in the nearest cache meanwhile, before the next ones are read.
    """
    (high, wide), whole = tile, size // tile[1]
    few = max(1, net.near // wide)
    for part in m.range(-(-whole // few)):
        first = part * few
        for u, height in tiles(m, units, high):
            for k in m.range((first + few).least(whole), first):
                yield u, height, k * wide, wide
    if size % wide:
        for u, height in tiles(m, units, high):
            yield u, height, m.integer(size - size % wide), size % wide


def _sums(m, net, frame, count, rows, left, places, use):
    """Set gradient[place + row], for each of the places, += sum over steps and columns of the block of left."""
    for row, height in tiles(m, rows, min(max(rows, 1), 8)) if places else ():

        def body(n, running, row=row, height=height):
            for c in range(net.columns):
                running = [value + left(n, row + r, c) for r, value in enumerate(running)]
            return running

        _add(m, net, frame.gradient, [[place + row + r for r in range(height)] for place in places], count, body, use)


def _add(m, net, pointer, places, count, body, use=None):
    """Add the sums that `body` computes, at each list of places, to vectors, or, over the lanes, to numbers; or pass
    them to `use`."""
    start = [m.constant(0.0) for _ in places[0]]
    if net.own_weights and len(places) == 1 and use is None:
        start = [m.load(pointer, place) for place in places[0]]
    values = m.fold(count, start, body)
    for own in places:
        if use is not None:
            use(own, values)
            continue
        if not net.own_weights:
            m.add_sums(pointer, own, values)
            continue
        for place, value in zip(own, values):
            m.store(pointer, place, value if len(places) == 1 else m.load(pointer, place) + value)
