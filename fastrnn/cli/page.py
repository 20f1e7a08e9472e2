"""`fastrnn page`: shows a network at work, in one HTML file."""

import os

from fastrnn.cli.columns import read_again
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.fit_folder import check_fit_inputs, open_folder, own_data
from fastrnn.cli.networks import load_network
from fastrnn.cli.options import positive
from fastrnn.cli.output import beside, check_writable
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import wrapped

SUMMARY = "Write an HTML page that shows a network at work"
EXAMPLES = """\
examples:
  fastrnn page runs/addition-8.safetensors adder.html
                              type two numbers and watch the network add
  fastrnn page runs/choices choices.html --data choices.csv
                              play sequences through the best model of a fit

One file, which works without a network connection: the trained network runs in
JavaScript generated from its cell's formula.
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("network", metavar="MODEL", help="a file with a network or fits, or a folder of fastrnn fit")
    parser.add_argument("output", metavar="OUTPUT", help="an .html file")
    parser.add_argument("--data", metavar="TABLE", help="for a fit: sequences to play (default: the table of the fit)")
    parser.add_argument(
        "--sequences", type=positive, default=5, metavar="N", help="for a fit: number of sequences (default: 5)"
    )
    parser.add_argument(
        "--model", metavar="N", help="for fits: a row of table.csv, or best (default): the smallest validation loss"
    )
    parser.add_argument(
        "--certificate", metavar="FILE", help="for a task: the proof to show (default: MODEL-certificate.safetensors)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args):
    """Write the page; return 0."""
    from fastrnn.files import write_atomically
    from fastrnn.pages.entry import page_of

    if not args.output.lower().endswith((".html", ".htm")):
        raise UserError(f"OUTPUT: got {args.output}, expected a name that ends in .html")
    check_writable(args.output, args.force)
    model = load_network(args.network, args.model)
    fitted = hasattr(model, "fits")
    for option, given, suited in (("--data", args.data, fitted), ("--certificate", args.certificate, not fitted)):
        if given is not None and not suited:
            kind = "a fit" if fitted else "a network with a task"
            raise UserError(f"{option}: {args.network} is {kind}: leave it out")
    data = _data(args) if fitted else None
    certificate = None if fitted else _certificate(args)
    with compiling_noted(), user_errors(prefix=f"{args.network}: "):
        content = page_of(model, data, certificate, args.sequences).encode()
    write_atomically(args.output, content)
    shown = f", with the boxes of {certificate}" if certificate else ""
    print(wrapped(f"saved {args.output}: {len(content):,} bytes{shown}; open it in a browser"))
    return 0


def _data(args):
    """Return the Sequences of the given table, or of the fit's own table if it still exists; else None. Of a fit with
    --each, those of the value that its model was fitted to."""
    if not os.path.isdir(args.network):
        if args.data is None:
            return None
        raise UserError(f"--data: {args.network} does not say how a table is read; give the folder of the fit as MODEL")
    folder = open_folder(args.network)
    fits, number, _ = folder.chosen(args.model or "best")
    table = args.data or folder.columns.get("table")
    if table is None or args.data is None and not os.path.exists(table):
        return None
    data = read_again(table, folder.columns)
    check_fit_inputs(folder.fits, data, table)
    return own_data(fits, number, data, table)


def _certificate(args):
    """Return the path of a certificate that proves the model right, or None. Raises UserError for one that does not."""
    from fastrnn.check import Refused, check

    path = args.certificate or beside(args.network)
    if args.certificate is None and not os.path.exists(path):
        return None
    try:
        check(path, args.network)
    except Refused as error:
        raise UserError(f"{path}: {error}; certify the model again, or move the file away") from error
    return path
