"""The effect of LLVM's passes: `python -m bench.passes` compares the few passes that kernels are compiled with to all
of -O3.

For some networks: seconds that the passes take, and nanoseconds of a step of training, of the two codes in turns in one
process; medians of the fastest tenth.
"""

import time

import numpy as np
from llvmlite import binding

import fastrnn
from bench.arguments import parser_for
from fastrnn.initializers import initial_weights
from fastrnn.machine.native import MADE, Native, optimised
from fastrnn.networks import shapes_of
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.small_session import session_for

# Cell, batch, steps, updates of a measurement.
CASES = (
    (fastrnn.Elman(4), 64, 8, 100), (fastrnn.Elman(16), 1, 8, 1000), (fastrnn.Elman(16), 64, 8, 40),
    (fastrnn.Elman(64), 64, 32, 2), (fastrnn.GRU(8), 1, 8, 600), (fastrnn.GRU(8), 64, 16, 20),
    (fastrnn.GRU(32), 64, 16, 4), (fastrnn.LSTM(16), 64, 32, 6),
)
ROUNDS = 120


class Compiler(Native):
    """A compiler that runs `passes` and writes no files; seconds: the time that the passes took."""

    def __init__(self, passes):
        super().__init__()
        self.passes, self.optimise, self.files, self.seconds = passes, self._timed, self, 0.0

    def load(self, key):
        return None

    def save(self, key, code):
        pass

    def _timed(self, machine, module):
        began = time.thread_time()
        self.passes(machine, module)
        self.seconds += time.thread_time() - began


def everything(machine, module):
    """Run all passes of -O3."""
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)


def trained(cell, batch, steps, passes):
    """Return (a session whose kernels were compiled with these passes, the Compiler that holds their code)."""
    compiler = Compiler(passes)
    before, MADE[:] = list(MADE), [compiler]
    try:
        config, task = TrainConfig(optimizer="sgd", learning_rate=1e-3, batch_size=batch), Addition(bits=steps)
        weights = initial_weights("xavier", shapes_of(cell, 2, 1), 0)
        return session_for(cell, (2, 1), task.kernel, steps, config, 1, weights), compiler
    finally:
        MADE[:] = before


def main():
    print(f"{'network':<34}{'passes':>8}{'-O3':>8}{'ns':>9}{'-O3':>9}{'ratio':>7}")
    for cell, batch, steps, updates in CASES:
        made = [trained(cell, batch, steps, passes) for passes in (optimised, everything)]
        times = np.empty((ROUNDS, 2))
        for round_ in range(ROUNDS):
            for which in (0, 1) if round_ % 2 else (1, 0):
                began = time.thread_time()
                made[which][0].run(updates)
                times[round_, which] = time.thread_time() - began
        few, all_of_them = np.quantile(times, 0.05, axis=0) / (updates * batch * steps) * 1e9
        name = f"{type(cell).__name__}({cell.hidden_size}), batch {batch}, {steps} steps"
        spent = "".join(f"{compiler.seconds:8.3f}" for _, compiler in made)
        print(f"{name:<34}{spent}{few:9.1f}{all_of_them:9.1f}{few / all_of_them:7.3f}", flush=True)


if __name__ == "__main__":
    parser_for("passes", __doc__).parse_args()
    main()
