"""The command `fastrnn`: finds the subcommand, runs it, and turns whatever goes wrong into one line.

A subcommand is a module here, named in COMMANDS, with SUMMARY (one line), EXAMPLES (text below its --help),
`arguments(parser, argv)`, which declares its options, and `run(args)`, which returns the exit status. Its
imports of numpy and numba are inside these functions, so that `fastrnn --help` does not wait for them.

Exit status: 0 done, 1 a network that is not exact, 2 wrong use or a file that cannot be read or written,
130 interrupted.
"""

import argparse
import contextlib
import importlib
import os
import sys

from fastrnn.cli.errors import UserError, one_line
from fastrnn.cores import threads_setting
from fastrnn.errors import CheckpointError, SettingError
from fastrnn.interrupt import raised_interrupt

COMMANDS = ("train", "verify", "generalize", "add", "run", "certify", "check", "repeat", "sweep", "fit", "evaluate",
            "predict", "simulate", "original", "reproduce", "bench", "tasks")
EXAMPLES = """\
examples:
  fastrnn train                                    an 8-bit adder, proved exact
  fastrnn add runs/addition-8.safetensors 123 456  a sum, by the network
  fastrnn COMMAND --help                           a command's own options
"""


def main(argv=None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status."""
    _prepare_streams()
    try:
        threads_setting()
        with raised_interrupt():
            status = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _abandon_stdout()
        return 141  # what a shell reports of programs that SIGPIPE ends
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (MemoryError, OverflowError) as error:
        return _fail(f"not enough memory: {error}" if str(error) else "not enough memory")
    except OSError as error:
        _abandon_stdout()
        return _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    # A module that is missing, or a compiler that is switched off.
    except (UserError, CheckpointError, SettingError, ImportError) as error:
        return _fail(error)


def _run(argv):
    parser = Parser(prog="fastrnn", description="Trains small recurrent networks and proves them right.", epilog=EXAMPLES)
    version = sys.modules[__name__.partition(".")[0]].__version__
    parser.add_argument("--version", action="version", version=f"fastrnn {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="fastrnn")
    chosen = argv[0] if argv else None
    if chosen is not None and chosen not in COMMANDS and not chosen.startswith("-"):
        raise UserError(f"no command {chosen!r}; commands: {', '.join(COMMANDS)}")
    for name in COMMANDS:
        module = importlib.import_module(f"{__name__}.{name}")
        command = commands.add_parser(name, help=module.SUMMARY, description=f"{module.SUMMARY}.", epilog=module.EXAMPLES)
        if name == chosen:
            module.arguments(command, argv[1:])
            command.set_defaults(run=module.run)
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # after --help and --version
        return stop.code or 0
    if args.command is None:
        parser.print_help()
        return 0
    return args.run(args)


class Parser(argparse.ArgumentParser):
    """argparse with errors in our form and help that keeps its line breaks."""

    def __init__(self, **options):
        super().__init__(formatter_class=_Help, allow_abbrev=False, **options)

    def error(self, message):
        raise UserError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog):
        super().__init__(prog, max_help_position=28, width=79)
        # argparse forgets that the names of commands are indented twice, and breaks the line after the longest.
        self._action_max_length = 4 + max(map(len, COMMANDS))


def _prepare_streams():
    for name in ("stdout", "stderr"):
        # None where the caller has closed it.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
        # A file's name may hold what the terminal's encoding does not.
        if hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _fail(message, status=2):
    with contextlib.suppress(OSError):
        print(f"fastrnn: {one_line(message)}", file=sys.stderr, flush=True)
    return status


def _abandon_stdout():
    """Let what is still buffered go nowhere, or Python complains about it once more on its way out."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
