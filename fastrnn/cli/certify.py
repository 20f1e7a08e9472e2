"""`fastrnn certify`: is a network right at every width?"""

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive, seed
from fastrnn.cli.output import beside, check_writable, how_to_check
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import equation, long_numbers, seconds, wrapped

SUMMARY = "Prove a network right at every width, or find a sum that it gets wrong"
EXAMPLES = """\
examples:
  fastrnn certify runs/addition-8.safetensors    a proof, saved beside the model
  fastrnn certify runs/addition-8.safetensors --plot boxes.svg

exit status: 0 proved, 1 refuted or unknown, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fastrnn train` saved")
    parser.add_argument("--k", type=positive, metavar="N", help="inputs that the proof looks back on (default: 1 and 2, the network's own machine, 3 and 4)")
    parser.add_argument("--output", metavar="FILE", help="where to save the certificate (default: MODEL-certificate.safetensors)")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument("--plot", metavar="FILE", help="draw the proof's boxes, as .png, .pdf or .svg")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of the search for a wrong answer (default: 0)")


def run(args):
    """Print what was found and save the proof; return 0 if there is one, else 1."""
    from fastrnn.certify import certify
    from fastrnn.model import Model

    model = Model.load(args.model)
    output = args.output or beside(args.model)
    check_writable(output, args.force)
    if args.plot:
        check_writable(args.plot, args.force)
    with compiling_noted(), user_errors({"k": "--k", "certify": args.model}):
        found = certify(model, k=args.k, seed=args.seed)
    if found.refuted:
        wrong = found.counterexample
        with long_numbers():
            print("wrong: " + equation(found.task.at(wrong.bits), wrong.operands, wrong.answer[0], wrong.truth[0]))
        print(f"at {wrong.bits} bits, of which bit {wrong.step} is the first wrong one ({seconds(found.seconds)})")
        return 1
    print(wrapped(f"{found} ({seconds(found.seconds)})"))
    if not found.proved:
        return 1
    found.save(output)
    print(f"saved {output}")
    if args.plot:
        from fastrnn.certify.picture import draw_boxes

        with user_errors({"picture": "--plot"}):
            draw_boxes(found, args.plot)
        print(f"plotted {args.plot}")
    print(f"try: {how_to_check(output, args.model)}")
    return 0
