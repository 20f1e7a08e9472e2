"""The command `fastrnn`: finds the subcommand, runs it, and reports any error in one line.

A subcommand is a module here, named in COMMANDS, with SUMMARY (one line), EXAMPLES (text below its --help),
`arguments(parser, argv)`, which declares its options, and `run(args)`, which returns the exit status. Its
imports of numpy and llvmlite are inside these functions, so that `fastrnn --help` does not wait for them.

Exit status: 0 done, 1 a network that is not exact, 2 wrong use or a file that cannot be read or written,
130 interrupted.
"""

import argparse
import contextlib
import importlib
import os
import re
import signal
import sys
import textwrap

from fastrnn.cli.errors import UserError
from fastrnn.cores import threads_setting
from fastrnn.errors import CheckpointError, SettingError, one_line, printable
from fastrnn.interrupt import raised_interrupt, repeated_interrupt
from fastrnn.program import program

COMMANDS = ("train", "verify", "generalize", "add", "run", "certify", "check", "repeat", "sweep", "fit", "evaluate",
            "predict", "simulate", "export", "import", "page", "original", "reproduce", "bench", "tasks")
DESCRIPTION = """\
Train small recurrent networks on your own sequences, or on tasks with known
answers, where they are also proved right."""
# Columns of a line of --help.
HELP_WIDTH = 79
EXAMPLES = """\
examples:
  fastrnn train                                    an 8-bit adder, proved right
  fastrnn fit --help                               networks for your own tables
  fastrnn add runs/addition-8.safetensors 123 456  a sum, by the network
  fastrnn COMMAND --help                           a command's own options
"""


def main(argv=None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status.

    The process's own is the last thing it does: from then on Ctrl-C ends it without a word.
    """
    if argv is not None:
        return _main(list(argv))
    try:
        status = _main(sys.argv[1:])
        _leave()
    except KeyboardInterrupt:  # another one, while the first one was reported
        status = 130
        _leave()
    return status


def _leave():
    # Python itself would say where in its own end it was.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _main(argv):
    """Return the exit status; whatever goes wrong is reported in one line."""
    _prepare_streams()
    noted = []
    with repeated_interrupt(noted):
        try:
            threads_setting()
            with raised_interrupt(noted):
                status = _run(argv)
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
        # Of ImportErrors: a module that is missing.
        except (UserError, CheckpointError, SettingError, ImportError) as error:
            return _fail("interrupted", 130) if noted and isinstance(error, ImportError) else _fail(error)


def _run(argv):
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    name = program()
    parser = Parser(
        prog=name, description=DESCRIPTION, epilog=_called(EXAMPLES, name)
    )
    version = sys.modules[__name__.partition(".")[0]].__version__
    parser.add_argument("--version", action="version", version=f"fastrnn {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog=name)
    chosen = argv[0] if argv else None
    _check_command(chosen, argv, name)
    for each in COMMANDS:
        module = importlib.import_module(f"{__name__}.{each}")
        command = commands.add_parser(
            each, help=module.SUMMARY, description=f"{module.SUMMARY}.", epilog=_called(module.EXAMPLES, name)
        )
        if each == chosen:
            module.arguments(command, argv[1:])
            command.set_defaults(run=module.run, parser=command)
    try:
        args, unknown = parser.parse_known_args(argv)
    except SystemExit as stop:  # after --help and --version
        return stop.code or 0
    if unknown:
        from fastrnn.cli.unknown import what_was_meant

        (args.parser if args.command else parser).error(what_was_meant(unknown[0], args))
    if args.command is None:
        parser.print_help()
        return 0
    return args.run(args)


def _check_command(chosen, argv, name):
    """Raise UserError unless the first word is a command or an option that stands before one."""
    if chosen is None or chosen in (*COMMANDS, "-h", "--help", "--version"):
        return
    if not chosen.startswith("-"):
        from fastrnn.arguments import meant

        raise UserError(
            _see(f"no command {chosen!r}{meant(chosen, COMMANDS) or '; commands: ' + ', '.join(COMMANDS)}", name)
        )
    later = next((word for word in argv if word in COMMANDS), "COMMAND")
    raise UserError(_see(f"{chosen}: options follow the command, for example {name} {later} {chosen}", name))


def _see(message, name):
    return f"{message}{' ' if message.endswith('?') else '; '}see {name} --help"


def _called(examples, name):
    """Return the examples with the name by which the program was called, in lines that fit a terminal of 80 columns."""
    called = re.sub(r"^(  |.* \| )fastrnn ", rf"\g<1>{name} ", examples, flags=re.MULTILINE)
    return "\n".join(fitted for line in called.split("\n") for fitted in _fitted(line))


def _fitted(line):
    """Return an example in one line, or with its comment below it and its options in lines of their own."""
    if len(line) <= HELP_WIDTH or not line.startswith("  "):
        return [line]
    command, comment = re.fullmatch(r"(  .*?)(?:\s{2,}(\S.*))?", line).groups()
    place = command.rfind(" --", 0, HELP_WIDTH - 2)
    if len(command) > HELP_WIDTH and place > 0:
        command = [f"{command[:place]} \\", f"    {command[place + 1 :]}"]
    else:
        command = [command]
    return [*command, *([comment.rjust(min(HELP_WIDTH, 27 + len(comment)))] if comment else [])]


class Parser(argparse.ArgumentParser):
    """argparse with errors in this program's form, and help that keeps its line breaks."""

    def __init__(self, **options):
        super().__init__(formatter_class=_Help, allow_abbrev=False, **options)

    def error(self, message):
        raise UserError(_see(message.removeprefix("argument "), self.prog))


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog):
        super().__init__(prog, max_help_position=28, width=HELP_WIDTH)
        # argparse forgets that the names of commands are indented twice, and breaks the line after the longest.
        self._action_max_length = 4 + max(map(len, COMMANDS))

    def _split_lines(self, text, width):
        # Names with hyphens stay whole.
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


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
        # A name in a message may come from any file.
        print(f"fastrnn: {printable(one_line(message))}", file=sys.stderr, flush=True)
    return status


def _abandon_stdout():
    """Discard buffered output; Python would report the broken pipe once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
