"""`fastrnn check`: does a certificate prove a network right?"""

import time

from fastrnn.cli.errors import UserError
from fastrnn.cli.output import beside, model_beside
from fastrnn.cli.text import seconds
from fastrnn.program import install

SUMMARY = "Check a certificate with an independent program"
EXAMPLES = """\
examples:
  fastrnn check runs/addition-8-certificate.safetensors
  fastrnn check CERTIFICATE MODEL                     files of any names

exit status: 0 proved, 1 refused, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("certificate", metavar="CERTIFICATE", help="a file that `fastrnn certify` saved")
    parser.add_argument("model", metavar="MODEL", nargs="?",
                        help="the network it proves (default: CERTIFICATE without -certificate in its name)")


def run(args):
    """Print the verdict; return 0 if the certificate proves the model right, else 1."""
    import os

    from fastrnn.check import Refused, check, printable, verdict

    model = args.model or model_beside(args.certificate)
    if model is None:
        known = beside(args.certificate)
        hint = f"; perhaps you mean {printable(known)}" if os.path.exists(known) else ""
        raise UserError(
            f"MODEL: missing, and {printable(args.certificate)} is not named after one as MODEL-certificate.safetensors"
            f"{hint}"
        )
    for path in (args.certificate, model):
        if not os.path.exists(path):
            raise UserError(f"{printable(path)}: no such file")
    began = time.perf_counter()
    try:
        lines = verdict(check(args.certificate, model))
    except ImportError as error:
        raise UserError(f"mpmath is missing ({error}): {install('mpmath')}") from error
    except Refused as error:
        print(f"refused: {error}")
        return 1
    print(*lines, sep="\n")
    print(f"checked in {seconds(time.perf_counter() - began)}")
    return 0
