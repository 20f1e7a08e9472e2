"""The second product of a step: an operand, a formula of gates and state, replaces h for some gates.

operand[t] = f(pre[t], state[t])      pre[t] += W_q operand[t] + b_q
d_operand = W_q' d_pre[t]             d_pre[t], d_state[t] += the derivatives of f, times d_operand
"""

from fastrnn.formula.graph import lift
from fastrnn.kernels.recurrent.frame import formula, products, tiles


def environments_of(m, net, frame, t, u, row, saved):
    """Return [{node: Vector}] of unit u for each column: pre-activations, which lie in `row`, state, vectors, the first
    `saved` nodes saved."""
    step, vectors = net.step, net.vectors_of(m, frame.theta, u)
    environments = []
    for column in range(net.columns):
        values = {
            symbol: m.load(frame.pre, net.pre_place(row, group, column))
            for group, symbol in enumerate(step.pre)
        }
        values |= net.states(m, frame, step.old, u, t, column) | net.saved(m, frame, u, t, column, saved)
        environments.append(values | vectors)
    return environments


def second_products(m, net, frame, t):
    """Compute the operand of step t, and add its products to the pre-activations of its gates."""
    step = net.step
    for u in m.range(net.sizes.hidden):
        own = [step.operand.node, *step.saved[: step.operand.saved]]
        for column, (value, *saved) in enumerate(formula(m, own, environments_of(m, net, frame, t, u, u, 0))):
            m.store(frame.operand, net.place(u, 1, t, 0, column), value)
            for n, each in enumerate(saved):
                m.store(frame.saved, net.place(u, len(step.saved), t, n, column), each)
    units, columns = net.tile(step.operand.gates, net.sizes.hidden)
    for u, high in tiles(m, net.sizes.hidden, units):
        for c, wide in tiles(m, net.columns, columns):
            _add_products(m, net, frame, t, u, high, c, wide)


def _add_products(m, net, frame, t, u, units, c, columns):
    """Compute the products of a tile of units and columns."""
    hidden, gates = net.sizes.hidden, net.step.operand.gates
    rows = [(gate, unit) for gate in range(gates) for unit in range(units)]

    def place(gate, unit, column):
        return net.pre_place(u + unit, gate, c + column)

    sums = []
    for gate, unit in rows:
        before = [m.load(frame.pre, place(gate, unit, column)) for column in range(columns)]
        if net.biased:
            bias = net.weight(m, frame.theta, u + (net.table["b_q"] + gate * hidden + unit))
            before = [value + bias for value in before]
        sums += before

    def operand(k, column):
        return m.load(frame.operand, net.place(k, 1, t, 0, column))

    sums = products(m, net, frame.theta, sums, hidden, "w_q", (u, units, c, columns), operand)
    for at, value in enumerate(sums):
        gate, unit = rows[at // columns]
        m.store(frame.pre, place(gate, unit, at % columns), value)


def operand_back(m, net, frame, t, slot):
    """Add to the derivatives of step t those that pass through the operand, from d_operand."""
    step, states = net.step, len(net.step.new)
    given = [n for n, expr in enumerate(step.operand.back) if expr is not lift(0.0)]
    nodes = [step.operand.back[n] for n in given]
    for u in m.range(net.sizes.hidden):
        environments = []
        for column in range(net.columns):
            values = {step.operand.d_node: m.load(frame.d_operand, net.place(u, 1, 0, 0, column))}
            values |= net.saved(m, frame, u, t, column) | net.states(m, frame, step.old, u, t, column)
            environments.append(values | net.vectors_of(m, frame.theta, u))
        for column, values in enumerate(formula(m, nodes, environments)):
            for n, value in zip(given, values):
                pointer, place = frame.d_state, net.place(u, states, 0, n - net.derived, column)
                if n < net.derived:
                    pointer, place = frame.d, net.place(u, net.derived, slot, n, column)
                m.store(pointer, place, m.load(pointer, place) + value)
