"""Copies the sequences that each lane has chosen to where the kernels of models side by side read them."""

from fastrnn.compiling import jit


@jit
def gather(chosen, steps, firsts, data, out):
    """Copy sequences of the data into blocks, with zeros behind their ends.

    chosen (B, C, L) int64: the number of the sequence in each lane of each column, or -1; steps, firsts (B): of each
    block, and where it begins; data: offsets and lengths of the sequences, x (S, I), y (S, Y), weight (S); out: x
    (T, I, C, L), y (T, Y, C, L), mask (T, C, L).
    """
    offsets, lengths, x, y, weight = data
    out_x, out_y, out_mask = out
    blocks, columns, lanes = chosen.shape
    for block in range(blocks):
        for column in range(columns):
            for lane in range(lanes):
                number = chosen[block, column, lane]
                count = lengths[number] if number >= 0 else 0
                step, row = offsets[max(number, 0)], firsts[block]
                for _ in range(count):
                    for i in range(x.shape[1]):
                        out_x[row, i, column, lane] = x[step, i]
                    for i in range(y.shape[1]):
                        out_y[row, i, column, lane] = y[step, i]
                    out_mask[row, column, lane] = weight[step]
                    step, row = step + 1, row + 1
                for row in range(firsts[block] + count, firsts[block] + steps[block]):
                    for i in range(x.shape[1]):
                        out_x[row, i, column, lane] = 0
                    for i in range(y.shape[1]):
                        out_y[row, i, column, lane] = 0
                    out_mask[row, column, lane] = 0
