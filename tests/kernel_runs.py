"""Hidden states and logits as each of the shipped kernels computes them, for symbols (N, T)."""

import numpy as np

from fastrnn.bits.planes import unpacked_bits
from fastrnn.kernels.arrays import Arrays, by_length, lengths_of
from fastrnn.networks import lanes_for
from fastrnn.proofs.sequences import planes_of
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.small_session import SmallSession


def batched(model, symbols):
    """(states (N, T, H), logits (N, T, O)) of the kernels on arrays, 256 steps in one piece."""
    x = unpacked_bits(planes_of(symbols, model.input_size), len(symbols))
    return model.forward(x)[1], model.logits(x)


def online(model, symbols):
    """States (N, T, H) of the kernel for updates with single samples."""
    count, steps = symbols.shape
    x = unpacked_bits(planes_of(symbols, model.input_size), count).astype(model.dtype)
    y, mask = np.zeros((1, steps, model.output_size), model.dtype), np.ones((1, steps), model.dtype)
    config, sizes = TrainConfig(batch_size=1, dtype=str(model.dtype)), (model.input_size, model.output_size)
    states = np.empty((count, steps, model.hidden_size))
    for sample in range(count):
        source = Arrays(x[sample : sample + 1], y, mask, lengths_of(mask), *by_length(mask), 0)
        session = SmallSession(model.cell, sizes, source, steps, config, model.weights)
        session.gradient()
        rows = session.arrays["state"].reshape(-1, len(model.cell.state), session.net.panels * session.net.lanes)
        states[sample] = rows[1 : steps + 1, 0, : model.hidden_size]
    return states


def streaming(model, symbols, segment):
    """(states (N, T', P H), all parts, of the last segment, its first step, outputs (W, T, O), least |logit|) of
    streamed samples.

    Segments have `segment` steps, the last one is run step by step; N is a multiple of 64.
    """
    words, (count, steps) = planes_of(symbols, model.input_size), symbols.shape
    last = (steps - 1) % segment + 1
    pieces = [*range(0, steps - last, segment), *range(steps - last, steps + 1)]
    stream, out, states = model.stream(count), [], []
    for start, stop in zip(pieces, pieces[1:]):
        out.append(stream.run(words[:, start:stop]))
        if start >= steps - last:
            states.append(_states(model, stream, count))
    return np.stack(states, 1), steps - last, np.concatenate(out, 1), stream.margins.min()


def _places(model, stream, count):
    """Where each sample's states lie in those of a Stream, (N, P H): as an index."""
    lanes = lanes_for(str(model.dtype))
    word, place = np.divmod(np.arange(count)[:, None], 64)
    unit = np.arange(len(model.cell.state) * model.hidden_size)
    return word, unit * stream.net.columns + place // lanes, place % lanes


def _states(model, stream, count):
    return stream.states[_places(model, stream, count)].astype(float)


def step(model, states, inputs):
    """States (N, P H) after one step of the streaming kernel from `states` (N, P H) on inputs (N, I), bits."""
    count = len(states)
    words = np.zeros((-(-count // 64), 1, model.input_size), np.uint64)
    for sample, bits in enumerate(np.asarray(inputs, np.uint64)):
        words[sample // 64, 0] |= bits << np.uint64(sample % 64)
    stream = model.stream(count)
    stream.states[_places(model, stream, count)] = states
    stream.run(words)
    return _states(model, stream, count)
