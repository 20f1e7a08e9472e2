"""`fastrnn train`: trains a network, proves it right, saves it."""

import contextlib
import os
import sys

from fastrnn.cli.checkpoint import forget_finished, opened_autosave, path_of, tell_of_others
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import positive
from fastrnn.cli.output import check_different, check_writable
from fastrnn.cli.parts import add_parts, given_options, parts_to_train
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.report import report_run
from fastrnn.interrupt import deferred_interrupt

SUMMARY = "Train a network, prove it right and save it"
EXAMPLES = """\
examples:
  fastrnn train                               an 8-bit adder, proved right
  fastrnn train --until exact                 exact on all pairs, not proved
  fastrnn train --bits 16 --operands 3        sums of three numbers
  fastrnn train --plot curve.png              with its learning curve
  fastrnn train --seed 7 --output seven.safetensors
  fastrnn train --until samples --max-samples 10000000
  fastrnn train --resume runs/addition-8.safetensors
                                              continue after Ctrl-C

A run of more than half a minute keeps a checkpoint next to its output. After a
crash or a kill, the same command continues it, with the same result.

exit status: 0 the --until criterion is reached; 1 it is not; 2 wrong use;
130 interrupted (the network and its training state are saved)
"""


def arguments(parser, argv):
    """Declare the options: this command's own, TrainConfig's, and those of the chosen cell and task."""
    parser.add_argument(
        "--output", metavar="FILE", help="where to save (default: runs/TASK-BITS.safetensors, or a free name)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument("--plot", metavar="FILE", help="draw the learning curve, as .png, .pdf or .svg")
    parser.add_argument("--resume", metavar="FILE", help="continue the unfinished run in FILE")
    parser.add_argument("--other-processor", action="store_true",
                        help="continue a run of another kind of processor; results then differ in rounding")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads (default: all cores); they do not change the result"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_parts(parser, argv, {"until": "certified where a proof covers the task, else exact"})


def run(args):
    """Train, print, save; return the exit status."""
    from fastrnn.drawing import check_format

    cell, task, config, before = parts_to_train(args)
    default = os.path.join("runs", f"{task.name}-{task.bits}.safetensors")
    try:
        check_writable(args.output or default, args.force or not args.output, make=True)
    except UserError:
        if args.output:
            forget_finished(args.output, _identity(cell, task, config, before), cell, task, config)
        raise
    if args.plot:
        check_writable(args.plot, args.force, make=True)
        check_different({"--plot": args.plot, "--output": args.output})
        with user_errors():
            check_format(args.plot)

    output, say = args.output or default, (lambda text: None) if args.quiet else print
    say(f"training: {task.described()}; {cell.name}, {cell.hidden_size} hidden units")
    # Between the training and the report Ctrl-C would lose the network.
    with deferred_interrupt(), contextlib.ExitStack() as stack:
        checkpoint = _checkpoint(cell, task, config, before, args.resume, output, say)
        if checkpoint:
            stack.callback(checkpoint.close)
            if checkpoint.state:
                before = checkpoint.state
                say(f"continuing from {checkpoint.path}, after {before.samples:,} samples")
        # Whoever reads this from a file or a pipe should know what is going on.
        sys.stdout.flush()
        result = _trained(args, cell, task, config, before, checkpoint)
        if result.stopped == "interrupted" and not result.samples:
            # Kernels were being made ready: there is nothing to save.
            raise KeyboardInterrupt
        status = report_run(args, config, result, output, say)
        # What is saved needs no checkpoint any more.
        if checkpoint:
            checkpoint.remove()
    return status


def _trained(args, cell, task, config, before, checkpoint):
    from fastrnn.training.tasks import train

    with Bar(config.max_samples, delay=0.3, enabled=not args.quiet) as bar, compiling_noted(not args.quiet):

        def progress(samples, loss, exact):
            bar(samples, f"loss {loss:.1e}, exact {exact:.0%}")

        with user_errors(given_options(args)):
            return train(
                cell,
                task,
                config,
                threads=args.threads,
                progress=progress,
                resume=before,
                checkpoint=checkpoint,
                other_processor=args.other_processor,
            )


def _checkpoint(cell, task, config, before, resumed, output, say):
    """Return the RunAutosave of this command, or None if another process holds it."""
    from fastrnn.training.tasks.continuation import identity_of
    from fastrnn.training.tasks.run_autosave import RunAutosave

    identity = before and before.state.get("identity")
    # A checkpoint given as --resume continues the training that it belongs to.
    if identity and identity == {**identity, **identity_of(cell, task, config)}:
        return opened_autosave(RunAutosave, resumed, identity, say)
    identity = _identity(cell, task, config, before)
    tell_of_others(output, identity, say)
    return opened_autosave(RunAutosave, path_of(output, identity), identity, say)


def _identity(cell, task, config, before):
    from fastrnn.training.tasks.continuation import identity_of, state_digest

    return identity_of(cell, task, config, data=None, weights=None, resumed=state_digest(before))
