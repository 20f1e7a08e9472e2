"""Forward in time, for one block: pre-activations, the cell's formula, outputs and loss.

    pre[t] = W_x x[t] + W_h h[t] + bias      state[t + 1], saved[t] = step(pre[t], state[t])      z = W_o h + b_o
"""

from fastrnn.kernels.recurrent.frame import formula, products, tiles
from fastrnn.kernels.recurrent.operand import environments_of, second_products
from fastrnn.kernels.workspace import LINE

# Steps of one column whose outputs are computed together.
AT_ONCE = 4
# Steps between the one that is computed and the one whose memory is fetched.
AHEAD = 2


def forward_step(m, net, frame, block, t, first=0, far=False, fresh=None):
    """The states after step t of a block: of a tile of units first the products, then the formulas, chain beside chain.

    first: the step of its sequences that the block begins with; far: those of later steps are to be fetched;
    fresh: whether the state before the step is zero, and its product need not be formed; None: it must.
    """
    units, columns = net.tile_of_products
    now = m.from_integer(t + first)
    # Of bits, all sequences have all steps.
    alive = None
    if not net.bits:
        alive = [net.datum(m, block.lengths, 0, c) > now for c in range(net.columns)]
    for u, high in tiles(m, net.sizes.hidden, units):
        for c, wide in tiles(m, net.columns, columns):
            _products(m, net, frame, block, t, u, high, c, wide, fresh)
        if net.step.operand is None:
            # Each loop's chains of instructions are short, so that the processor overlaps those of several units.
            for unit in m.range(high if net.step.early else 0):
                _activations(m, net, frame, t, u + unit, unit)
            for unit in m.range(high):
                _cells(m, net, frame, t, u + unit, unit, alive, far)
    if net.step.operand is not None:
        second_products(m, net, frame, t)
        for u in m.range(net.sizes.hidden):
            _cells(m, net, frame, t, u, u, alive, far)


def _products(m, net, frame, block, t, u, units, c, columns, fresh):
    """Compute the pre-activations of a tile of units and columns."""
    step, hidden, states = net.step, net.sizes.hidden, len(net.step.new)
    groups, first_h = len(step.pre), len(step.pre) - step.from_h

    def product(sums, first, count, name, reached, operand):
        """{group: sums}, with the product of a matrix added to those of `reached` groups from the first one on."""
        flat = [value for group in range(first, first + reached) for value in sums[group]]
        flat = products(m, net, frame.theta, flat, count, name, (u, units, c, columns), operand)
        return {first + n: flat[n * units * columns : (n + 1) * units * columns] for n in range(reached)}

    def biases(group):
        return [value for unit in range(units) for value in [_bias(m, net, frame, group, u + unit)] * columns]

    def keep(group, values):
        for at, value in enumerate(values):
            row = at // columns if step.operand is None else u + at // columns
            m.store(frame.pre, net.pre_place(row, group, c + at % columns), value)

    sums = product(
        {group: biases(group) for group in range(step.from_x)},
        0,
        net.sizes.inputs,
        "w_x",
        step.from_x,
        lambda i, column: net.datum(m, block.x, t * net.sizes.inputs + i, column),
    )
    # What the state does not reach is done, and leaves its registers to others.
    for group in range(first_h):
        keep(group, sums[group])
    sums |= {group: biases(group) for group in range(step.from_x, groups)}
    # A loop that is written out has no number of steps to choose.
    count = hidden if fresh is None or m.unrolls(hidden, step.from_h * units * columns) else fresh.equals(0) * hidden
    sums = product(
        sums,
        first_h,
        count,
        "w_h",
        step.from_h,
        lambda k, column: m.load(frame.state, net.place(k, states, t, 0, column)),
    )
    for group in range(first_h, groups):
        keep(group, sums[group])


def _activations(m, net, frame, t, u, row):
    """Compute the activations of unit u that wait for no others, in all columns; row: see `Network.pre_place`."""
    early, count = net.step.saved[: net.step.early], len(net.step.saved)
    for column, values in enumerate(formula(m, early, environments_of(m, net, frame, t, u, row, 0))):
        for n, value in enumerate(values):
            m.store(frame.saved, net.place(u, count, t, n, column), value)


def _cells(m, net, frame, t, u, row, alive, far):
    """Compute unit u in all columns: the next states, and the values that the backward step reads; row: as for
    `_activations`."""
    step, states = net.step, len(net.step.new)
    early = step.early
    if far:
        prefetch_cells(m, net, frame, t + (1 + AHEAD), t + AHEAD, u, write=True)
    environments = environments_of(m, net, frame, t, u, row, early)
    for column, values in enumerate(formula(m, [*step.new, *step.saved[early:]], environments)):
        for n in range(states):
            # After its end a sequence rests at zero: whatever its padding leads to, nothing infinite meets a
            # derivative of 0.
            value = values[n] if alive is None else m.select(alive[column], values[n], 0.0)
            m.store(frame.state, net.place(u, states, t + 1, n, column), value)
        for n in range(early, len(step.saved)):
            m.store(frame.saved, net.place(u, len(step.saved), t, n, column), values[states + n - early])


def prefetch_cells(m, net, frame, time, t, u, write):
    """Have the caches fetch the states of unit u at `time`, and what step t saves, in all columns."""
    for pointer, count, at in ((frame.state, len(net.step.new), time), (frame.saved, len(net.step.saved), t)):
        for n in range(count):
            for column in range(0, net.columns, max(1, LINE // net.vector_bytes)):
                m.prefetch(pointer, net.place(u, count, at, n, column), write)


def _bias(m, net, frame, group, unit):
    """Return b_ih and b_hh of a pre-activation, those that it has."""
    if not net.biased:
        return m.constant(0.0)
    hidden, first_h = net.sizes.hidden, len(net.step.pre) - net.step.from_h
    parts = []
    if group < net.step.from_x:
        parts.append(net.weight(m, frame.theta, unit + (net.table["b_x"] + group * hidden)))
    if group >= first_h:
        parts.append(net.weight(m, frame.theta, unit + (net.table["b_h"] + (group - first_h) * hidden)))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _output_bias(m, net, frame, o):
    return net.weight(m, frame.theta, net.table["b_o"] + o) if net.biased else m.constant(0.0)


def outputs(m, net, frame, cells):
    """Return z of each output and cell (lists), from the states at the cells' (time, column)."""
    hidden, states, results = net.sizes.hidden, len(net.step.new), []
    high = net.tile(1, net.sizes.outputs)[0]
    for first in range(0, net.sizes.outputs, high):
        numbers = range(first, min(net.sizes.outputs, first + high))
        sums = [value for o in numbers for value in [_output_bias(m, net, frame, o)] * len(cells)]

        def body(k, running, numbers=numbers):
            right = [m.load(frame.state, net.place(k, states, time, 0, c)) for time, c in cells]
            out = []
            for row, o in enumerate(numbers):
                weight = net.weight(m, frame.theta, k + (net.table["w_o"] + o * hidden))
                out += [m.fma(weight, each, running[row * len(cells) + n]) for n, each in enumerate(right)]
            return out

        sums = m.fold(hidden, sums, body)
        results += [sums[row * len(cells) : (row + 1) * len(cells)] for row in range(len(numbers))]
    return results


def head_steps(m, net, frame, block, learning, evaluating):
    """Outputs, losses and derivatives of all steps, a few at a time, as the sums of one step wait for each other."""
    together = net.tile(1, net.sizes.outputs, AT_ONCE)[1]
    whole = block.steps - block.steps % together
    for t in m.range(whole, 0, together):
        _head(m, net, frame, block, [(t + n, m.integer(0)) for n in range(together)], learning, evaluating)
    for t in m.range(block.steps, whole):
        _head(m, net, frame, block, [(t, m.integer(0))], learning, evaluating)


def head_step(m, net, frame, block, t, learning, evaluating):
    """Compute the outputs of step t; their loss if `evaluating`, and its weighted derivatives d_z if `learning`."""
    for c, columns in tiles(m, net.columns, net.tile(1, net.sizes.outputs)[1]):
        _head(m, net, frame, block, [(t, c + n) for n in range(columns)], learning, evaluating)


def _head(m, net, frame, block, cells, learning, evaluating):
    """Compute the outputs, losses and derivatives of cells, (step, column)."""
    head, after = net.head, 0 if net.before else 1
    zero = m.constant(0.0)
    z = outputs(m, net, frame, [(t + after, c) for t, c in cells])
    environments = []
    for n, (t, c) in enumerate(cells):
        values = {symbol: z[o][n] for o, symbol in enumerate(head.z)}
        values |= {symbol: net.datum(m, block.y, t * len(head.y) + row, c) for row, symbol in enumerate(head.y)}
        environments.append(values)
    masks = [net.mask(m, block, t, c) for t, c in cells]
    shares = _emphasise(m, net, frame, cells, environments, masks) if head.emphasis else []
    def score(n, loss, correct):
        for row, value in enumerate((loss * masks[n], correct)):
            place = cells[n][1] + row * net.columns
            value = m.select(masks[n] > 0.0, value, zero)
            m.store(frame.column_sums, place, m.load(frame.column_sums, place) + value)

    def derive(n, d_z):
        t, c = cells[n]
        learns = masks[n] * m.load(block.weights, c)
        for o, value in enumerate(d_z):
            place = ((t + after) * net.sizes.outputs + o) * net.columns + c
            value = m.select(learns > 0.0, value * learns, zero)
            m.store(frame.d_z, place, value)
            for _ in m.when(m.integer(0).below(t + block.first)) if head.emphasis else ():
                before = place - net.sizes.outputs * net.columns
                m.store(frame.d_z, before, m.fma(shares[n], value, m.load(frame.d_z, before)))

    if evaluating.known and learning.known and evaluating.value and learning.value:
        # Loss and derivatives share what is in both.
        for n, (loss, correct, *d_z) in enumerate(formula(m, [head.loss, head.correct, *head.d_z], environments)):
            score(n, loss, correct)
            derive(n, d_z)
        return
    # A loss takes a logarithm, which most rounds need not pay for.
    for _ in m.when(evaluating):
        for n, (loss, correct) in enumerate(formula(m, [head.loss, head.correct], environments)):
            score(n, loss, correct)
    for _ in m.when(learning):
        for n, d_z in enumerate(formula(m, list(head.d_z), environments)):
            derive(n, d_z)


def _emphasise(m, net, frame, cells, environments, masks):
    """Let the loss of each column read z minus a share of the last step's error, if that counts; store this step's.

    Returns each column's derivative of what the loss sees by the error of the last step.
    """
    head, shares = net.head, []
    for (_, c), values, mask in zip(cells, environments, masks):
        place = c + net.sizes.outputs * net.columns
        shares.append(m.load(frame.errors, place))
        m.store(frame.errors, place, m.select(mask > 0.0, m.constant(-head.emphasis), 0.0))
        for o, (z, seen, y) in enumerate(zip(head.z, head.seen, head.y)):
            place = c + o * net.columns
            values[seen] = m.fma(shares[-1], m.load(frame.errors, place), values[z])
            m.store(frame.errors, place, m.select(mask > 0.0, values[z] - values[y], 0.0))
    return shares
