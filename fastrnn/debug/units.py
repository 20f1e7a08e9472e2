"""The same quantities as the loops of a few samples compute them, whose lanes hold hidden units."""

import numpy as np

from fastrnn.kernels.recurrent.frame import frame_of
from fastrnn.kernels.recurrent.layout import named_places
from fastrnn.kernels.recurrent.units import chunk_outputs
from fastrnn.kernels.recurrent.units_learn import units_learn_program
from fastrnn.kernels.recurrent.units_network import UnitsNetwork, place_of_step
from fastrnn.kernels.recurrent.update import OPTIONS, Terms
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.networks import BLOCK_COLUMNS, REGISTERS, VECTOR_BYTES, lanes_for, weights_that_learn


def check_units(net, cell, weights):
    """Raise ValueError for a network that these loops do not take."""
    found = "gates with an operand" if net.step.operand is not None else None
    found = "outputs before a step's input" if net.before else found
    found = "learned initial states" if set(weights) - set(weights_that_learn(cell)) else found
    if found:
        raise ValueError(f"path: got 'units', whose loops have no {found}; choose 'sequences' or 'models'")


def compiled_units(net, cell, theta, x, y, mask, dtype):
    """As fastrnn.debug.float64, from these loops, a few sequences at a time; net: a Network, theta (R,) of it."""
    columns, lanes = min(len(x), BLOCK_COLUMNS), lanes_for(dtype)
    units = UnitsNetwork(net.step, net.head, net.sizes, lanes=lanes, vector_bytes=VECTOR_BYTES, registers=REGISTERS,
                         columns=columns)
    own, outside = units.places(cell), named_places(cell, net.step, net.sizes, net.biased)
    names = weights_that_learn(cell)
    given, gradient = np.zeros(units.table.count), np.zeros(net.table.count)
    for name in names:
        given[own[name]] = theta[outside[name]]
    blocks = [slice(first, first + columns) for first in range(0, len(x), columns)]
    parts = [_block(units, cell.state, given, x[rows], y[rows], mask[rows], dtype) for rows in blocks]
    total = sum(part.pop("gradient") for part in parts)
    for name in names:
        gradient[outside[name]] = total[own[name]]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} | {"gradient": gradient}


def _block(net, names, theta, x, y, mask, dtype):
    """As `compiled_units`, of up to as many sequences as there are columns; theta and the gradient: of the units'
    table."""
    (number, steps), sizes, lanes, columns = mask.shape, net.sizes, net.lanes, net.columns
    chunks, place = -(-steps // net.chunk), place_of_step(np.arange(steps), net.lanes)

    def laid(values):
        """(C, n, N, L) of (N, T, n)."""
        out = aligned_zeros((columns, values.shape[2], chunks * lanes), dtype)
        out[:number, :, place] = values.transpose(0, 2, 1)
        return out

    def unlaid(vectors):
        """(N, T, n) of (C, n, N, L)."""
        return vectors.reshape(columns, -1, chunks * lanes)[:number, :, place].transpose(0, 2, 1).astype(float)

    shapes = {name: (count, lanes) for name, count in net.arrays(steps).items()}
    shapes |= {"theta": (net.table.count,), "gradient": (net.table.count,), "options": (len(OPTIONS),),
               "sums": (columns, 2), "z": (columns * sizes.outputs * chunks, lanes), "checkpoints": (0, lanes),
               "x": (columns, steps, sizes.inputs)}
    arrays = {name: aligned_zeros(shape, dtype) for name, shape in shapes.items()}
    arrays["theta"][:], arrays["x"][:number] = theta, x
    arrays |= {"y": laid(y), "mask": laid(mask[..., None])}
    words = {"steps": steps, "lengths": np.full(columns, steps), "stride": steps * sizes.inputs, "chunks": chunks,
             "segment": steps}
    for program in (units_learn_program(net, Terms(), str(dtype)), _program(net, str(dtype))):
        program.run(program.frame(**arrays, **words))

    def of_units(name, count):
        """(count, N, T, H) of (T, count, C, P), from the first step on."""
        rows = arrays[name].reshape(-1, count, columns, net.panels * lanes)[..., :number, : sizes.hidden]
        return rows.transpose(1, 2, 0, 3).astype(float)

    states, d = of_units("state", len(names))[:, :, 1 : steps + 1], of_units("d", net.derived)
    values = dict(zip(names, states)) | {"outputs": unlaid(arrays["z"]), "d_outputs": unlaid(arrays["d_z"])}
    values |= {f"d_{name}": own for name, own in zip(net.step.groups, d)}
    return values | {"gradient": arrays["gradient"].astype(float)}


def _program(net, dtype):
    """Return the Program that computes the outputs z (C, O, N) from the states that learning left."""

    def kernel(m):
        frame, chunks = frame_of(m, ("theta", "state", "z")), m.word("chunks")
        for chunk in m.range(chunks):
            for column in range(net.columns):
                for o, z in enumerate(chunk_outputs(m, net, frame, column, chunk)):
                    m.store(frame.z, chunks * (column * net.sizes.outputs + o) + chunk, z)

    return Program(kernel, ("theta", "state", "z", "chunks"), dtype, net.lanes, net.text)
