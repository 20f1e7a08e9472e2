"""`fastrnn sweep`: trains thousands of models over a grid of settings, and prints a summary."""

import functools
import os
import sys

from fastrnn.cli.cluster import add_cluster, cluster
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import integer, list_of, positive, real_number, seed
from fastrnn.cli.output import check_writable, names_like
from fastrnn.cli.parts import add_parts, given_options, parts_made
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.summary import findings_text, table_text
from fastrnn.wording import counted

SUMMARY = "Train a grid of settings for many seeds each, or find the smallest network"
EXAMPLES = """\
examples:
  fastrnn sweep --hidden 2,3,4,6,8,12,16,24,32,64 --seeds 1000 --plot hidden.png
  fastrnn sweep --hidden 8,16 --learning-rate 0.03,0.1,0.3 --output rates.csv
  fastrnn sweep --hidden 4,8 --activation sigmoid,tanh --bits 8,16 --seeds 50
  fastrnn sweep --smallest                  the smallest hidden size that works
  fastrnn sweep --dask tcp://head:8786      on the workers of a Dask cluster
  mpiexec -n 9 python -m mpi4py.futures -m fastrnn sweep --mpi
                                            on eight processes of MPI

After an interruption, the same command continues, with the same result.
"""

OUTPUT = os.path.join("runs", "sweep.csv")
HIDDEN = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
SMALLEST_SIZES = tuple(range(1, 65))

# From this many models on, processes are worth the second that it takes to start them: small networks are verified so
# fast that a third of the time is Python's, which threads cannot share.
MANY = 1000

# (option, axis, type of a value, help)
AXIS_OPTIONS = (
    (
        "--hidden",
        "hidden_size",
        integer,
        f"hidden units (default: {','.join(map(str, HIDDEN))}; with --smallest: 1 to {SMALLEST_SIZES[-1]})",
    ),
    ("--activation", "activation", str, "activations of the hidden units"),
    ("--learning-rate", "learning_rate", real_number, "learning rates"),
    ("--batch-size", "batch_size", integer, "samples in one update"),
    ("--bits", "bits", integer, "bits of the result; each is one step"),
)
AXIS_NAMES = tuple(axis for _, axis, _, _ in AXIS_OPTIONS)


def arguments(parser, argv):
    """Declare the options: the axes, this command's own, and those of the chosen cell, task and training that are not
    axes."""
    axes = parser.add_argument_group("axes of the grid, each a LIST, for example 2,3,4")
    for option, axis, kind, text in AXIS_OPTIONS:
        axes.add_argument(option, dest=f"axis_{axis}", type=list_of(kind), metavar="LIST", help=text)
    parser.add_argument(
        "--seeds", type=positive, default=200, metavar="N", help="models of each combination (default: 200)"
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="the first of consecutive seeds (default: 0)"
    )
    parser.add_argument("--smallest", action="store_true",
                        help="try hidden sizes in ascending order until 95 %% of the seeds become exact")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="table, one row for each model: .csv, or .parquet with pyarrow (default: runs/sweep.csv, or a free name)",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw shares and samples, as .png, .pdf or .svg")
    parser.add_argument(
        "--force", action="store_true", help="replace existing files, and partial results of another sweep"
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N",
        help="units of work at the same time (default: all cores; 64 on a cluster)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--processes", action="store_true", help=f"work in processes (default from {MANY:,} models on)")
    where.add_argument(
        "--threads", action="store_true", help="work in threads of this process (default for fewer models)"
    )
    add_cluster(where)
    # Models side by side are all of one width.
    add_parts(parser, argv, without=(*AXIS_NAMES, "seed", "curriculum"))


def run(args):
    """Train, print the summary, save the table; return 0, or 130 after Ctrl-C."""
    grid = _grid(args)
    if args.output is None:
        args.output = OUTPUT if args.force else next(name for name in names_like(OUTPUT) if _is_free(name, grid))
        if args.output != OUTPUT:
            _say(f"{OUTPUT} is another sweep's: the table goes to {args.output}")
    _check_files(args, grid)
    _say(f"{'smallest' if args.smallest else 'sweep'}: {grid.title}; {grid.cell.name}; "
         f"{'up to ' * args.smallest}{counted(len(grid.points), 'combination')}, {counted(grid.seeds, 'seed')} each")
    result = _worked(args, grid)
    if result is None:
        return 130
    table = result.table if args.smallest else result
    _say(table_text(table))
    if args.smallest:
        _say(findings_text(result))
    _say(f"saved {args.output}")
    if args.plot:
        from fastrnn.sweeps.picture import draw_table

        draw_table(table, args.plot)
        _say(f"plotted {args.plot}")
    return 0


def _grid(args):
    from fastrnn.sweeps import Grid

    cell, task, config = parts_made(args)
    axes = {name: getattr(args, f"axis_{name}") for name in AXIS_NAMES}
    if axes["hidden_size"] is None:
        axes["hidden_size"] = SMALLEST_SIZES if args.smallest else HIDDEN
    with user_errors(_options(args)):
        return Grid(**axes, seeds=args.seeds, cell=cell, task=task, config=config)


def _options(args):
    """Return {name in a message: option}."""
    return {**given_options(args), **{axis: option for option, axis, _, _ in AXIS_OPTIONS}, "seeds": "--seeds"}


def _is_free(output, grid):
    """Return whether the output is free: neither a finished table nor the partial one of another sweep exists."""
    from fastrnn.sweeps import ForeignJournal, owns

    try:
        return owns(grid, output) or not os.path.lexists(output)
    except ForeignJournal:
        return False


def _check_files(args, grid):
    from fastrnn.sweeps import ForeignJournal, owns
    from fastrnn.sweeps.picture import check_picture
    from fastrnn.sweeps.table import check_table_format

    try:
        own = owns(grid, args.output)
    except ForeignJournal as error:
        if not args.force:
            raise UserError(f"{error}; give another --output, or --force to start over") from error
        own = False
    check_writable(args.output, args.force or own, make=True)
    with user_errors({"output": "--output", "plot": "--plot"}):
        check_table_format(args.output)
        if args.plot:
            check_writable(args.plot, args.force, make=True)
            check_picture(args.plot, grid)


def _worked(args, grid):
    """Return the Table or Smallest; None after Ctrl-C, which is printed."""
    from fastrnn.sweeps import ForeignJournal, smallest, sweep
    from fastrnn.sweeps.journal import journal_of

    state = [0, grid.models]
    try:
        with (Bar(grid.models, delay=0.5) as bar, compiling_noted(), cluster(args, _own(args, grid)) as executor,
              user_errors(_options(args))):

            def progress(done, total, note):
                state[:] = done, total
                bar(done, note, total)

            work = smallest if args.smallest else sweep
            return work(
                grid, output=args.output, force=args.force, executor=executor, workers=args.workers, progress=progress
            )
    except KeyboardInterrupt:
        kept = f"kept next to {args.output}\nto continue, run the same command again"
        if not os.path.exists(journal_of(args.output)):
            kept = f"saved {args.output}" if state[0] == state[1] else "nothing to keep yet"
        print(f"fastrnn: interrupted after {state[0]:,} of {state[1]:,} models, {kept}", file=sys.stderr)
        return None
    except ForeignJournal as error:
        raise UserError(error) from error


def _own(args, grid):
    """Return a function that makes an executor on this machine."""
    from fastrnn.cores import cores
    from fastrnn.sweeps.workers import Processes, Threads

    count = args.workers or cores()
    many = args.processes or (count > 1 and grid.models >= MANY and not args.threads)
    return functools.partial(Processes if many else Threads, count)


def _say(text):
    # Whoever reads this from a file or a pipe should know what is going on.
    print(text, flush=True)
