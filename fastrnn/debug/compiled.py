"""The same quantities as the compiled loops compute them."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from fastrnn.heads.base import traced
from fastrnn.kernels.recurrent.block import run_block
from fastrnn.kernels.recurrent.frame import clear, frame_of, vectors_of
from fastrnn.kernels.recurrent.layout import Sizes
from fastrnn.kernels.recurrent.network import BLOCK_ARRAYS, Network
from fastrnn.kernels.recurrent.predict import predict_program
from fastrnn.kernels.recurrent.update import OPTIONS, Terms
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.networks import BLOCK_COLUMNS, REGISTERS, VECTOR_BYTES, lanes_for


@dataclass(frozen=True)
class WholeNetwork(Network):
    """A Network whose loops keep the derivatives of all steps."""

    steps: int = 0

    @property
    def span(self):
        return self.steps


def whole_network(cell, head, sizes, steps, own_weights, before):
    """Return the WholeNetwork of a cell and a Head; sizes: (inputs, outputs)."""
    sizes = Sizes(sizes[0], cell.hidden_size, sizes[1])
    head = traced(head, sizes.outputs)
    return WholeNetwork(cell.traced(), head, sizes, own_weights, own_data=not own_weights, columns=BLOCK_COLUMNS,
                        registers=REGISTERS, vector_bytes=VECTOR_BYTES, before=before, biased=cell.bias, steps=steps)


def compiled(net, cell, theta, x, y, mask, dtype):
    """As fastrnn.debug.float64, from the compiled loops, block by block."""
    lanes = lanes_for(dtype)
    size, parts = net.columns * (1 if net.own_weights else lanes), []
    for first in range(0, len(x), size):
        part = slice(first, first + size)
        parts.append(_block(net, cell.state, theta, x[part], y[part], mask[part], dtype, lanes))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "gradient"}
    return joined | {"gradient": np.sum([part["gradient"] for part in parts], 0)}


def _block(net, names, theta, x, y, mask, dtype, lanes):
    """As `compiled`, of one block."""
    step, sizes, (number, steps) = net.step, net.sizes, mask.shape
    columns, lane = net.columns, (lanes,) if net.own_weights else ()
    axes = (columns,) if net.own_weights else (columns, lanes)

    def laid(values):
        rows = np.zeros((columns * (1 if net.own_weights else lanes), *values.shape[1:]))
        rows[:number] = values
        out = aligned_zeros((*values.shape[1:], *axes), dtype)
        out[:] = np.moveaxis(rows, 0, -1).reshape(out.shape)
        return out

    def unlaid(values):
        """(N, ...) of (..., C, L)."""
        values = values[..., 0] if net.own_weights else values.reshape(*values.shape[:-2], -1)
        return np.moveaxis(values, -1, 0)[:number].astype(float)

    rows = net.table.count if net.own_weights else -(-net.table.count // lanes) * lanes
    shapes = {name: (count, lanes) for name, count in net.arrays(steps).items()}
    shapes |= {"theta": (rows, *lane), "gradient": (rows, *lane), "options": (len(OPTIONS), *lane),
               "z": (steps * sizes.outputs * columns, lanes), "checkpoints": (0, lanes)}
    arrays = {name: aligned_zeros(shape, dtype) for name, shape in shapes.items()}
    arrays["theta"][: net.table.count] = theta[:, None] if lane else theta
    counts = np.ones(number)
    arrays |= {"x": laid(x), "y": laid(y), "mask": laid(mask), "lengths": laid(np.full(number, steps))}
    arrays["weights"] = laid(counts) if not lane else np.repeat(laid(counts)[:, None], lanes, 1)
    for program in (predict_program(net, str(dtype), lanes), _program(net, str(dtype), lanes)):
        program.run(program.frame(**arrays, steps=steps, window=steps))
    shape = len(step.new), sizes.hidden, columns, lanes
    states = net.states_in(arrays["state"]).reshape(-1, *shape)
    d = arrays["d"].reshape(steps, net.stride(net.derived), lanes)[:, : net.derived * sizes.hidden * columns]
    d = unlaid(d.reshape(steps, net.derived, sizes.hidden, columns, lanes))
    d_z = unlaid(arrays["d_z"].reshape(steps + 1, sizes.outputs, columns, lanes))
    values = {name: unlaid(states[1 : steps + 1, n]) for n, name in enumerate(names)}
    values["outputs"] = unlaid(arrays["z"].reshape(steps, sizes.outputs, columns, lanes))
    values["d_outputs"] = d_z[:, :steps] if net.before else d_z[:, 1:]
    values |= {f"d_{name}": d[:, :, g] for g, name in enumerate(step.groups)}
    gradient = arrays["gradient"][: net.table.count]
    return values | {"gradient": (gradient[:, 0] if lane else gradient).astype(float)}


def _program(net, dtype, lanes):
    """Return the Program that runs a block forward and back."""
    pointers = ("theta", "gradient", "options", "x", "y", "mask", "lengths", "weights", *BLOCK_ARRAYS)

    def kernel(m):
        frame = frame_of(m, pointers)
        clear(m, frame.gradient, vectors_of(net, net.table.count, m.lanes))
        block = SimpleNamespace(**{name: getattr(frame, name) for name in ("x", "y", "mask", "lengths", "weights")},
                                steps=m.word("steps"))
        run_block(m, net, frame, block, m.integer(1), m.integer(1), Terms())

    return Program(kernel, (*pointers, "steps", "window", "segment"), dtype, lanes, f"{net.text} {net.span}")
