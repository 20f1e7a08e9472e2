"""Runs networks on sequences: outputs z and states, for models side by side or for one model on many sequences."""

from fastrnn.kernels.recurrent.block import first_states
from fastrnn.kernels.recurrent.forward import forward_step, outputs
from fastrnn.kernels.recurrent.frame import frame_of, tiles
from fastrnn.machine.execute import Program

PREDICT_POINTERS = ("theta", "pre", "state", "saved", "operand", "x", "lengths", "z")


def predict_program(net, dtype, lanes):
    """Return the Program that fills state (T + 1, S, H, C) and z (T, O, C) of one block, in vectors.

    start: the address of states (S, H, C) to begin with, or 0.
    """

    def kernel(m):
        frame = frame_of(m, PREDICT_POINTERS)
        after = 0 if net.before else 1
        first_states(m, net, frame, m.word("start"))
        for t in m.range(m.word("steps")):
            forward_step(m, net, frame, frame, t)
            for c, columns in tiles(m, net.columns, net.tile(1, net.sizes.outputs)[1]):
                for o, values in enumerate(outputs(m, net, frame, [(t + after, c + n) for n in range(columns)])):
                    for n, value in enumerate(values):
                        m.store(frame.z, (t * net.sizes.outputs + o) * net.columns + c + n, value)

    return Program(kernel, (*PREDICT_POINTERS, "steps", "start"), dtype, lanes, net.text)
