"""Runs a network on float arrays: many sequences in the lanes, piece by piece in time."""

from functools import lru_cache

import numpy as np

from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.recurrent.predict import predict_program
from fastrnn.kernels.runs import SEGMENT, run_arrays
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import kernel_network, lanes_for


@lru_cache(maxsize=64)
def _program(cell, inputs, outputs, dtype):
    net = kernel_network(cell, Sigmoid(), (inputs, outputs), False, True)
    return net, predict_program(net, dtype, lanes_for(dtype))


class Runner:
    """A cell of these Sizes with the weights theta (R,), for sequences of `steps` steps. size: sequences in a block."""

    def __init__(self, cell, sizes, dtype, theta, steps):
        self.net, self.program = _program(cell, sizes.inputs, sizes.outputs, dtype)
        self.dtype, self.theta, self.steps, self.lanes = dtype, theta, min(steps, SEGMENT), lanes_for(dtype)
        self.size = self.net.columns * self.lanes
        self.address = self.program.address

    def run(self, x, z, states, first, last):
        """Fill logits z (N, T, O) and states (N, T, H), or (0, T, H), of blocks first to last - 1 of x (N, T, I)."""
        net, lanes, names = self.net, self.lanes, self.program.names
        rows, shape = len(net.step.new) * net.sizes.hidden, (net.columns, lanes)
        arrays = {name: aligned_zeros((count, lanes), self.dtype) for name, count in net.arrays(self.steps).items()}
        arrays |= {
            "theta": self.theta,
            "x": aligned_zeros((self.steps, net.sizes.inputs, *shape), self.dtype),
            "z": aligned_zeros((self.steps, net.sizes.outputs, *shape), self.dtype),
            "lengths": aligned_zeros(shape, self.dtype),
        }
        arrays["lengths"][:] = self.steps
        frame = np.array([arrays[name].ctypes.data if name in arrays else 0 for name in names], np.int64)
        places = np.array([names.index("steps"), names.index("start")])
        state, carried = net.states_in(arrays["state"]), aligned_zeros((rows, *shape), self.dtype)
        block = arrays["x"], arrays["z"], state, carried, arrays["lengths"]
        run_arrays(self.address, frame, places, (x, z, states), block, first, last)
