"""`fastrnn export`: writes a network to a file that another library or language reads."""

import os

from fastrnn.cli.errors import user_errors
from fastrnn.cli.fit_folder import open_folder
from fastrnn.cli.networks import load_network
from fastrnn.cli.output import check_writable

SUMMARY = "Write a network for another library, or as C"
EXAMPLES = """\
examples:
  fastrnn export runs/addition-8.safetensors adder.onnx
  fastrnn export runs/addition-8.safetensors adder.h
                              static const weights and a step, in C99
  fastrnn export runs/choices choices.safetensors
                              the best model of a fit, for PyTorch
  fastrnn export runs/choices choices.onnx --model 17
  fastrnn export runs/choices choices.json --format rtneural

The file's ending determines the format; docs/exchange.md describes each format.
"""


def arguments(parser, argv):
    """Declare the options."""
    from fastrnn.exchange.base import formats

    endings = sorted({each.ending for each in formats().values()})
    parser.add_argument("network", metavar="MODEL", help="a file with a network or fits, or a folder of fastrnn fit")
    parser.add_argument("output", metavar="OUTPUT", help=f"ends in {', '.join(endings)}")
    parser.add_argument(
        "--format", metavar="NAME", help=f"one of: {', '.join(formats())} (default: that of the ending of OUTPUT)"
    )
    parser.add_argument(
        "--model", metavar="N", help="for fits: a row of table.csv, or best (default): the smallest validation loss"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args):
    """Write the file; return 0."""
    from fastrnn.exchange.base import format_of, identifier_of, network_of
    from fastrnn.files import write_atomically

    with user_errors({"path": args.output, "format": "--format"}):
        form = format_of(args.output, args.format)
    check_writable(args.output, args.force)
    network = network_of(load_network(args.network, args.model))
    with user_errors(prefix=f"{args.network}: "):
        content = form.encode(network, identifier_of(args.output))
    write_atomically(args.output, content)
    print(f"saved {args.output}: {network.cell!r}, {len(content):,} bytes")
    if os.path.isdir(args.network) and (said := open_folder(args.network).said(args.model or "best")):
        print(said)
    return 0
