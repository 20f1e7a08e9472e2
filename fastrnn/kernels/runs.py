"""Networks run on the user's own float arrays: outputs and states, many sequences in the lanes."""

from fastrnn.compiling import jit
from fastrnn.machine.address import call

# Steps of one call of the program: their states stay in the second-level cache.
SEGMENT = 256


@jit
def run_arrays(predict_at, frame, places, x, z, states, block_x, block_z, block_states, carried, lengths, first, last):
    """Logits z (N, T, O) and states (N, T, H) of blocks first to last - 1 of x (N, T, I); states may have 0 rows.

    predict_at: the Address of fastrnn.kernels.recurrent.predict.predict_program; frame: its words, of
    which places (2) holds where steps and start are; block_x (S, I, C, L), block_z (S, O, C, L), block_states
    (S + 1, W, C, L): of up to S steps; carried (W, C, L): states between two pieces; lengths (C, L): all S.
    """
    columns, lanes = lengths.shape
    size, total = columns * lanes, x.shape[1]
    for block in range(first, last):
        samples = min(size, x.shape[0] - block * size)
        start = 0
        while start < total:
            steps = min(block_x.shape[0], total - start)
            for t in range(steps):
                for i in range(x.shape[2]):
                    for n in range(size):
                        value = x[block * size + n, start + t, i] if n < samples else 0
                        block_x[t, i, n // lanes, n % lanes] = value
            frame[places[0]] = steps
            frame[places[1]] = carried.ctypes.data if start > 0 else 0
            call(predict_at, (None, frame))
            for n in range(samples):
                for t in range(steps):
                    for o in range(z.shape[2]):
                        z[block * size + n, start + t, o] = block_z[t, o, n // lanes, n % lanes]
                    if states.shape[0] > 0:
                        for j in range(states.shape[2]):
                            states[block * size + n, start + t, j] = block_states[t + 1, j, n // lanes, n % lanes]
            for row in range(carried.shape[0]):
                for column in range(columns):
                    for lane in range(lanes):
                        carried[row, column, lane] = block_states[steps, row, column, lane]
            start += steps
