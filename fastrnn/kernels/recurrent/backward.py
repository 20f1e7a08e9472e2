"""Back through time, for one block: the derivatives by all pre-activations.

    d_h[t] = W_h' d_pre[t + 1] + W_o' d_z[t]    d_pre[t], d_state[t - 1] = the cell's step backwards

P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990).
"""

from fastrnn.formula.graph import lift
from fastrnn.formula.retention import RETENTION, back_with_retention
from fastrnn.kernels.recurrent.forward import AHEAD, prefetch_cells
from fastrnn.kernels.recurrent.frame import clear, formula, tiles
from fastrnn.kernels.recurrent.operand import operand_back
from fastrnn.kernels.recurrent.update import OPTIONS


def back_step(m, net, frame, block, t, slot, terms, fresh):
    """Compute the derivatives with respect to the pre-activations of step t (d[slot]) and the state before it.

    fresh: whether that state is zero and does not learn, and its derivatives are not needed; None: they are.
    """
    penalties = _penalties(m, net, frame, block, t, terms) if terms.active or terms.saturating else None
    retention = _retention(m, net, frame, block, t) if terms.retaining else None
    units, columns = net.tile(1, net.sizes.hidden)
    back = net.step.back if retention is None else back_with_retention(net.step)
    # Whether h reaches the next state through weights alone.
    alone = net.step.operand is None and back[net.derived] is lift(0.0)
    for u in m.range(net.sizes.hidden):
        if terms.far:
            # Hardware fetches what comes next in memory; steps come in the other order.
            prefetch_cells(m, net, frame, t - AHEAD, t - AHEAD, u, write=False)
        _cell(m, net, frame, t, slot, u, penalties, retention, back, alone)
    products = [("w_h", len(net.step.pre) - net.step.from_h, net.step.from_h, frame.d_state)]
    if net.step.operand is not None:
        clear(m, frame.d_operand, net.sizes.hidden * net.columns)
        products.insert(0, ("w_q", 0, net.step.from_operand, frame.d_operand))
    for product in products:
        needed = fresh is None or product[0] == "w_q" or fresh.equals(0)
        for _ in m.when(m.integer(needed)):
            for k, width in tiles(m, net.sizes.hidden, units):
                for c, wide in tiles(m, net.columns, columns):
                    _through_weights(m, net, frame, slot, (k, width, c, wide), product, alone and product[0] == "w_h")
        if product[0] == "w_q":
            operand_back(m, net, frame, t, slot)


def _penalties(m, net, frame, block, t, terms):
    """Return (a, b) for each column: a h + b is the derivative by h, of a counted step, of the penalties on states.

    activity: mean(h^2) draws h to zero; saturation: sum of (h - low) (high - h) / (high - low)^2 draws it to its
    extremes.
    """

    slope, shift = m.constant(0.0), m.constant(0.0)
    if terms.active:
        slope = _strength(m, net, frame, "activity") * (2 / net.sizes.hidden)
    if terms.saturating:
        low, high = terms.saturating
        unit = _strength(m, net, frame, "saturation") * (1 / (high - low) ** 2)
        slope, shift = slope - 2.0 * unit, unit * (low + high)
    return [[m.select(weight > 0.0, weight * each, 0.0) for each in (slope, shift)]
            for weight in _shares(m, net, block, t)]


def _retention(m, net, frame, block, t):
    """Return the retention penalty's weight for each column, 0 where the step does not count."""
    strength = _strength(m, net, frame, "retention")
    return [m.select(weight > 0.0, weight * strength, 0.0) for weight in _shares(m, net, block, t)]


def _strength(m, net, frame, name):
    return net.weight(m, frame.options, OPTIONS.index(name))


def _shares(m, net, block, t):
    """Return the weight of each column in the loss of a step."""
    return [net.mask(m, block, t, c) * m.load(block.weights, c) for c in range(net.columns)]


def _cell(m, net, frame, t, slot, u, penalties, retention, back, alone):
    """Compute the derivatives of unit u. alone: the product with the weights is all of d_state, so nothing is stored
    there."""
    step, hidden, outputs = net.step, net.sizes.hidden, net.sizes.outputs
    states = len(step.new)
    columns = range(net.columns)
    sums = [m.load(frame.d_state, u * net.columns + column) for column in columns]

    def body(o, running):
        weight = net.weight(m, frame.theta, o * hidden + u + net.table["w_o"])
        right = [m.load(frame.d_z, ((t + 1) * outputs + o) * net.columns + column) for column in columns]
        return [m.fma(weight, d_z, value) for d_z, value in zip(right, running)]

    sums = m.fold(outputs, sums, body)

    vectors = net.vectors_of(m, frame.theta, u)
    environments = []
    for column, d_h in zip(columns, sums):
        new = net.states(m, frame, step.new, u, t + 1, column)
        if penalties is not None:
            slope, shift = penalties[column]
            d_h = m.fma(slope, new[step.new[0]], d_h + shift)
        values = {step.d_new[0]: d_h} | new | vectors
        values |= {
            symbol: m.load(frame.d_state, net.place(u, states, 0, n, column))
            for n, symbol in enumerate(step.d_new)
            if n
        }
        values |= net.saved(m, frame, u, t, column) | net.states(m, frame, step.old, u, t, column)
        if retention is not None:
            values[RETENTION] = retention[column]
        environments.append(values)
    for column, values in enumerate(formula(m, back, environments)):
        for n in range(net.derived):
            m.store(frame.d, net.place(u, net.derived, slot, n, column), values[n])
        for n in range(1 if alone else 0, states):
            m.store(frame.d_state, net.place(u, states, 0, n, column), values[net.derived + n])


def _through_weights(m, net, frame, slot, tile, product, alone):
    """d of h, or of the operand, for units k, k + 1, ...: + sum over (unit, gate) of w (unit, k, gate) d (gate, unit).

    tile: (k, units, first column, columns); product: the weights' name, their first gate, gates, and where d lies;
    alone: whether that is all of d.
    """
    (k, width, c, columns), (table, first, gates, target) = tile, product
    hidden = net.sizes.hidden
    cells = [(unit, column) for unit in range(width) for column in range(columns)]
    places = [(k + unit) * net.columns + c + column for unit, column in cells]
    sums = [m.constant(0.0) if alone else m.load(target, place) for place in places]

    def body(u, running):
        for gate in range(gates):
            right = [m.load(frame.d, net.place(u, net.derived, slot, first + gate, c + n)) for n in range(columns)]
            places = [net.weight_place(table, u, k + unit, gate) for unit in range(width)]
            weights = [net.weight(m, frame.theta, place) for place in places]
            running = [m.fma(weights[unit], right[column], value) for (unit, column), value in zip(cells, running)]
        return running

    for (unit, column), value in zip(cells, m.fold(hidden, sums, body)):
        m.store(target, (k + unit) * net.columns + c + column, value)
