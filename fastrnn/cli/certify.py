"""`fastrnn certify`: is a network right at every width?"""

import argparse
import os

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import list_of, positive, seed
from fastrnn.cli.output import beside, check_different, check_writable, how_to_check, names_like
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import equation, equations, long_numbers, seconds, wrapped

SUMMARY = "Prove a network right at every width, or find a sum that it gets wrong"
EXAMPLES = """\
examples:
  fastrnn certify runs/addition-8.safetensors    a proof, saved next to the model
  fastrnn certify runs/addition-8.safetensors --plot boxes.svg
  fastrnn certify --smallest --plot boxes.png    the smallest network with a proof

exit status: 0 proved, 1 refuted or unknown, 2 wrong use
"""


# Where the smallest network goes, or a free name like it; of another cell than the first its name is added.
SMALLEST_SEEDS, SMALLEST_FILE = 700, os.path.join("runs", "smallest-adder.safetensors")


def arguments(parser, argv):
    """Declare the options."""
    from fastrnn.cells.base import cells
    from fastrnn.cells.elman import ACTIVATIONS

    parser.add_argument("model", metavar="MODEL", nargs="?", help="a file that `fastrnn train` saved")
    parser.add_argument(
        "--smallest",
        action="store_true",
        help="instead of a MODEL: train adders of 1, 2, ... hidden units, many of each, up to the first that is proved",
    )
    parser.add_argument(
        "--seeds", type=positive, metavar="N",
        help=f"with --smallest: networks of each size and activation (default: {SMALLEST_SEEDS})",
    )
    parser.add_argument(
        "--cell", type=list_of(_one_of(cells())), metavar="NAME[,NAME]",
        help=f"with --smallest: cells, each of which is searched: {', '.join(cells())} (default: elman)",
    )
    parser.add_argument("--activation", choices=[name for name in ACTIVATIONS if name != "relu"],
                        help="with --smallest: only tanh or only sigmoid (default: both)")
    parser.add_argument("--threads", type=positive, metavar="N", help="with --smallest: threads (default: all cores)")
    parser.add_argument(
        "--k",
        type=positive,
        metavar="N",
        help="length of the input window in the proof (default: 1 and 2, the network's own machine, 3 and 4)",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="where to save the certificate (default: MODEL-certificate.safetensors)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument("--plot", metavar="FILE", help="draw the proof's boxes, as .png, .pdf or .svg")
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="seed of the search for a wrong answer (default: 0)"
    )


def run(args):
    """Print the result and save the proof; return 0 if there is one, else 1."""
    from fastrnn.model import Model
    from fastrnn.proofs import certify

    if args.smallest:
        return _smallest(args)
    if args.model is None:
        raise UserError("MODEL: missing: give a file that `fastrnn train` saved, or --smallest")
    _refuse_given(args, ("seeds", "cell", "activation", "threads"), "--smallest, not for a MODEL")
    model = Model.load(args.model)
    output = args.output or beside(args.model)
    check_different({"--plot": args.plot, "--output": output, "MODEL": args.model})
    kept = not args.force and _is_proof(output, args.model)
    if not kept:
        check_writable(output, args.force, make=True)
    if args.plot:
        check_writable(args.plot, args.force)
    with compiling_noted(), user_errors({"k": "--k", "certify": args.model}):
        found = certify(model, k=args.k, seed=args.seed or 0)
    if found.refuted:
        wrong = found.counterexample
        with long_numbers():
            print("wrong: " + equation(found.task.at(wrong.bits), wrong.operands, wrong.answer[0], wrong.truth[0]))
        print(f"at {wrong.bits} bits; bit {wrong.step} is the first wrong one ({seconds(found.seconds)})")
        return 1
    print(wrapped(f"{found} ({seconds(found.seconds)})"))
    if not found.proved:
        return 1
    if kept:
        print(f"{output} proves it already; --force replaces it")
    else:
        found.save(output)
        print(f"saved {output}")
    _plot(found, args.plot)
    print(f"try: {how_to_check(output, args.model)}")
    return 0


def _refuse_given(args, names, place):
    """Raise UserError for an option of these names, which has its place elsewhere."""
    for name in names:
        if getattr(args, name) is not None:
            raise UserError(f"--{name}: is for {place}; leave it out")


def _is_proof(path, model):
    """Return whether a file is a certificate for this model."""
    from fastrnn.check import Refused, check

    if not os.path.isfile(path):
        return False
    try:
        check(path, model)
    except (ImportError, OSError, Refused):
        return False
    return True


def _plot(found, path):
    if path:
        from fastrnn.proofs.picture import draw_boxes

        with user_errors({"picture": "--plot", "plot": "--plot"}):
            draw_boxes(found, path)
        print(f"plotted {path}")


def _one_of(names):
    """Return an argparse type that accepts these names."""
    def parse(text):
        if text.lower() not in names:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected one or more of {', '.join(names)}")
        return text.lower()

    return parse


def _smallest(args):
    """Search for the smallest network of each cell; return 0 if there is one for each, else 1."""
    if args.model is not None:
        raise UserError(f"--smallest: trains networks of its own, got {args.model} as well")
    _refuse_given(args, ("k", "seed"), "a MODEL, not for --smallest")
    names, places = args.cell or ("elman",), {}
    if len(names) > 1:
        for option, value in (("--output", args.output), ("--plot", args.plot)):
            if value:
                raise UserError(f"{option}: is for one cell, got {','.join(names)}")
    for name in names:
        path = args.output or SMALLEST_FILE.replace("adder", "adder" if name == "elman" else f"adder-{name}")
        if not args.output and not args.force:
            path = next(free for free in names_like(path) if not any(map(os.path.lexists, (free, beside(free)))))
        check_different({"--plot": args.plot, "--output": path, "certificate": beside(path)})
        for each in filter(None, (path, beside(path), args.plot)):
            check_writable(each, args.force, make=True)
        places[name] = path
    return max([_smallest_of(name, path, args) for name, path in places.items()])


def _smallest_of(name, path, args):
    """Search, print a row for each kind of network, save the best of the smallest; return 0 if there is one, else 1."""
    from fastrnn.tasks.addition import Addition
    from fastrnn.training.tasks.smallest import RATES, kinds, smallest_certified

    columns = f"{'hidden':>6}  {'cell':>14}  {'networks':>8}  {'exact':>6}  {'proved':>6}  {'min |logit|':>13}"
    print(columns, flush=True)
    best, activations = None, (args.activation,) if args.activation else tuple(RATES)
    with Bar(None, delay=1) as bar, compiling_noted():
        results = smallest_certified(
            Addition(),
            kinds(name, activations),
            seeds=args.seeds or SMALLEST_SEEDS,
            threads=args.threads,
            progress=lambda done, total: bar(done, total=total),
        )
        for tried in results:
            margin = f"{tried.best.margin:13.3g}" if tried.best else f"{'-':>13}"
            said = f"{name} {tried.cell.activation}" if name == "elman" else name
            kind = f"{tried.cell.hidden_size:6}  {said:>14}"
            print(f"{kind}  {tried.models:8,}  {tried.exact:6,}  {tried.certified:6,}  {margin}", flush=True)
            if tried.best and (best is None or tried.best.margin > best.best.margin):
                best = tried
    if best is None:
        print("no network was proved: give more --seeds")
        return 1
    found = best.best
    print(wrapped(f"{found.model.hidden_size} hidden units, seed {best.seed}, {found}"))
    print("\n".join(map(wrapped, equations(found.model))))
    found.model.save(path)
    found.save(beside(path))
    print(f"saved {path}\nsaved {beside(path)}")
    _plot(found, args.plot)
    print(f"try: {how_to_check(beside(path), path)}")
    return 0
