"""`fastrnn evaluate`: how well fitted networks predict a table."""

from fastrnn.cli.columns import read_again
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.fit_folder import check_fit_inputs, chosen_model, open_folder, own_data
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.sound import add_pair, check_pair
from fastrnn.cli.text import aligned, shown_value

SUMMARY = "Report how well fitted networks predict a table"
EXAMPLES = """\
examples:
  fastrnn evaluate runs/choices choices.csv            the best model
  fastrnn evaluate runs/choices others.csv --model 17  of another table
  fastrnn evaluate runs/choices others.csv --model all
  fastrnn evaluate runs/amplifier input.wav target.wav

The table must have the columns of the fit's table. All its sequences count,
including those of the fit, and whole, also if the fit had --segment. --model
all prints a table, one row for each model. esr is the error-to-signal ratio;
the loss of a fit with --loss esr is the same after its pre-emphasis filter.
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that fastrnn fit wrote")
    add_pair(parser)
    parser.add_argument(
        "--model", default="best", metavar="N",
        help="a row of table.csv, best (the smallest validation loss; after --cv, the refit; after --each, the best "
        "network of each value, for its rows) or all",
    )


def run(args):
    """Print the scores; return 0."""
    folder = open_folder(args.folder)
    columns = folder.columns
    check_pair(args.table, args.sound, "fastrnn evaluate FOLDER input.wav target.wav")
    data = read_again(args.table, columns, args.sound)
    check_fit_inputs(folder.fits, data, args.table)
    if data.kind is None:
        raise UserError(
            f"{args.table}: has no column {', '.join(columns['target'])}, expected the targets to compare with"
        )
    with compiling_noted(), user_errors({"data": args.sound or args.table}):
        if args.model == "all":
            _print_all(folder.fits, data, args.table)
            return 0
        one, description = folder.one(args.model, args.table)
        own = data if args.model == "best" else own_data(folder.fits, chosen_model(folder.fits, args.model), data,
                                                         args.table)
        _print_one(one, own)
    print(f"model: {description}")
    cut = columns.get("segment")
    if (data if cut is None else data.segments(cut)).digest == columns["digest"]:
        refit = args.model == "best" and folder.refitted is not None
        more = "; report.md has the loss to expect on others" if refit else ", those of validation and test included"
        print(f"note: fitted to these sequences{more}")
    return 0


def _print_one(one, data):
    for name, value in scores(one, data).items():
        print(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value:.4f}")
    if data.kind == "classes":
        from fastrnn.analysis import confusion_matrix

        names = list(map(shown_value, data.class_names or range(data.classes)))
        width = max(map(len, [*names, "predicted"]))
        counts = confusion_matrix(one.predict(data), data.y)
        print("\n" + "true".ljust(width) + "  predicted")
        print(" " * width + "".join(name.rjust(10) for name in names))
        for name, row in zip(names, counts):
            print(name.ljust(width) + "".join(str(count).rjust(10) for count in row))
        print()


def scores(one, data):
    """Return {name: value} of one model: the loss per step, and the scores that suit its targets."""
    import numpy as np

    from fastrnn import analysis

    counts = data.weight > 0
    losses, weight = one.losses(data)[counts], data.weight[counts]
    out = {"steps": int(counts.sum()), "loss": float(np.average(losses, weights=weight))}
    p, y = one.predict(data)[counts].astype(float), data.y[counts]
    if data.kind == "reals":
        if len(np.unique(y, axis=0)) > 1:
            out["nmse"] = analysis.nmse(p, y, weight)
        if y.any():
            out["esr"] = analysis.esr(p, y, weight)
        return out
    out["likelihood"] = float(np.exp(-out["loss"]))
    if data.kind == "classes":
        out["accuracy"] = float((p.argmax(1) == y).mean())
    else:
        out["accuracy"] = float(((p > 0.5) == (y > 0.5)).all(1).mean())
    if p.shape[1] == (2 if data.kind == "classes" else 1):
        y = y.reshape(-1)
        if len(np.unique(y)) == 2:
            out["auc"] = analysis.auc(p[:, -1], y, weight)
        out["calibration error"] = analysis.calibration(p[:, -1], y, weight=weight).error
    return out


def _print_all(fits, data, table):
    rows = [scores(one, own_data(fits, n, data, table)) for n, one in enumerate(fits)]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "steps"))
    lines = [["model", *fits.groups, "hidden", "seed", *(name.removesuffix(" error") for name in names)]]
    for number, row in enumerate(rows):
        own = [shown_value(values[number]) for values in fits.groups.values()]
        values = [f"{row[name]:.4f}" if name in row else "" for name in names]
        lines.append([str(number), *own, str(fits.hidden_size[number]), str(fits.seeds[number]), *values])
    print(aligned(lines))
