"""`fastrnn fit`: fits networks of several sizes to a table, and chooses the one that predicts best."""

import argparse
import os
import re
import shutil
import sys
from dataclasses import fields

from fastrnn.cli.cluster import add_cluster, cluster
from fastrnn.cli.columns import add_columns, read_sequences
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.fit_folder import PARTS_FOLDER, check_folder
from fastrnn.cli.fit_plan import own_values, planned, points
from fastrnn.cli.fit_report import check_report, report_fit
from fastrnn.cli.losses import add_losses, described, head_of
from fastrnn.cli.options import add_options, class_in, flags, given, list_of, positive, real_number, seed
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.sound import add_pair
from fastrnn.cli.text import wrapped
from fastrnn.errors import printable

SUMMARY = "Fit networks to your own table or sound, with validation or nested folds"
EXAMPLES = """\
examples:
  fastrnn fit choices.csv --target choice --inputs choice,reward --lag 1 \\
    --group subject,session --hidden 1,2,4 --seeds 3
                           choices from earlier choices and rewards
  fastrnn fit choices.csv --target choice --inputs choice,reward --lag 1 \\
    --group subject,session --hidden 1,2,4 --cv 10x9 --seeds 3
                           the same with nested cross-validation
  fastrnn fit choices.csv --target choice --inputs choice,reward --lag 1 \\
    --group subject,session --each subject --hidden 2
                           separate networks for each subject
  fastrnn fit choices.csv --target choice --inputs choice,reward --lag 1 \\
    --group subject,session --cv 10x9 --dask tcp://head:8786
                           the same on the workers of a Dask cluster
  fastrnn fit weather.csv --target rain --inputs wind,pressure --group year \\
    --standardize wind,pressure --cell lstm --test 0.2
  fastrnn fit input.wav target.wav --loss esr --segment 2000 --batch-size 40 \\
    --cell lstm --hidden 16 --epochs 200
                           sound: an amplifier's input, and its output

Each row is a time step. --lag 1 feeds the inputs of the row before. A step does
not count where its target is missing; inputs need a value in each row. In a
LIST, a name with a comma is in double quotes: 'choice,"rt, s"'.

Results go to one folder: table.csv (one row per model), report.md,
models.safetensors, pictures. After --cv, refit.safetensors has the chosen
options fitted to all sequences: what predict, evaluate and simulate take as the
best model.
After an interruption, the same command continues.

exit status: 0 done, 2 wrong use, 130 interrupted
"""

# Axes of the grid: (option, name, type of a value, help)
GRID_OPTIONS = (
    ("--hidden", "hidden_size", positive, "hidden units"),
    ("--learning-rate", "learning_rate", real_number, "learning rates"),
    ("--l1", "l1", real_number, "strengths of the L1 penalty"),
    ("--weight-decay", "weight_decay", real_number, "strengths of decoupled weight decay"),
)


def arguments(parser, argv):
    """Declare the options of the table, the networks, the training and the folds."""
    from fastrnn.cells.base import cells
    from fastrnn.training.sequences.config import FitConfig

    add_pair(parser)
    add_columns(parser)
    made_of = class_in(argv, "--cell", "gru", cells())
    nets = parser.add_argument_group("networks; a LIST (1,2,4) fits each combination")
    nets.add_argument("--cell", default="gru", metavar="NAME", help=f"one of: {', '.join(cells())} (default: gru)")
    for option, name, kind, text in GRID_OPTIONS:
        default = "4" if name == "hidden_size" else f"{getattr(FitConfig, name):g}"
        nets.add_argument(
            option, dest=f"axis_{name}", type=list_of(kind), metavar="LIST", help=f"{text} (default: {default})"
        )
    nets.add_argument(
        "--seeds", type=positive, default=3, metavar="N",
        help="networks of each combination, with different initial weights (default: 3)",
    )
    nets.add_argument(
        "--seed", type=seed, default=0, metavar="N",
        help="first seed; it also divides the sequences (default: 0)",
    )
    add_options(parser, f"cell {made_of.name}", made_of, without=("hidden_size",))
    add_losses(parser)
    division = parser.add_argument_group("division of the sequences")
    division.add_argument(
        "--validation", type=real_number, default=None, metavar="X",
        help="share of sequences for early stopping (default: 0.2)",
    )
    division.add_argument(
        "--test", type=real_number, default=None, metavar="X", help="share of sequences kept for testing (default: 0)"
    )
    division.add_argument(
        "--cv", type=_folds, metavar="AxB",
        help="nested cross-validation instead: A outer (test) and B inner (validation) folds, for example 10x9",
    )
    division.add_argument(
        "--by", type=list_of(str), metavar="LIST",
        help="columns of --group whose sequences stay in one fold, for example subject",
    )
    division.add_argument(
        "--each", metavar="NAME", help="separate networks for each value of this column of --group, for example subject"
    )
    without = [each.name for each in fields(FitConfig) if not each.metadata.get("help")]
    training = add_options(parser, "training", FitConfig, without=without)
    training.add_argument(
        "--threads", type=positive, metavar="N", help="threads (default: all cores); they do not change the result"
    )
    add_cluster(parser.add_argument_group("other machines").add_mutually_exclusive_group())
    results = parser.add_argument_group("results")
    results.add_argument(
        "--output", metavar="FOLDER", help="folder for the results (default: runs/NAME of the table or TARGET)"
    )
    results.add_argument("--force", action="store_true", help="replace existing results")
    results.add_argument("--pictures", default="png", metavar="KIND", help="png, svg, pdf or none (default: png)")
    parser.set_defaults(made_of=made_of)


def run(args):
    """Fit, print the summary, write the folder; return 0, or 130 after Ctrl-C."""
    check_report(args)
    cell, settings, grid = _parts(args)
    data = read_sequences(args)
    head = head_of(args, data)
    folder = args.output or os.path.join("runs", data.name)
    division = _division(args, data)
    if args.standardize:
        data = read_sequences(args, "all" if division is None else division == 0)
    check_folder(folder, args.force)
    print(wrapped(printable(f"{args.table}: {data}")), flush=True)
    values = own_values(args, data)
    print(f"fit: {cell.name}; {planned(args, grid, values)}", flush=True)
    if head and (loss := described(head)):
        print(wrapped(f"loss: {loss}"), flush=True)
    made = _fitted(args, (cell, head), data, division, settings, grid, folder, values)
    if made is None:
        return 130
    report_fit(args, folder, data, division, made)
    shutil.rmtree(os.path.join(folder, PARTS_FOLDER), ignore_errors=True)
    return 0


def _fitted(args, network, data, roles, settings, grid, folder, values):
    """Return the Fits or the Selection of a network, (cell, head or None); None, after printing a line, if Ctrl-C was
    pressed."""
    import itertools

    import numpy as np

    from fastrnn.progress import models_done
    from fastrnn.training.sequences.kept import fit_kept
    from fastrnn.training.sequences.parts import Where
    from fastrnn.training.sequences.select import cross_validate

    outer, inner = args.cv or (1, 1)
    total, state, parts = args.seeds * points(grid) * outer * inner * values, [0], os.path.join(folder, PARTS_FOLDER)
    total += args.seeds if args.cv else 0
    seeds, (cell, head) = range(args.seed, args.seed + args.seeds), network
    options = {} if head is None else {"head": head}
    try:
        with (Bar(total, delay=0.5) as bar, compiling_noted(), cluster(args) as executor, user_errors(_names(args))):

            def progress(done, models, loss):
                state[0] = int(done)
                whole, _, note = models_done(done, models, loss)
                bar(whole, note)

            common = {"config": settings, "output": parts, "progress": progress}
            if args.cv:
                return cross_validate(
                    cell, data, outer=outer, inner=inner, seeds=seeds, grid=grid, by=args.by, seed=args.seed,
                    threads=args.threads, executor=executor, **common, **options,
                )
            rows = [(*point, each) for point in itertools.product(*grid.values()) for each in seeds]
            *columns, own = (np.repeat(column, values) for column in zip(*rows))
            options |= {"each": args.each} if args.each else {}
            where = Where(args.threads, executor)
            return fit_kept(cell, data, own, roles, dict(zip(grid, columns)), options=options, where=where, **common)
    except KeyboardInterrupt:
        print(
            f"fastrnn: interrupted after {state[0]:,} of {total:,} models; what was done is kept in {parts}\n"
            "to continue, run the same command again",
            file=sys.stderr,
        )
        return None


def _parts(args):
    """Return (cell, FitConfig, grid) of the options."""
    from fastrnn.training.sequences.config import FitConfig

    grid = {name: list(getattr(args, f"axis_{name}") or ()) for _, name, _, _ in GRID_OPTIONS}
    grid["hidden_size"] = grid["hidden_size"] or [4]
    with user_errors(_names(args)):
        # One value is for all; several are an axis. The largest says what has to be compiled.
        for name, values in grid.items():
            for value in values if name != "hidden_size" else ():
                FitConfig(**{name: value})
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: got a value twice in {values}, expected different ones")
        config = FitConfig(**given(args, FitConfig))
        # No option of the cell is called so: --hidden is an axis.
        cell = args.made_of(hidden_size=grid["hidden_size"][0], **given(args, args.made_of))
    return cell, config, {name: values for name, values in grid.items() if values}


def _names(args):
    """Return {name in a message: option}."""
    from fastrnn.training.sequences.config import FitConfig

    names = flags(FitConfig) | {name: option for option, name, _, _ in GRID_OPTIONS}
    names |= {
        "within": "--each",
        "head": "--loss",
        "outer": "--cv",
        "inner": "--cv",
        "by": "--by",
        "validation": "--validation",
        "test": "--test",
    }
    return {**flags(args.made_of), **names, "validation, test": "--validation, --test", "seeds": "--seeds"}


def _division(args, data):
    """Return the roles of the sequences, (N,), or None with --cv."""
    from fastrnn.data import folds, split

    if args.seed + args.seeds > 2**63:
        raise UserError(f"--seed: got {args.seed}, expected at most {2**63 - args.seeds}, for {args.seeds} seeds")
    if args.cv:
        for name in ("validation", "test", "each"):
            if getattr(args, name) is not None:
                raise UserError(f"--{name}: cannot be given with --cv, which divides the sequences itself")
        if args.standardize:
            raise UserError(
                "--standardize: cannot be given with --cv: its numbers would come from test sequences; "
                "standardise the columns of the table, or leave out --cv"
            )
        with user_errors(_names(args)):
            folds(data, *args.cv, args.by, args.seed)
        return None
    shares = {"validation": 0.2 if args.validation is None else args.validation, "test": args.test or 0.0}
    with user_errors(_names(args)):
        return split(data, **shares, by=args.by, seed=args.seed, within=args.each)


def _folds(text):
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or min(map(int, match.groups())) < 2:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected two numbers of at least 2, for example 10x9")
    return tuple(map(int, match.groups()))
