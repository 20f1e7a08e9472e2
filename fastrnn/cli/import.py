"""`fastrnn import`: turns another library's file into a network of fastrnn."""

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import class_named, integer
from fastrnn.cli.output import check_writable
from fastrnn.cli.text import wrapped
from fastrnn.wording import counted

SUMMARY = "Read a network that another library wrote"
EXAMPLES = """\
examples:
  fastrnn import model.safetensors network.safetensors
                              a state_dict of PyTorch
  fastrnn import model.weights.h5 network.safetensors --head softmax
                              of Keras, whose weights do not say the head
  fastrnn import model.json network.safetensors --format rtneural
  fastrnn export runs/addition-8.safetensors adder.onnx
  fastrnn import adder.onnx adder.safetensors --task addition --bits 8
  fastrnn verify adder.safetensors

The file's ending determines the format; docs/exchange.md describes each format.
"""
IMPORT_OPTIONS = {"format": "--format", "head": "--head", "activation": "--activation", "reset": "--reset"}


def arguments(parser, argv):
    """Declare the options."""
    from fastrnn.cells.base import ACTIVATIONS
    from fastrnn.cells.gru import RESETS
    from fastrnn.exchange.base import Format, formats
    from fastrnn.heads.base import heads
    from fastrnn.tasks.base import tasks

    known = {name: kind for name, kind in formats().items() if kind.decode is not Format.decode}
    endings = sorted({ending for kind in known.values() for ending in (kind.ending, *kind.also)})
    parser.add_argument("input", metavar="FILE", help=f"ends in {', '.join(endings)}")
    parser.add_argument("output", metavar="OUTPUT", help="a file of fastrnn, .safetensors")
    parser.add_argument(
        "--format", metavar="NAME", help=f"one of: {', '.join(known)} (default: that of the ending of FILE)"
    )
    parser.add_argument(
        "--head", metavar="NAME", help=f"if FILE does not say it: {', '.join(heads())} (default: linear)"
    )
    parser.add_argument(
        "--activation",
        metavar="NAME",
        help=f"of an Elman, if FILE does not say it: {', '.join(ACTIVATIONS)} (default: tanh)",
    )
    parser.add_argument(
        "--reset", metavar="WHERE", help=f"of a GRU, if FILE does not say it: {', '.join(RESETS)} (default: after)"
    )
    parser.add_argument("--task", metavar="NAME", help=f"save a network for a task: {', '.join(tasks())}")
    parser.add_argument("--bits", metavar="N", type=integer, help="width of the task")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args):
    """Write the file; return 0."""
    from fastrnn.exchange.entry import read_network
    from fastrnn.training.sequences.imported import fit_of

    if args.bits is not None and args.task is None:
        raise UserError("--bits: is the width of a task; give --task, too")
    check_writable(args.output, args.force)
    given = {name: getattr(args, name) for name in IMPORT_OPTIONS}
    with user_errors({"path": args.input, **IMPORT_OPTIONS}):
        network = read_network(args.input, **given)
    made = fit_of(network) if args.task is None else _model(network, args)
    made.save(args.output, overwrite=args.force)
    inputs, outputs = network.weights["w_ih"].shape[1], len(network.weights["w_ho"])
    sizes = f"{counted(inputs, 'input')}, {counted(outputs, 'output')}"
    print(wrapped(f"saved {args.output}: {network.cell!r}, {sizes}, head {network.head.name}"))
    return 0


def _model(network, args):
    """Return the Model of a Network for a task. Raises UserError where that is not possible."""
    from fastrnn.model import Model
    from fastrnn.tasks.base import tasks

    made_of = class_named("--task", args.task, tasks())
    if network.before or network.head.name not in ("sigmoid", "linear"):
        raise UserError(f"--task: {args.input} has other outputs than bits after each step, as a task has")
    with user_errors({"cell": args.input, "weights": args.input, "bits": "--bits", "task": "--task"}):
        task = made_of(**({} if args.bits is None else {"bits": args.bits}))
        return Model(network.cell, network.weights, task)
