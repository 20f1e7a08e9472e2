"""Runs a network on float arrays: many sequences in the lanes, piece by piece in time."""

from functools import lru_cache

from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.recurrent.predict import predict_program
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import kernel_network, lanes_for

# Steps of one call of the program: their states stay in the second-level cache.
SEGMENT = 256


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
        self.program.compile()

    def run(self, x, z, states, first, last):
        """Fill logits z (N, T, O) and states (N, T, H), or (0, T, H), of blocks first to last - 1 of x (N, T, I)."""
        net, lanes, sizes, size = self.net, self.lanes, self.net.sizes, self.size
        arrays = {name: aligned_zeros((count, lanes), self.dtype) for name, count in net.arrays(self.steps).items()}
        arrays |= {
            "theta": self.theta,
            "x": aligned_zeros((self.steps, sizes.inputs, size), self.dtype),
            "z": aligned_zeros((self.steps, sizes.outputs, size), self.dtype),
            "lengths": aligned_zeros(size, self.dtype),
        }
        arrays["lengths"][:] = self.steps
        own_x, own_z, state = arrays["x"], arrays["z"], net.states_in(arrays["state"])
        state = state.reshape(*state.shape[:2], size)
        # The states with which a piece begins.
        carried = aligned_zeros(state.shape[1:], self.dtype)
        frame = self.program.frame(**arrays)
        steps_at, start_at = map(self.program.names.index, ("steps", "start"))
        for start in range(first * size, min(last * size, len(x)), size):
            rows, count = slice(start, start + size), len(x[start : start + size])
            own_x[..., count:] = 0
            for begun in range(0, x.shape[1], self.steps):
                steps = min(self.steps, x.shape[1] - begun)
                piece = slice(begun, begun + steps)
                own_x[:steps, :, :count] = x[rows, piece].transpose(1, 2, 0)
                frame[steps_at], frame[start_at] = steps, carried.ctypes.data if begun else 0
                self.program.run(frame)
                z[rows, piece] = own_z[:steps, :, :count].transpose(2, 0, 1)
                if len(states):
                    states[rows, piece] = state[1 : steps + 1, : sizes.hidden, :count].transpose(2, 0, 1)
                carried[:] = state[steps]
