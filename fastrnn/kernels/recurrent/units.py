"""A few samples of one network: hidden units in the lanes of vectors, steps in the lanes where they do not wait for
each other.

The equations are those of .forward and .backward. What waits is the recurrence, whose products are cut into several
sums, so that few additions wait for the one before; several samples wait side by side. Arrays: see .units_network.
"""

from fastrnn.formula.retention import RETENTION, back_with_retention
from fastrnn.kernels.recurrent.frame import TOGETHER, clear, formula, tiles
from fastrnn.kernels.recurrent.update import OPTIONS

# Sums that a recurrent product is cut into: as many multiply-adds wait for each other as a tree of additions is high.
SPLIT = 8


def _tree(values):
    """Return the sum of the vectors, added pairwise."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2])] + values[len(values) // 2 * 2 :]
    return values[0]


def _product(m, starts, count, step, weight, number, gates=1):
    """[start[n] + sum over k and gate of weight(k, gate, n) * number(k, gate, n)] for k = 0 to count - 1, cut into
    SPLIT / len(starts) sums each.

    step: k at a time in the loop.
    """
    ways = max(1, SPLIT // len(starts))
    zero = m.constant(0.0)
    sums = [start if way == 0 else zero for start in starts for way in range(ways)]

    def add(k, sums, width):
        sums = list(sums)
        for offset in range(width * gates):
            at, gate = k + offset // gates, offset % gates
            for n in range(len(starts)):
                place = n * ways + offset % ways
                sums[place] = m.fma(weight(at, gate, n), number(at, gate, n), sums[place])
        return sums

    whole = count // step
    if whole:
        sums = m.fold(whole, sums, lambda block, sums: add(block * step, sums, step))
    if count % step:
        sums = add(m.integer(whole * step), sums, count % step)
    return [_tree(sums[n * ways : (n + 1) * ways]) for n in range(len(starts))]


def _cells(m, net, gates):
    """Yields (panels, columns), lists, of each tile of `gates` sums a cell."""
    high, wide = net.tile(gates)
    for first, width in tiles(m, net.columns, wide):
        for p, height in tiles(m, net.panels, high):
            yield [p + n for n in range(height)], [first + n for n in range(width)]


def _at_once(net, panels):
    """Those of a tile's panels whose sums wait side by side: of a sample that is alone, one, in many parts."""
    return [panels] if net.columns > 1 else [[p] for p in panels]


def units_forward_step(m, net, frame, t):
    """Compute the states after step t, and what the step back reads."""
    step, states = net.step, len(net.step.new)
    for panels, columns in _cells(m, net, max(1, step.from_h)):
        environments = {}
        for own in _at_once(net, panels):
            pre = _pre_activations(m, net, frame, t, own, columns)
            for n, p in enumerate(own):
                vectors = _vectors(m, net, frame, p)
                for at, column in enumerate(columns):
                    values = dict(zip(step.pre, (sums[n * len(columns) + at] for sums in pre)))
                    environments[column, p] = values | net.states(m, frame, step.old, t, column, p) | vectors
        alive = {
            column: m.from_integer(m.read(frame.lengths, column)) > m.from_integer(frame.first + t)
            for column in (columns if net.ragged else ())
        }
        results = formula(m, [*step.new, *step.saved], list(environments.values()))
        for (column, p), values in zip(environments, results):
            for n in range(states):
                # After its end a sample rests at zero, as in .forward.
                value = m.select(alive[column], values[n], 0.0) if net.ragged else values[n]
                m.store(frame.state, net.place(states, t + 1, n, column, p), value)
            for n in range(len(step.saved)):
                m.store(frame.saved, net.place(len(step.saved), t, n, column, p), values[states + n])


def _pre_activations(m, net, frame, t, panels, columns):
    """[pre-activations of all panels and columns] of each group."""
    step, sizes, states, count, cells = net.step, net.sizes, len(net.step.new), len(columns), len(panels) * len(columns)
    groups, first_h = len(step.pre), len(step.pre) - step.from_h
    sums = []
    for group in range(groups):
        for p in panels:
            parts = []
            if group < step.from_x:
                parts.append(m.load(frame.theta, p + net.row("b_x", group * net.panels)))
            if group >= first_h:
                parts.append(m.load(frame.theta, p + net.row("b_h", (group - first_h) * net.panels)))
            sums += [parts[0] if len(parts) == 1 else parts[0] + parts[1]] * count

    def weights(name, gates, k):
        return [
            m.load(frame.theta, (k * gates + gate) * net.panels + net.row(name) + p)
            for gate in range(gates)
            for p in panels
        ]

    def from_inputs(i, sums):
        numbers = [m.broadcast(frame.x, column * frame.stride + t * sizes.inputs + i) for column in columns]
        given = weights("w_x", step.from_x, i)
        return [m.fma(given[n // count], numbers[n % count], value) for n, value in enumerate(sums)]

    reached = step.from_x * cells
    sums[:reached] = m.fold(sizes.inputs, sums[:reached], from_inputs)
    if step.from_h:
        starts = sums[first_h * cells :]
        sums[first_h * cells :] = _product(
            m,
            starts,
            sizes.hidden,
            SPLIT if net.columns == 1 else max(1, SPLIT // len(starts)),
            lambda k, _, n: m.load(
                frame.theta,
                (k * step.from_h + n // cells) * net.panels + net.row("w_h") + panels[n % cells // count],
            ),
            lambda k, _, n: m.broadcast(frame.state, net.place(states, t, 0, columns[n % count], 0) * net.lanes + k),
        )
    return [sums[group * cells : (group + 1) * cells] for group in range(groups)]


def _vectors(m, net, frame, p):
    """Return {symbol: the cell's vector, of a panel}."""
    return {
        symbol: m.load(frame.theta, p + net.row("vectors", n * net.panels))
        for n, symbol in enumerate(net.step.vectors)
    }


def _panels(m, net):
    """Yields (panel, its units): a loop over full panels, and then the rest."""
    whole, rest = divmod(net.sizes.hidden, net.lanes)
    for p in m.range(whole):
        yield p, net.lanes
    if rest:
        yield m.integer(whole), rest


def turn(m, net, frame):
    """Set turned[j, gate, k] = w_h[k, gate, j]."""
    lanes, panels, gates = net.lanes, net.panels, net.step.from_h
    for gate in range(gates):
        for q, units in _panels(m, net):
            for p in m.range(panels):
                rows = [
                    m.load(frame.theta, ((q * lanes + lane) * gates + gate) * panels + p + net.row("w_h"))
                    for lane in range(units)
                ]
                # Behind the last unit lies whatever comes after the weights.
                rows += [m.constant(0.0)] * (lanes - units)
                for lane, row in enumerate(m.transposed(rows)):
                    m.store(frame.turned, ((p * lanes + lane) * gates + gate) * panels + q, row)


def chunk_outputs(m, net, frame, column, chunk):
    """Return z of each output, a chunk of steps in a vector, from the states of a column."""
    states, results = len(net.step.new), []
    for o in range(net.sizes.outputs):
        products = []
        for step in range(net.chunk):
            t, total = chunk * net.chunk + step + 1, None
            for p in range(net.panels):
                h = m.load(frame.state, net.place(states, t, 0, column, p))
                w = m.load(frame.theta, net.row("w_o", o * net.panels + p))
                total = w * h if total is None else m.fma(w, h, total)
            products.append(total)
        bias = m.broadcast(frame.theta, net.table["b_o"] + o * net.lanes)
        results.append(m.sums(products) + bias)
    return results


def head_chunk(m, net, frame, chunk):
    """Compute the outputs of a chunk of steps, their losses and the derivatives."""
    head, zero = net.head, m.constant(0.0)
    for first, wide in tiles(m, net.columns, TOGETHER):
        columns, environments = [first + n for n in range(wide)], []
        for column in columns:
            values = dict(zip(head.z, chunk_outputs(m, net, frame, column, chunk)))
            values |= {
                symbol: m.load(frame.y, (column * len(head.y) + o) * frame.chunks + chunk)
                for o, symbol in enumerate(head.y)
            }
            environments.append(values)
        results = formula(m, [head.loss, head.correct, *head.d_z], environments)
        for column, (loss, wrong, *d_z) in zip(columns, results):
            mask = m.load(frame.mask, column * frame.chunks + chunk)
            counts = mask > 0.0
            for o, value in enumerate(d_z):
                place = (column * net.sizes.outputs + o) * frame.chunks + chunk
                m.store(frame.d_z, place, m.select(counts, value * mask, zero))
            sums = [m.select(counts, loss * mask, zero), m.select(counts, wrong, zero)]
            m.add_sums(frame.sums, [column * 2, column * 2 + 1], sums)


def units_back_step(m, net, frame, t, terms):
    """Compute the derivatives by the pre-activations of step t, and by the states before it."""
    step, states, gates = net.step, len(net.step.new), net.step.from_h
    first_h = len(step.pre) - gates
    back = back_with_retention(step) if terms.retaining else step.back
    for panels, columns in _cells(m, net, 1):
        cells = [(column, p) for p in panels for column in columns]
        environments = [_behind(m, net, frame, t, column, p, terms) for column, p in cells]
        for (column, p), values in zip(cells, formula(m, back, environments)):
            for n in range(net.derived):
                m.store(frame.d, net.place(net.derived, t, n, column, p), values[n])
            for n in range(states):
                m.store(frame.d_state, net.place(states, 0, n, column, p), values[net.derived + n])
    # The state before the first step is zero, and does not learn.
    for _ in m.when(m.integer(0).below(frame.first + t)) if gates else ():
        _back_through_weights(m, net, frame, t, first_h, gates)
    if terms.truncated:
        # What came before a border is given, for what comes after it.
        for _ in m.when(((frame.first + t) % m.word("segment")).equals(0)):
            clear(m, frame.d_state, net.checkpoint)


def _back_through_weights(m, net, frame, t, first_h, gates):
    """Add to the derivatives by the states before step t those that pass through the weights of the gates."""
    sizes, states = net.sizes, len(net.step.new)
    for panels, columns in _cells(m, net, 1):
        for own in _at_once(net, panels):
            places = [net.place(states, 0, 0, column, p) for p in own for column in columns]
            totals = _product(
                m,
                [m.load(frame.d_state, place) for place in places],
                sizes.hidden,
                max(1, SPLIT // (gates if net.columns == 1 else gates * len(places))),
                lambda k, gate, n, own=own, columns=columns: m.load(
                    frame.turned, (k * gates + gate) * net.panels + own[n // len(columns)]
                ),
                lambda k, gate, n, columns=columns: m.broadcast(
                    frame.d, net.place(net.derived, t, first_h + gate, columns[n % len(columns)], 0) * net.lanes + k
                ),
                gates,
            )
            for place, total in zip(places, totals):
                m.store(frame.d_state, place, total)


def _behind(m, net, frame, t, column, p, terms):
    """{node: Vector}: all that the step back from t reads, of a panel of a column."""
    step, sizes, states = net.step, net.sizes, len(net.step.new)
    # Where a step's derivatives and its mask lie, as numbers.
    within, size = (t // net.chunk) * net.lanes + t % net.chunk, frame.chunks * net.lanes

    def from_outputs(o, sums):
        weight = m.load(frame.theta, o * net.panels + net.row("w_o", p))
        return [m.fma(weight, m.broadcast(frame.d_z, (column * sizes.outputs + o) * size + within), sums[0])]

    (d_h,) = m.fold(sizes.outputs, [m.load(frame.d_state, net.place(states, 0, 0, column, p))], from_outputs)
    new = net.states(m, frame, step.new, t + 1, column, p)
    mask = m.broadcast(frame.mask, column * size + within) if terms.saturating or terms.retaining else None
    if terms.saturating:
        low, high = terms.saturating
        unit = m.broadcast(frame.options, OPTIONS.index("saturation")) * (1 / (high - low) ** 2)
        slope, shift = (m.select(mask > 0.0, mask * each, 0.0) for each in (-2.0 * unit, unit * (low + high)))
        d_h = m.fma(slope, new[step.new[0]], d_h + shift)
    values = {step.d_new[0]: d_h} | new | _vectors(m, net, frame, p)
    values |= {
        symbol: m.load(frame.d_state, net.place(states, 0, n, column, p)) for n, symbol in enumerate(step.d_new) if n
    }
    values |= {
        symbol: m.load(frame.saved, net.place(len(step.saved), t, n, column, p)) for n, symbol in enumerate(step.saved)
    }
    values |= net.states(m, frame, step.old, t, column, p)
    if terms.retaining:
        strength = m.broadcast(frame.options, OPTIONS.index("retention"))
        values[RETENTION] = m.select(mask > 0.0, mask * strength, 0.0)
    return values
