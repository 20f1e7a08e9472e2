"""One sample of one network: hidden units in the lanes of vectors, steps in the lanes where they do not wait for each
other.

The equations are those of .forward and .backward. What waits is the recurrence, whose products are cut into several
sums, so that few additions wait for the one before. Arrays: see .units_network.
"""

from fastrnn.formula.retention import RETENTION, back_with_retention
from fastrnn.kernels.recurrent.network import formula, tiles
from fastrnn.kernels.recurrent.update import OPTIONS

# Sums that a recurrent product is cut into: as many multiply-adds wait for each other as a tree of additions is high.
SPLIT = 8
# Gradients that are summed over time at once.
TILE = 12


def _place(net, count, time, n, panel):
    """Return the place of the n-th vector of a panel at a time, in an array (T, count, P)."""
    return (time * count + n) * net.panels + panel


def _tree(values):
    """Return the sum of the vectors, added pairwise."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2])] + values[len(values) // 2 * 2 :]
    return values[0]


def _product(m, starts, count, step, weight, number):
    """[start[n] + sum over k of weight(k, n) * number(k, n)] for k = 0 to count - 1, cut into SPLIT / len(starts) sums
    each.

    step: k at a time in the loop.
    """
    ways = max(1, SPLIT // len(starts))
    zero = m.constant(0.0)
    sums = [start if way == 0 else zero for start in starts for way in range(ways)]

    def add(k, sums, width):
        sums = list(sums)
        for offset in range(width):
            for n in range(len(starts)):
                place = n * ways + offset % ways
                sums[place] = m.fma(weight(k + offset, n), number(k + offset, n), sums[place])
        return sums

    whole = count // step
    if whole:
        sums = m.fold(whole, sums, lambda block, sums: add(block * step, sums, step))
    if count % step:
        sums = add(m.integer(whole * step), sums, count % step)
    return [_tree(sums[n * ways : (n + 1) * ways]) for n in range(len(starts))]


def forward_step(m, net, frame, t):
    """Compute the states after step t, and what the step back reads."""
    step, sizes, states = net.step, net.sizes, len(net.step.new)
    groups, first_h = len(step.pre), len(step.pre) - step.from_h
    environments = []
    for p in range(net.panels):
        sums = []
        for group in range(groups):
            parts = []
            if group < step.from_x:
                parts.append(m.load(frame.theta, m.integer(net.row("b_x", group * net.panels + p))))
            if group >= first_h:
                parts.append(m.load(frame.theta, m.integer(net.row("b_h", (group - first_h) * net.panels + p))))
            sums.append(parts[0] if len(parts) == 1 else parts[0] + parts[1])

        def from_inputs(i, sums, p=p):
            x = m.splat(frame.x, t * sizes.inputs + i)
            return [
                m.fma(m.load(frame.theta, (i * step.from_x + group) * net.panels + net.row("w_x", p)), x, value)
                for group, value in enumerate(sums)
            ]

        sums[: step.from_x] = m.fold(sizes.inputs, sums[: step.from_x], from_inputs)
        if step.from_h:
            sums[first_h:] = _product(
                m,
                sums[first_h:],
                sizes.hidden,
                SPLIT,
                lambda k, n, p=p: m.load(frame.theta, (k * step.from_h + n) * net.panels + net.row("w_h", p)),
                lambda k, n: m.splat(frame.state, t * (states * net.panels * net.lanes) + k),
            )
        values = dict(zip(step.pre, sums))
        values |= {symbol: m.load(frame.state, _place(net, states, t, n, p)) for n, symbol in enumerate(step.old)}
        environments.append(values | _vectors(m, net, frame, p))
    for p, values in enumerate(formula(m, [*step.new, *step.saved], environments)):
        for n in range(states):
            m.store(frame.state, _place(net, states, t + 1, n, p), values[n])
        for n in range(len(step.saved)):
            m.store(frame.saved, _place(net, len(step.saved), t, n, p), values[states + n])


def _vectors(m, net, frame, p):
    """Return {symbol: the cell's vector, of a panel}."""
    return {
        symbol: m.load(frame.theta, m.integer(net.row("vectors", n * net.panels + p)))
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


def head_chunk(m, net, frame, chunk):
    """Compute the outputs of a chunk of steps, their losses and the derivatives."""
    head, states, zero = net.head, len(net.step.new), m.constant(0.0)
    values = {}
    for o, symbol in enumerate(head.z):
        products = []
        for step in range(net.chunk):
            t, total = chunk * net.chunk + step + 1, None
            for p in range(net.panels):
                h = m.load(frame.state, _place(net, states, t, 0, p))
                w = m.load(frame.theta, m.integer(net.row("w_o", o * net.panels + p)))
                total = w * h if total is None else m.fma(w, h, total)
            products.append(total)
        values[symbol] = m.sums(products) + m.splat(frame.theta, m.integer(net.table["b_o"] + o * net.lanes))
    values |= {symbol: m.load(frame.y, o * frame.chunks + chunk) for o, symbol in enumerate(head.y)}
    mask = m.load(frame.mask, chunk)
    ((loss, wrong, *d_z),) = formula(m, [head.loss, head.correct, *head.d_z], [values])
    counts = mask > 0.0
    for o, value in enumerate(d_z):
        m.store(frame.d_z, o * frame.chunks + chunk, m.select(counts, value * mask, zero))
    wrong = m.select(counts, wrong, zero)
    m.add_sums(frame.sums, [m.integer(0), m.integer(1)], [m.select(counts, loss * mask, zero), wrong])


def back_step(m, net, frame, t, terms):
    """Compute the derivatives by the pre-activations of step t, and by the states before it."""
    step, sizes, states = net.step, net.sizes, len(net.step.new)
    first_h = len(step.pre) - step.from_h
    # Where a step's derivatives lie, as numbers.
    at = (t // net.chunk) * net.lanes + t % net.chunk
    environments = []
    for p in range(net.panels):
        d_h = m.load(frame.d_state, m.integer(p))

        def from_outputs(o, sums, p=p):
            weight = m.load(frame.theta, o * net.panels + net.row("w_o", p))
            return [m.fma(weight, m.splat(frame.d_z, o * (frame.chunks * net.lanes) + at), sums[0])]

        (d_h,) = m.fold(sizes.outputs, [d_h], from_outputs)
        new = {symbol: m.load(frame.state, _place(net, states, t + 1, n, p)) for n, symbol in enumerate(step.new)}
        if terms.saturating:
            low, high = terms.saturating
            unit = m.splat(frame.options, m.integer(OPTIONS.index("saturation"))) * (1 / (high - low) ** 2)
            mask = m.splat(frame.mask, at)
            slope, shift = (m.select(mask > 0.0, mask * each, 0.0) for each in (-2.0 * unit, unit * (low + high)))
            d_h = m.fma(slope, new[step.new[0]], d_h + shift)
        values = {step.d_new[0]: d_h} | new | _vectors(m, net, frame, p)
        values |= {
            symbol: m.load(frame.d_state, m.integer(n * net.panels + p)) for n, symbol in enumerate(step.d_new) if n
        }
        values |= {
            symbol: m.load(frame.saved, _place(net, len(step.saved), t, n, p)) for n, symbol in enumerate(step.saved)
        }
        values |= {symbol: m.load(frame.state, _place(net, states, t, n, p)) for n, symbol in enumerate(step.old)}
        if terms.retaining:
            mask = m.splat(frame.mask, at)
            strength = m.splat(frame.options, m.integer(OPTIONS.index("retention")))
            values[RETENTION] = m.select(mask > 0.0, mask * strength, 0.0)
        environments.append(values)
    direct, back = [], back_with_retention(step) if terms.retaining else step.back
    for p, values in enumerate(formula(m, back, environments)):
        for n in range(net.derived):
            m.store(frame.d, _place(net, net.derived, t, n, p), values[n])
        for n in range(1, states):
            m.store(frame.d_state, m.integer(n * net.panels + p), values[net.derived + n])
        direct.append(values[net.derived])
    gates, numbers = step.from_h, net.panels * net.lanes
    for p in range(net.panels):
        total = direct[p]
        if gates:
            # All gates of a unit after each other.
            (total,) = _product(
                m,
                [total],
                sizes.hidden * gates,
                SPLIT if gates == 1 else gates * max(1, SPLIT // gates),
                lambda place, n, p=p: m.load(frame.turned, place * net.panels + p),
                lambda place, n: m.splat(
                    frame.d, (t * net.derived + first_h + place % gates) * numbers + place // gates
                ),
            )
        m.store(frame.d_state, m.integer(p), total)
    if terms.truncated:
        # What came before a border is given, for what comes after it.
        for _ in m.when(((frame.first + t) % m.word("segment")).equals(0)):
            for row in range(states * net.panels):
                m.store(frame.d_state, m.integer(row), m.constant(0.0))


def gradients(m, net, frame, steps, chunks, add):
    """Set the gradients to the sums over these steps, or add these to them."""
    step, sizes, states, panels, lanes = net.step, net.sizes, len(net.step.new), net.panels, net.lanes
    first_h, zero = len(step.pre) - step.from_h, m.constant(0.0)

    def keep(place, value):
        m.store(frame.gradient, place, m.load(frame.gradient, place) + value if add else value)

    def outer(name, count, gates, first, number):
        """gradient[k, gate] = sum over steps of d[t, first + gate] * number(t, k)."""
        high = max(1, TILE // gates) if gates else 1
        for p in range(panels):
            for k, width in tiles(m, count, high) if gates else ():

                def body(t, sums, k=k, width=width, p=p):
                    d = [m.load(frame.d, _place(net, net.derived, t, first + gate, p)) for gate in range(gates)]
                    numbers = [number(t, k + n) for n in range(width)]
                    return [
                        m.fma(d[gate], numbers[n], sums[n * gates + gate])
                        for n in range(width)
                        for gate in range(gates)
                    ]

                for n, value in enumerate(m.fold(steps, [zero] * (width * gates), body)):
                    keep(((k + n // gates) * gates + n % gates) * panels + net.row(name, p), value)

    outer(
        "w_h", sizes.hidden, step.from_h, first_h, lambda t, k: m.splat(frame.state, t * (states * panels * lanes) + k)
    )
    outer("w_x", sizes.inputs, step.from_x, 0, lambda t, i: m.splat(frame.x, t * sizes.inputs + i))
    for p in range(panels):

        def sums_of_d(t, sums, p=p):
            return [value + m.load(frame.d, _place(net, net.derived, t, n, p)) for n, value in enumerate(sums)]

        values = m.fold(steps, [zero] * net.derived, sums_of_d)
        # One bias for each matrix that reaches a pre-activation: where both do, both have the same gradient.
        for group, value in enumerate(values):
            if group < step.from_x:
                keep(m.integer(net.row("b_x", group * panels + p)), value)
            if first_h <= group < len(step.pre):
                keep(m.integer(net.row("b_h", (group - first_h) * panels + p)), value)
            if group >= len(step.pre):
                keep(m.integer(net.row("vectors", (group - len(step.pre)) * panels + p)), value)
    for o in m.range(sizes.outputs):
        for p in range(panels):

            def of_outputs(t, sums, p=p, o=o):
                at = (o * frame.chunks + t // net.chunk) * lanes + t % net.chunk
                return [m.fma(m.splat(frame.d_z, at), m.load(frame.state, _place(net, states, t + 1, 0, p)), sums[0])]

            (value,) = m.fold(steps, [zero], of_outputs)
            keep(o * panels + net.row("w_o", p), value)
        (total,) = m.fold(chunks, [zero], lambda c, sums, o=o: [sums[0] + m.load(frame.d_z, o * frame.chunks + c)])
        keep(o + net.row("b_o"), m.sums([total]))
