"""What all loops share: the arrays of a program's frame, loops over them, tiles, and formulas on vectors."""

from types import SimpleNamespace

from fastrnn.formula.vectors import on_vectors

# Columns whose formulas are computed together: the chain of one sigmoid is long, and the processor overlaps several
# of them only where their instructions alternate.
TOGETHER = 4


def frame_of(m, names):
    """Return the arrays of a frame by name."""
    return SimpleNamespace(**{name: m.pointer(name) for name in names})


def vectors_of(net, count, lanes):
    """Return how many vectors hold `count` numbers of each model."""
    return count if net.own_weights else -(-count // lanes)


def clear(m, pointer, count):
    """Set vectors to 0."""
    for row in m.range(count):
        m.store(pointer, row, m.constant(0.0))


def copy(m, source, first, target, count):
    """Copy `count` vectors from the first one of an array to the beginning of another."""
    for row in m.range(count):
        m.store(target, row, m.load(source, first + row))


def add(m, target, source, count):
    """Add to `count` vectors those of another array."""
    for row in m.range(count):
        m.store(target, row, m.load(target, row) + m.load(source, row))


def tiles(m, count, size):
    """Cut `count` neighbours into tiles: yields (first, width), a loop over whole tiles and then the rest."""
    if count >= size:
        for first in m.range(count - count % size, 0, size):
            yield first, size
    if count % size:
        yield m.integer(count - count % size), count % size


def products(m, net, theta, sums, count, name, tile, operand):
    """Return sums + sum over k below `count` of weight (unit, k, gate) times operand(k, column), of a matrix's gates.

    tile: (first unit, units, first column, columns); sums: of each gate, unit and column.
    """
    u, units, c, columns = tile

    def body(k, running):
        right = [operand(k, c + n) for n in range(columns)]
        out = []
        for row in range(len(sums) // columns):
            gate, unit = divmod(row, units)
            weight = net.weight(m, theta, net.weight_place(name, u + unit, k, gate))
            out += [m.fma(weight, right[n], running[row * columns + n]) for n in range(columns)]
        return out

    return m.fold(count, sums, body)


def formula(m, outputs, environments):
    """Return [outputs as Vectors] for each environment {node: Vector}; a few of them run side by side in longer
    vectors."""
    results, first = [], 0
    while first < len(environments):
        # As many as a power of two: longer vectors are made of halves.
        width = min(TOGETHER, 1 << (len(environments) - first).bit_length() - 1)
        group = environments[first : first + width]
        first += width
        if len(group) == 1:
            results.append(on_vectors(outputs, group[0], next(iter(group[0].values()))))
            continue
        joined = {expr: m.joined([each[expr] for each in group]) for expr in group[0]}
        values = on_vectors(outputs, joined, next(iter(joined.values())))
        results += list(zip(*(m.parts(value) for value in values)))
    return results
