"""`fastrnn check`: does a certificate prove a network right?"""

import time

from fastrnn.cli.errors import UserError
from fastrnn.cli.text import seconds

SUMMARY = "Check a certificate, independently of what made it"
EXAMPLES = """\
examples:
  fastrnn check runs/adder-certificate.safetensors runs/adder.safetensors

exit status: 0 proved, 1 refused, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("certificate", metavar="CERTIFICATE", help="a file that `fastrnn certify` saved")
    parser.add_argument("model", metavar="MODEL", help="the network that it is for")


def run(args):
    """Print the verdict; return 0 if the certificate proves the model right, else 1."""
    import os

    from fastrnn.check import Refused, check

    for path in (args.certificate, args.model):
        if not os.path.isfile(path):
            raise UserError(f"{path}: no such file")
    began = time.perf_counter()
    try:
        claim = check(args.certificate, args.model)
    except ImportError as error:
        raise UserError(f"mpmath is missing ({error}): pip install 'fastrnn[check]'") from error
    except Refused as error:
        print(f"refused: {error}")
        return 1
    print(f"proved for every width: {claim['task']['name']}, every |logit| at least {claim['margin']:.3g} "
          f"(checked in {seconds(time.perf_counter() - began)})")
    return 0
