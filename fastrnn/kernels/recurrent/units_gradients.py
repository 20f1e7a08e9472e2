"""The units_gradients of a few samples of one network, whose hidden units lie in the lanes, from what .units left.

    W_x += d_pre[t] x[t]'    W_h += d_pre[t] h[t]'    bias += d_pre[t]    W_o += d_z[t] h[t]'
"""

from fastrnn.kernels.recurrent.frame import tiles

# Gradients that are summed over time at once.
SUMMED_AT_ONCE = 12

def units_gradients(m, net, frame, steps, chunks, add):
    """Set the units_gradients to the sums over these steps, or add these to them."""
    # The state before the first step is zero.
    passed = frame.first.equals(0)
    step, sizes, states, panels, lanes = net.step, net.sizes, len(net.step.new), net.panels, net.lanes
    first_h, zero, columns = len(step.pre) - step.from_h, m.constant(0.0), range(net.columns)

    def keep(place, value):
        m.store(frame.gradient, place, m.load(frame.gradient, place) + value if add else value)

    def outer(name, count, gates, first, number, begin=0):
        """gradient[k, gate] = sum over columns and steps from `begin` of d[t, first + gate] * number(t, column, k)."""
        high = max(1, SUMMED_AT_ONCE // gates) if gates else 1
        for p in range(panels):
            for k, width in tiles(m, count, high) if gates else ():

                def body(n, sums, k=k, width=width, p=p):
                    t = n + begin
                    for column in columns:
                        d = [
                            m.load(frame.d, net.place(net.derived, t, first + gate, column, p)) for gate in range(gates)
                        ]
                        numbers = [number(t, column, k + n) for n in range(width)]
                        sums = [m.fma(d[n % gates], numbers[n // gates], value) for n, value in enumerate(sums)]
                    return sums

                for n, value in enumerate(m.fold(steps - begin, [zero] * (width * gates), body)):
                    keep(((k + n // gates) * gates + n % gates) * panels + net.row(name, p), value)

    outer("w_h", sizes.hidden, step.from_h, first_h,
          lambda t, column, k: m.broadcast(frame.state, net.place(states, t, 0, column, 0) * lanes + k), passed)
    outer("w_x", sizes.inputs, step.from_x, 0,
          lambda t, column, i: m.broadcast(frame.x, column * frame.stride + t * sizes.inputs + i))
    for p in range(panels):

        def sums_of_d(t, sums, p=p):
            for column in columns:
                sums = [
                    value + m.load(frame.d, net.place(net.derived, t, n, column, p)) for n, value in enumerate(sums)
                ]
            return sums

        values = m.fold(steps, [zero] * net.derived, sums_of_d)
        # One bias for each matrix that reaches a pre-activation: where both do, both have the same gradient.
        for group, value in enumerate(values):
            if group < step.from_x:
                keep(net.row("b_x", group * panels + p), value)
            if first_h <= group < len(step.pre):
                keep(net.row("b_h", (group - first_h) * panels + p), value)
            if group >= len(step.pre):
                keep(net.row("vectors", (group - len(step.pre)) * panels + p), value)
    for o in m.range(sizes.outputs):

        def row(column, o=o):
            """Where the derivatives of a column lie, in vectors."""
            return (o + column * sizes.outputs) * frame.chunks

        for p in range(panels):

            def of_outputs(t, sums, p=p, row=row):
                for column in columns:
                    d_z = m.broadcast(frame.d_z, (row(column) + t // net.chunk) * lanes + t % net.chunk)
                    sums = [m.fma(d_z, m.load(frame.state, net.place(states, t + 1, 0, column, p)), sums[0])]
                return sums

            (value,) = m.fold(steps, [zero], of_outputs)
            keep(o * panels + net.row("w_o", p), value)

        def all_steps(c, sums, row=row):
            for column in columns:
                sums = [sums[0] + m.load(frame.d_z, row(column) + c)]
            return sums

        (total,) = m.fold(chunks, [zero], all_steps)
        keep(o + net.row("b_o"), m.sums([total]))
