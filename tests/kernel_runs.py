"""Hidden states and logits as each of the shipped kernels computes them, for symbols (N, T)."""

import numpy as np

from fastrnn.certify.sequences import bits_of, planes_of
from fastrnn.kernels.arrays import Arrays, lengths_of
from fastrnn.kernels.block import forward_address, forward_block
from fastrnn.kernels.stream import run_words
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, lanes_of, workspace
from fastrnn.train.config import TrainConfig
from fastrnn.train.session import Session


def batched(model, symbols):
    """(states (N, T, H), logits (N, T, O)) of the batched kernels, all steps in one piece."""
    x = bits_of(planes_of(symbols, model.input_size), len(symbols))
    return model.forward(x)[1], model.logits(x)


def online(model, symbols):
    """States (N, T, H) of the kernel for updates with single samples."""
    count, steps = symbols.shape
    x = bits_of(planes_of(symbols, model.input_size), count).astype(model.dtype)
    y, mask = np.zeros((1, steps, model.output_size), model.dtype), np.ones((1, steps), model.dtype)
    config, sizes = TrainConfig(batch_size=1, dtype=str(model.dtype)), (model.input_size, model.output_size)
    states = np.empty((count, steps, model.hidden_size))
    for sample in range(count):
        session = Session(
            model.cell,
            sizes,
            Arrays(x[sample : sample + 1], y, mask, lengths_of(mask), False),
            steps,
            config,
            1,
            model.weights,
        )
        session.gradient()
        states[sample] = session.one.h[:, 1 : steps + 1].transpose(1, 0, 2).reshape(steps, -1)[:, : model.hidden_size]
    return states


def streaming(model, symbols, segment):
    """(states (N, T', H) of the last segment, its first step, outputs (W, T, O), least |logit|) of streamed samples.

    Segments have `segment` steps, and the state is carried from one to the next; N is a multiple of 64.
    """
    cell, layout, theta = model.packed()
    words = planes_of(symbols, model.input_size)
    count, steps = symbols.shape
    out, least = np.zeros((len(words), steps, model.output_size, 4), np.uint16), np.full(count // BLOCK, np.inf)
    last = (steps - 1) % segment + 1
    states = np.empty((count, last, model.hidden_size))
    carried = aligned_zeros((count // BLOCK, layout.panels, BLOCK, lanes_of(model.dtype)), model.dtype)
    for block in range(count // BLOCK):
        work = workspace(cell, layout, segment, model.dtype, bits=True)
        run_words(cell, layout, theta, words, out, least, carried, True, count, block, block + 1, 0, work,
                  forward_address(cell, layout, theta, bits=True))
        history = work.h[1 : last + 1].transpose(2, 0, 1, 3).reshape(BLOCK, last, -1)
        states[block * BLOCK : (block + 1) * BLOCK] = history[..., : model.hidden_size]
    return states, steps - last, out.view("<u8")[..., 0], least.min()


def step(model, states, inputs):
    """States (N, H) after one step of the batched kernel from `states` (N, H) on inputs (N, I)."""
    cell, layout, theta = model.packed()
    lanes, after = lanes_of(model.dtype), np.empty(states.shape)
    for first in range(0, len(states), BLOCK):
        count = min(BLOCK, len(states) - first)
        h = aligned_zeros((2, layout.panels, BLOCK, lanes), model.dtype)
        x = aligned_zeros((1, model.input_size, BLOCK), model.dtype)
        for unit in range(model.hidden_size):
            h[0, unit // lanes, :count, unit % lanes] = states[first : first + count, unit]
        x[0, :, :count] = inputs[first : first + count].T
        forward_block(cell, layout, theta, x, h, False)
        after[first : first + count] = h[1].transpose(1, 0, 2).reshape(BLOCK, -1)[:count, : model.hidden_size]
    return after
