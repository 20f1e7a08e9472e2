"""One update of all weights, from the optimizer's formula, weight decay and the L1 penalty.

    g = scale * gradient      g *= min(1, max_norm / |g|)      g += l1 * sign(w)      w, slots = update(w, g, slots)
    w -= rate * decay * w

|g| is the norm of the whole gradient: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent
neural networks", ICML 2013.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

from fastrnn.formula.functions import square_root
from fastrnn.formula.graph import Expr, lift, ordered, symbol, text
from fastrnn.formula.vectors import on_vectors
from fastrnn.kernels.recurrent.decide import PROGRESS

# Rows of options that every model has, before the optimizer's own.
OPTIONS = ("rate", "scale", "l1", "decay", "max_norm", "activity", "saturation", "retention")


class Terms(NamedTuple):
    """The optional terms of training, and whether any model uses them; kernels are compiled with those alone.

    penalties: L1 or weight decay; scheduled: a schedule of the learning rate; clipped: a limit of the gradient's norm;
    active: a penalty on states, activity * mean(h^2); truncated: borders in time that no derivative crosses; carried:
    states that continue from one block to another; plateau: learning rates that fall where the loss no longer improves;
    saturating: a penalty on states between these two extremes; retaining: one on what units keep of their states;
    decoupled: L1 outside the gradient, w -= rate * l1 * sign(w); watched: an update says in `bad` which weights are
    not finite; together: all models take part in all updates, penalties apply to all weights, and all weights learn but
    initial states; summed: the scale is 1; long: states of a sequence may be
    kept of a window of steps at a time; far: they are fetched ahead; fresh: all states begin at zero, which does not
    learn; gathered: blocks may be put together from sequences of the data.
    """

    penalties: bool = False
    scheduled: bool = False
    clipped: bool = False
    active: bool = False
    truncated: bool = False
    carried: bool = False
    plateau: bool = False
    saturating: tuple = ()
    retaining: bool = False
    decoupled: bool = False
    watched: bool = False
    together: bool = False
    summed: bool = False
    long: bool = False
    far: bool = False
    fresh: bool = False
    gathered: bool = False


@dataclass(frozen=True)
class TracedOptimizer:
    """An optimizer's formulas: symbols, nodes of the next weight and slots, and of the running numbers after an update.
    """

    options: tuple
    running: tuple
    slots: tuple
    update: tuple
    advance: tuple
    text: str


def traced_optimizer(optimizer):
    """Return the TracedOptimizer of an optimizer (fastrnn.optimizers.base)."""
    slots, names = tuple(symbol(name) for name in optimizer.slots), tuple(optimizer._fields)
    kept = tuple(getattr(optimizer, "running", ()))
    options, running = (SimpleNamespace(**{name: symbol(name) for name in each}) for each in (names, kept))
    update = optimizer.formula(
        symbol("w"), symbol("g"), SimpleNamespace(**dict(zip(optimizer.slots, slots))), symbol("rate"), options, running
    )
    advance = tuple(lift(each) for each in optimizer.advance(options, running)) if kept else ()
    return TracedOptimizer(
        options=names,
        running=kept,
        slots=tuple(optimizer.slots),
        update=tuple(update),
        advance=advance,
        text=f"{names} {text(update)} {text(advance) if advance else ''}",
    )


def update_weights(m, net, optimizer, frame, terms):
    """Update all weights that learn, in the lanes that are active, from frame.gradient.

    With a schedule, frame.factor scales the rates.
    """
    count, step = updater(m, net, optimizer, frame, terms)
    zero = m.constant(0.0)

    def body(row, bad):
        new = step(row, m.load(frame.gradient, row))
        # 0 times what is not finite is no number, and stays none in a sum.
        return [m.fma(new, zero, bad[0])] if terms.watched else bad

    for value in m.fold(count, [zero] if terms.watched else [], body):
        m.store(frame.bad, 0, value)


def updating(m, net, optimizer, frame, terms):
    """Return a function of places and gradients that updates at once, for models whose gradients are not clipped."""
    _, step = updater(m, net, optimizer, frame, terms)

    def use(places, gradients):
        for place, gradient in zip(places, gradients):
            step(place, gradient)

    return use


def updater(m, net, optimizer, frame, terms):
    """Return (rows of weights, step(row, gradient)): the step updates a row, and returns the weights."""
    options = {
        name: net.weight(m, frame.options, row) for row, name in enumerate((*OPTIONS, *optimizer.options))
    }
    rate = options["rate"] * net.weight(m, frame.factor, 0) if terms.scheduled else options["rate"]
    if terms.plateau:
        rate = rate * m.load(frame.progress, PROGRESS.index("reduction"))
    running = {name: net.weight(m, frame.running, row) for row, name in enumerate(optimizer.running)}
    known = {symbol(name): options[name] for name in optimizer.options} | {
        symbol(name): value for name, value in running.items()
    }
    active = m.load(frame.active, 0) > 0.0
    for row, value in enumerate(on_vectors(optimizer.advance, known, rate)):
        # A model that waits for its first evaluation must not age.
        value = value if terms.together else m.select(active, value, running[optimizer.running[row]])
        running[optimizer.running[row]] = value
        _keep(m, net, frame.running, row, value)
    known |= {symbol(name): value for name, value in running.items()} | {symbol("rate"): rate}
    own = {symbol(name) for name in ("w", "g", *optimizer.slots)}
    fixed = _fixed(optimizer.update, own)
    known |= dict(zip(fixed, on_vectors(fixed, known, rate)))
    whole = net.table.count if net.own_weights else -(-net.table.count // m.lanes)
    # Initial states, the last weights, do not learn where all others do.
    count = net.table["initial"] if terms.together and net.own_weights else whole

    def flagged(value, kind, row):
        """Return value, or 0 where a flag of the weight is not set."""
        if terms.together and not net.padded:
            return value
        at = kind * whole + row
        return value * (m.broadcast(frame.flags, at) if net.own_weights else m.load(frame.flags, at))

    scale = options["scale"]
    if terms.clipped:
        scale = _clipped(m, net, frame, scale, options["max_norm"], flagged, count)
    # Where the next weights go.
    following = getattr(frame, "following", frame.theta)

    def step(row, raw):
        w = m.load(frame.theta, row)
        # What does not learn has no gradient, and stays 0.
        raw = flagged(raw, 0, row) if terms.together else raw
        g = raw * scale if terms.clipped or not terms.summed else raw
        if terms.penalties:
            strength = flagged(options["l1"], 1, row)
            push = m.select(w > 0.0, strength, m.select(w < 0.0, -strength, 0.0 * strength))
            g = g if terms.decoupled else g + push
        slots = [m.load(frame.slots, row + n * whole) for n in range(len(optimizer.slots))]
        values = known | dict(zip((symbol(name) for name in optimizer.slots), slots)) | {symbol("w"): w, symbol("g"): g}
        new, *slots_after = on_vectors(optimizer.update, values, w)
        if terms.penalties:
            new = m.fma(flagged(rate * options["decay"], 2, row), -w, new)
            new = m.fma(rate, -push, new) if terms.decoupled else new
        if not terms.together:
            learns = flagged(m.constant(1.0), 0, row) > 0.0
            new = m.select(active, m.select(learns, new, w), w)
            slots_after = [m.select(active, after, before) for before, after in zip(slots, slots_after)]
        m.store(following, row, new)
        for n, after in enumerate(slots_after):
            m.store(frame.slots, row + n * whole, after)
        return new

    return count, step


def _clipped(m, net, frame, scale, limit, flagged, count):
    """Return the factor that limits a gradient's norm to `limit`; a NaN stays NaN."""
    little = m.constant(LITTLE[str(m.dtype)])

    def body(row, sums):
        g = flagged(m.load(frame.gradient, row) * scale, 0, row)
        small = g * little
        return [m.fma(g, g, sums[0]), m.fma(small, small, sums[1])]

    sums = m.fold(count, [m.constant(0.0)] * 2, body)
    if not net.own_weights:
        places = 0, 1
        for place in places:
            m.set_number(frame.norm, place, m.constant(0.0))
        m.add_sums(frame.norm, places, sums)
        sums = [m.broadcast(frame.norm, place) for place in places]
    norm, small = (on_vectors([_norm], {_squares: each}, each)[0] for each in sums)
    factor = m.select(sums[0] < float("inf"), limit / norm, limit / small * little)
    return m.select(norm > limit, scale * factor, scale)


# The squares of a gradient whose norm is above some 1e19 overflow in float32, those of its product with this do not.
LITTLE = {"float32": 2.0**-80, "float64": 2.0**-600}
_squares = symbol("squares")
_norm = square_root(_squares)


def _keep(m, net, pointer, row, value):
    if net.own_weights:
        m.store(pointer, row, value)
    else:
        m.set_number(pointer, row, value)


def _fixed(roots, own):
    """Return the largest terms of a formula that are equal for all weights; they are computed once per update."""
    varying = set()
    for expr in ordered(roots):
        if expr in own or any(arg in varying for arg in expr.args if isinstance(arg, Expr)):
            varying.add(expr)
    found = {
        arg: None
        for expr in varying
        for arg in expr.args
        if isinstance(arg, Expr) and arg not in varying and arg.op not in ("constant", "input")
    }
    return sorted(found, key=lambda expr: expr.number)
