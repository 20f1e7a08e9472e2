"""The end of `fastrnn train`: saves and prints the result, and names the next commands."""

import contextlib
import functools
import sys
from dataclasses import replace

from fastrnn.cli.errors import user_errors
from fastrnn.cli.output import beside, how_to_check, save_under_free_name
from fastrnn.cli.text import long_numbers, outcome, seconds, solved
from fastrnn.program import program, quoted

# Solved samples that are printed.
SHOWN = 3


def report_run(args, config, result, path, say):
    """Save and print the result, and return the exit status; say(text) prints messages that are not errors."""
    from fastrnn.interrupt import Interrupted, deferred_interrupt
    from fastrnn.plots import plot_history
    from fastrnn.training.tasks.resume import save_run
    from fastrnn.verification import verify

    task, unfinished = result.model.task, result.stopped in ("interrupted", "samples")
    replacing, certificate, left = args.force and args.output, None, result.stopped == "interrupted"
    # Whoever presses Ctrl-C here wants to leave, not to lose the run.
    with deferred_interrupt() as interrupt:
        try:
            if not left and result.verification is None:
                found = verify(result.model, task.bits, threads=args.threads, progress=interrupt.check)
                result = replace(result, verification=found)
            if result.exact and not result.certified and result.stopped in ("exact", "samples"):
                result = replace(result, certification=_proof_of(result.model, interrupt.check))
        except Interrupted:
            left = True
        path = _written(functools.partial(save_run, result) if unfinished else result.model.save, path, replacing)
        if result.certified:
            certificate = _written(result.certification.save, beside(path), replacing)
    plotted = args.plot and len(result.history.samples)
    if plotted:
        with user_errors():
            plot_history(result, args.plot)
    if left:
        print(f"fastrnn: interrupted after {result.samples:,} samples\nsaved {path}", file=sys.stderr)
        if result.stopped == "interrupted":
            print(f"continue: {program()} train --resume {quoted(path)}", file=sys.stderr)
        return 130

    if result.stopped != "diverged":
        with long_numbers():
            for operands, answer in _examples(result.model, config.seed):
                say(solved(task, operands, answer))
    say(f"{outcome(result.verification, task.input_size)} (checked in {seconds(result.verification.seconds)})")
    if result.certified:
        say(str(result.certification))
    if len(result.history.seconds):
        took = result.history.seconds[-1]
        say(f"{result.samples:,} samples in {seconds(took)} of training: {result.samples / took:,.0f} samples/s")
    say(f"saved {path}")
    if certificate:
        say(f"saved {certificate}")
    if plotted:
        say(f"plotted {args.plot}")
    return _conclude(config, result, quoted(path), certificate and how_to_check(certificate, path), say)


def _is_provable(model):
    """Return whether `fastrnn certify` can treat networks on this task."""
    from fastrnn.proofs import check_provable

    try:
        check_provable(model.cell, model.task)
    except ValueError:
        return False
    return True


def _proof_of(model, progress):
    """Return the Certification of a model that is proved as it is, or None."""
    from fastrnn.proofs import certify

    # Tasks that no proof covers are an error to `certify`, but none here.
    with contextlib.suppress(ValueError):
        found = certify(model, find=False, progress=progress)
        return found if found.proved else None


def _written(save, path, replacing):
    """Return the name under which save(name, overwrite=...) wrote a file: a free name, unless it may replace another
    file."""
    if not replacing:
        return save_under_free_name(functools.partial(save, overwrite=False), path)
    save(path, overwrite=True)
    return path


def _conclude(config, result, path, check, say):
    """Print the next commands, and return the exit status; check: the command that checks the certificate, or None."""
    reached = result.certified if config.until == "certified" else result.exact
    if reached and result.stopped != "diverged":
        count = result.model.input_size
        if count <= 3:
            # Sums of any size; other tasks have a width, which these numbers fit.
            command, numbers = (
                ("add", ("123", "456", "789")) if result.model.task.name == "addition" else ("run", ("60", "9", "45"))
            )
            say(f"try: {program()} {command} {path} {' '.join(numbers[:count])}")
        if check or _is_provable(result.model):
            say(f"try: {check or f'{program()} certify {path}'}")
        return 0
    if result.stopped == "diverged":
        print(f"fastrnn: diverged: the loss was not finite after {result.samples:,} samples\n"
              "fastrnn: saved the last good weights; try a smaller --learning-rate, or --max-grad-norm 1",
              file=sys.stderr)
        return 1
    if config.until == "samples":
        return 0
    print(
        f"fastrnn: {'not proved for every width' if result.exact else 'not exact'} after {result.samples:,} samples",
        file=sys.stderr,
    )
    if result.exact or is_improving(result.history):
        print(f"continue: {program()} train --resume {path} --max-samples {2 * config.max_samples}", file=sys.stderr)
    else:
        print(
            "fastrnn: the loss no longer falls: try another --seed, more --hidden, or another --learning-rate",
            file=sys.stderr,
        )
    return 1


def is_improving(history):
    """Return whether the mean loss of the last quarter is at least a tenth below that of the quarter before; always
    true for a short history."""
    quarter = len(history.loss) // 4
    return quarter < 2 or history.loss[-quarter:].mean() < 0.9 * history.loss[-2 * quarter : -quarter].mean()


def _examples(model, seed):
    """Return a few (operands, the network's answer), drawn from the seed."""
    import random

    from fastrnn.bits.planes import answers_of, to_words

    draw, task = random.Random(seed), model.task
    samples = [tuple(draw.randrange(2**task.free_bits) for _ in range(task.input_size)) for _ in range(SHOWN)]
    answers, _ = model.run_bits(to_words(samples, task.bits), SHOWN)
    return list(zip(samples, answers_of(task, answers, SHOWN)))
