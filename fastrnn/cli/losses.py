"""The loss of real targets, from options."""

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import real_number


def add_losses(parser):
    """Declare --loss and --pre-emphasis."""
    group = parser.add_argument_group("loss")
    group.add_argument(
        "--loss", metavar="NAME",
        help="of real targets: squared, or esr, the error-to-signal ratio of sound (default: squared)",
    )
    group.add_argument(
        "--pre-emphasis", type=real_number, metavar="X",
        help="of esr: each error less X times the one before; 0 for none (default: 0.85)",
    )


def head_of(args, data):
    """Return the Head of --loss; None: the one that suits the targets. Raises UserError for targets that have no choice
    of losses."""
    from fastrnn.arguments import as_choice
    from fastrnn.heads.linear import REAL_LOSSES, Linear

    if args.pre_emphasis is not None and (args.loss or "").lower() != "esr":
        raise UserError("--pre-emphasis: is of --loss esr; give both")
    if args.loss is None:
        return None
    with user_errors({"loss": "--loss", "pre_emphasis": "--pre-emphasis"}):
        measure = as_choice("loss", args.loss, REAL_LOSSES)
        if data.kind != "reals":
            raise UserError(
                f"--loss: is of real targets, but these are {data.kind}: leave it out, or give --kind reals"
            )
        return Linear(measure, **({} if args.pre_emphasis is None else {"pre_emphasis": args.pre_emphasis}))


def described(head):
    """Return the loss of a Head in words; "" where it is the usual one of its targets."""
    if not head.relative:
        return ""
    after = f" after the pre-emphasis filter 1 - {head.emphasis:g} z^-1" if head.emphasis else ""
    return f"the error-to-signal ratio{after}, 1 for silence"
