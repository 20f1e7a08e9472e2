"""Runs networks on the user's own float arrays: outputs and states, many sequences in the lanes."""

from fastrnn.compiling import jit
from fastrnn.machine.address import call

# Steps of one call of the program: their states stay in the second-level cache.
SEGMENT = 256


@jit
def run_arrays(predict_at, frame, places, arrays, block, first, last):
    """Fill logits and states of blocks first to last - 1 of many sequences.

    predict_at: the Address of fastrnn.kernels.recurrent.predict.predict_program; frame: its words, of
    which places (2) holds where steps and start are; arrays: x (N, T, I), z (N, T, O), states (N, T, H) or (0, T, H);
    block: of up to S steps, x (S, I, C, L), z (S, O, C, L), states (S + 1, W, C, L), carried (W, C, L), the states
    between two pieces, and lengths (C, L), all S.
    """
    x, z, states = arrays
    block_x, block_z, block_states, carried, lengths = block
    columns, lanes = lengths.shape
    size, total = columns * lanes, x.shape[1]
    for number in range(first, last):
        samples = min(size, x.shape[0] - number * size)
        start = 0
        while start < total:
            steps = min(block_x.shape[0], total - start)
            for t in range(steps):
                for i in range(x.shape[2]):
                    for n in range(size):
                        value = x[number * size + n, start + t, i] if n < samples else 0
                        block_x[t, i, n // lanes, n % lanes] = value
            frame[places[0]] = steps
            frame[places[1]] = carried.ctypes.data if start > 0 else 0
            call(predict_at, (frame,))
            for n in range(samples):
                for t in range(steps):
                    for o in range(z.shape[2]):
                        z[number * size + n, start + t, o] = block_z[t, o, n // lanes, n % lanes]
                    if states.shape[0] > 0:
                        for j in range(states.shape[2]):
                            states[number * size + n, start + t, j] = block_states[t + 1, j, n // lanes, n % lanes]
            for row in range(carried.shape[0]):
                for column in range(columns):
                    for lane in range(lanes):
                        carried[row, column, lane] = block_states[steps, row, column, lane]
            start += steps
