"""`fastrnn run`: applies a network of a task to numbers of any size."""

import sys

from fastrnn.cli.errors import user_errors
from fastrnn.cli.options import positive
from fastrnn.cli.parts import operands_of
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import long_numbers

SUMMARY = "Ask a trained network for its task's answer on given numbers"
EXAMPLES = """\
examples:
  fastrnn train --task subtraction
  fastrnn run runs/subtraction-8.safetensors 9 60    205: 9 - 60 + 256
  fastrnn run runs/subtraction-8.safetensors 9 60 --bits 64
  fastrnn train --task comparison
  fastrnn run runs/comparison-8.safetensors 9 60     true

exit status: 0 the answer is right, 1 it is wrong, 2 wrong use
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fastrnn train` saved")
    parser.add_argument(
        "operands", nargs="+", metavar="NUMBER", help="non-negative integers, as many as the task has inputs"
    )
    parser.add_argument(
        "--bits", type=positive, metavar="N", help="the width (default: as in training, or what the numbers need)"
    )


def run(args):
    """Print the network's answer; return 0 if it is right, else 1."""
    from fastrnn.model import Model

    model = Model.load(args.model)
    with long_numbers(), compiling_noted(), user_errors({"bits": "--bits", "operand": "run", "run": args.model}):
        operands = operands_of("run", args.operands, model.input_size, "takes")
        answer = model.run(*operands, bits=args.bits)
        task = model.task.at(args.bits or model.task.width(operands))
        truth = task.oracle(operands)
        print(task.spelled(answer), flush=True)
        if answer != truth:
            print(f"fastrnn: the network's answer is wrong, the right answer is {task.spelled(truth)}", file=sys.stderr)
    return int(answer != truth)
