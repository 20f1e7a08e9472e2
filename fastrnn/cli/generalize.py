"""`fastrnn generalize`: tests up to which width a network is right."""

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive, seed
from fastrnn.cli.output import check_different, check_writable
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import seconds

SUMMARY = "Test a network at larger and larger widths, up to a million bits"
EXAMPLES = """\
examples:
  fastrnn generalize runs/addition-8.safetensors
  fastrnn generalize runs/addition-8.safetensors --max-bits 4096 --samples 10000
  fastrnn generalize runs/addition-8.safetensors --plot far.png --json far.json

exit status: 0 no mistake at any width, 1 a mistake, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fastrnn train` saved")
    parser.add_argument(
        "--max-bits", type=positive, default=1 << 20, metavar="N", help="largest width (default: 1048576)"
    )
    parser.add_argument("--samples", type=positive, default=64, metavar="N",
                        help="random operands at each width, in addition to the hard ones (default: 64)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed for the random operands (default: 0)")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all cores)")
    parser.add_argument("--plot", metavar="FILE", help="draw accuracy and margin by width, as .png, .pdf or .svg")
    parser.add_argument("--json", metavar="FILE", help="write all counts to FILE")
    parser.add_argument("--force", action="store_true", help="replace existing files")


def run(args):
    """Print the tables, write the requested files; return 0 if there was no mistake, else 1."""
    from fastrnn.drawing import check_format, title_of
    from fastrnn.generalization import generalize
    from fastrnn.model import Model
    from fastrnn.plots import plot_generalization

    model = Model.load(args.model)
    check_different({"--plot": args.plot, "--json": args.json})
    for path in filter(None, (args.plot, args.json)):
        check_writable(path, args.force)
    if args.plot:
        with user_errors():
            check_format(args.plot)
    with Bar(None, delay=1) as bar, compiling_noted(), user_errors({"most": "--max-bits", "generalize": args.model}):
        found = generalize(
            model,
            args.max_bits,
            args.samples,
            args.seed,
            args.threads,
            lambda done, total: bar(done, "bits", total=total),
        )
    print(f"{model.task.name}, trained at {model.task.bits} bits")
    _print_table("bits", [(f"{bits:,}", found.total(bits)) for bits in found.tallies])
    _print_table("operands", [(family, found.total(family=family)) for family in found.families])
    if args.plot:
        plot_generalization(found, args.plot, title=title_of(model))
        print(f"plotted {args.plot}")
    if args.json:
        found.save(args.json)
        print(f"saved {args.json}")
    first = found.first_wrong()
    tried = f"{found.total().samples:,} samples up to {max(found.tallies):,} bits"
    reached = f"no mistake in {tried}" if first is None else f"first mistake at {first:,} bits, of {tried}"
    print(f"{reached} ({seconds(found.seconds)})")
    return 0 if found.exact else 1


def _print_table(name, rows):
    width = max(12, *(len(label) for label, _ in rows))
    print(f"  {name:<{width}} {'samples':>9} {'right':>9} {'bits right':>14} {'min |logit|':>14}")
    for label, tally in rows:
        print(f"  {label:<{width}} {tally.samples:>9,} {share(tally.wrong, tally.samples, 2):>9} "
              f"{share(tally.wrong_bits, tally.bits, 6):>14} {tally.margin:>14.3g}")


def share(wrong, of, digits):
    """Return the share of right answers in percent; 100 % only if all are right."""
    percent = 100 * (1 - wrong / of)
    text = f"{percent:.{digits}f}"
    if wrong and float(text) == 100:
        text = f"<{text}"
    return "100 %" if not wrong else f"{text} %"
