"""A network's states, outputs, derivatives and gradients in NumPy and float64, from the same formulas."""

import numpy as np

from fastrnn.formula.evaluate import on_numpy


def in_float64(net, names, theta, x, y, mask):
    """Return {name: array} of all that is compared, gradients as (R,), from the formulas of the Step and the head."""
    step, head, table = net.step, net.head, net.table
    get = lambda name: theta[table.places(name)]
    count, steps, first_h = len(step.pre), x.shape[1], len(step.pre) - step.from_h
    states = [np.broadcast_to(each[:, None], (net.sizes.hidden, len(x))) for each in get("initial")]
    after, known, z, operands = [states], [], [], []
    for t in range(steps):
        pre = np.zeros((count, net.sizes.hidden, len(x)))
        pre[: step.from_x] += np.einsum("ni,uig->gun", x[:, t], get("w_x"))
        pre[first_h:] += np.einsum("kn,ukg->gun", states[0], get("w_h"))
        if net.biased:
            pre[: step.from_x] += get("b_x")[..., None]
            pre[first_h:] += get("b_h")[..., None]
        own = dict(zip(step.vectors, get("vectors")[..., None])) | dict(zip(step.old, states))
        if step.operand:
            operands.append(on_numpy([step.operand.node], own | dict(zip(step.pre, pre)))[0])
            pre[: step.from_operand] += np.einsum("kn,ukg->gun", operands[-1], get("w_q"))
            pre[: step.from_operand] += get("b_q")[..., None] if net.biased else 0.0
        states = on_numpy(step.new, own | dict(zip(step.pre, pre)))
        states = [np.broadcast_to(each, after[0][0].shape) for each in states]
        known.append(own | dict(zip(step.pre, pre)) | dict(zip(step.new, states)))
        after.append(states)
        z.append(get("w_o") @ after[t if net.before else t + 1][0] + (get("b_o")[:, None] if net.biased else 0.0))
    z = np.array(z)
    targets = dict(zip(head.y, np.moveaxis(y, 2, 0).swapaxes(1, 2)))
    d_z = np.stack(np.broadcast_arrays(*on_numpy(head.d_z, dict(zip(head.seen, z.swapaxes(0, 1))) | targets)), 1)
    d_z = np.where(mask.T[:, None] > 0, d_z * mask.T[:, None], 0.0)
    gradient = {name: np.zeros(axes) for name, axes in table.axes.items()}
    d_pre, d_states = np.zeros((steps, *pre.shape)), [np.zeros_like(states[0]) for _ in states]
    for t in reversed(range(steps)):
        if not net.before:
            d_states[0] = d_states[0] + get("w_o").T @ d_z[t]
        given = known[t] | dict(zip(step.d_new, d_states))
        back = [np.broadcast_to(each, states[0].shape) for each in on_numpy(step.back, given)]
        if step.operand:
            d_operand = np.einsum("gun,ukg->kn", np.array(back[: step.from_operand]), get("w_q"))
            more = on_numpy(step.operand.back, given | {step.operand.d_node: d_operand})
            back = [a + b for a, b in zip(back, more)]
            gradient["w_q"] += np.einsum("gun,kn->ukg", np.array(back[: step.from_operand]), operands[t])
        d_pre[t] = back[:count]
        for own, each in zip(gradient["vectors"], back[count : net.derived]):
            own += each.sum(-1)
        d_states = list(back[net.derived :])
        d_states[0] = d_states[0] + np.einsum("gun,ukg->kn", d_pre[t, first_h:], get("w_h"))
        if net.before:
            d_states[0] = d_states[0] + get("w_o").T @ d_z[t]
        gradient["w_h"] += np.einsum("gun,kn->ukg", d_pre[t, first_h:], after[t][0])
    gradient["w_x"] += np.einsum("tgun,nti->uig", d_pre[:, : step.from_x], x)
    gradient["w_o"] += sum(d @ after[t if net.before else t + 1][0].T for t, d in enumerate(d_z))
    gradient["initial"] += np.array(d_states).sum(-1)
    if net.biased:
        sums = d_pre.sum((0, 3))
        gradient |= {"b_x": sums[: step.from_x], "b_h": sums[first_h:], "b_q": sums[: step.from_operand],
                     "b_o": d_z.sum((0, 2))}
    flat = np.zeros(table.count)
    for name, values in gradient.items():
        flat[table.places(name)] = values
    by_step = np.array(after[1:]).transpose(1, 3, 0, 2)
    return {
        **dict(zip(names, by_step)),
        "outputs": z.transpose(2, 0, 1),
        "d_outputs": d_z.transpose(2, 0, 1),
        **{f"d_{name}": d_pre[:, g].transpose(2, 0, 1) for g, name in enumerate(step.groups)},
        "gradient": flat,
    }
