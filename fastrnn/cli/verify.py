"""`fastrnn verify`: is a network right?"""

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive, seed
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import equation, long_numbers, outcome, seconds

SUMMARY = "Test a network on all operands, or on random and hard ones"
EXAMPLES = """\
examples:
  fastrnn verify runs/addition-8.safetensors            all 16,384 pairs
  fastrnn verify runs/addition-8.safetensors --bits 12  all 4,194,304 pairs
  fastrnn verify runs/addition-8.safetensors --bits 4096 --samples 10000

exit status: 0 exact, 1 not exact, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fastrnn train` saved")
    parser.add_argument("--bits", type=positive, metavar="N", help="bits of the result (default: as in training)")
    parser.add_argument("--samples", type=positive, default=65536, metavar="N",
                        help="random operands, used where all pairs would be too many (default: 65536)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed for the random operands (default: 0)")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all cores)")


def run(args):
    """Print the counts; return 0 if the network is exact, else 1."""
    from fastrnn.model import Model
    from fastrnn.verification import verify, warm_up

    model = Model.load(args.model)
    with Bar(None, delay=2) as bar, compiling_noted(), user_errors({"bits": "--bits", "verify": args.model}):
        if model.task is not None:
            # What follows is timed, and compiling is no part of it.
            warm_up(model)
        found = verify(
            model, args.bits, args.samples, args.seed, args.threads, lambda done, total: bar(done, total=total)
        )
    task = model.task.at(found.bits)
    print(task.described())
    if not found.exhaustive:
        _print_families(found.families)
    print(outcome(found, task.input_size))
    if found.mistakes:
        print("first wrong answers:")
        with long_numbers():
            for operands, answer, truth in found.mistakes:
                print(f"  {equation(task, operands, answer, truth)}")
    print(
        f"smallest |logit| {found.margin:.3g}; {seconds(found.seconds)}, {found.samples / found.seconds:,.0f} samples/s"
    )
    return 0 if found.exact else 1


def _print_families(families):
    width = max(map(len, (*families, "operands")))
    print(f"  {'operands':<{width}}  {'samples':>12}  {'wrong':>12}")
    for name, (samples, wrong) in families.items():
        print(f"  {name:<{width}}  {samples:>12,}  {wrong:>12,}")
