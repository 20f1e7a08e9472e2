"""The end of `fastrnn train`: save what came out, print it, and say what to do next."""

import os
import shlex
import sys

from fastrnn.cli.errors import user_errors
from fastrnn.cli.output import claim
from fastrnn.cli.text import long_numbers, seconds, solved, verdict

# Solved samples that are printed.
SHOWN = 3


def report(args, config, result, path, say):
    """Save what came out, print it, and return the exit status; say(text) prints what is no fault."""
    from fastrnn.plots import plot_history
    from fastrnn.train.interrupt import deferred_interrupt
    from fastrnn.train.resume import save_run
    from fastrnn.verify import verify

    task, unfinished = result.model.task, result.stopped in ("interrupted", "samples")
    if result.stopped != "interrupted" and result.verification is None:
        result.verification = verify(result.model, threads=args.threads)
    replacing = args.force and args.output
    # Whoever presses Ctrl-C a second time wants to leave, not to lose the run.
    with deferred_interrupt():
        path = path if replacing else claim(path)
        try:
            save_run(result, path) if unfinished else result.model.save(path)
        except BaseException:
            if not replacing:
                os.unlink(path)
            raise
    plotted = args.plot and len(result.history.samples)
    if plotted:
        with user_errors():
            plot_history(result.history, args.plot)
    if result.stopped == "interrupted":
        print(f"fastrnn: interrupted after {result.samples:,} samples\nsaved {path}\n"
              f"go on: fastrnn train --resume {shlex.quote(path)}", file=sys.stderr)
        return 130

    if result.stopped != "diverged":
        with long_numbers():
            for operands, answer in _examples(result.model, config.seed):
                say(solved(task, operands, answer))
    say(f"{verdict(result.verification, task.input_size)} (checked in {seconds(result.verification.seconds)})")
    if len(result.history.seconds):
        took = result.history.seconds[-1]
        say(f"{result.samples:,} samples in {seconds(took)} of training: {result.samples / took:,.0f} samples/s")
    say(f"saved {path}")
    if plotted:
        say(f"plotted {args.plot}")
    return _conclude(config, result, shlex.quote(path), say)


def _conclude(config, result, path, say):
    """Say what to do next, and return the exit status."""
    if result.exact and result.stopped != "diverged":
        count = result.model.input_size
        if result.model.task.name == "addition" and count <= 3:
            say(f"try: fastrnn add {path} {' '.join(('123', '456', '789')[:count])}")
        say(f"try: fastrnn verify {path} --bits 64")
        return 0
    if result.stopped == "diverged":
        print(f"fastrnn: diverged: the loss was not finite after {result.samples:,} samples\n"
              "fastrnn: saved the last good weights; try a smaller --learning-rate, or --clip 1", file=sys.stderr)
        return 1
    if config.until == "samples":
        return 0
    print(f"fastrnn: not exact after {result.samples:,} samples\n"
          f"go on: fastrnn train --resume {path} --max-samples {2 * config.max_samples}", file=sys.stderr)
    return 1


def _examples(model, seed):
    """A few (operands, the network's answer), drawn from the seed."""
    import random

    from fastrnn.tasks.planes import from_words, to_words

    draw, task = random.Random(seed), model.task
    samples = [tuple(draw.randrange(2**task.free_bits) for _ in range(task.input_size)) for _ in range(SHOWN)]
    answers, _ = model.run_bits(to_words(samples, task.bits), SHOWN)
    return list(zip(samples, from_words(answers[:, :, 0], SHOWN)))
