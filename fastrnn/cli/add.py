"""`fastrnn add`: sums, computed by a network."""

import sys

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.parts import operands_of
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.text import long_numbers

SUMMARY = "Add numbers of any size with a trained network"
EXAMPLES = """\
examples:
  fastrnn add runs/addition-8.safetensors 123456789 987654321
  printf '1 2\\n30 40\\n' | fastrnn add runs/addition-8.safetensors

exit status: 0 every answer right, 1 a wrong one, 2 wrong use
"""

# Lines answered together: always as many as a word has bits, more while all their bits stay few.
GROUP, GROUP_BITS = 64, 1 << 22
READ_BYTES = 1 << 16
WARNINGS = 5


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL", help="a file that `fastrnn train` saved")
    parser.add_argument(
        "operands",
        nargs="*",
        metavar="NUMBER",
        help="non-negative integers; none, or -: sums from standard input, one per line, numbers separated by blanks",
    )


def run(args):
    """Print the network's answers; return 0 if all are right, else 1."""
    from fastrnn.model import Model

    model = Model.load(args.model)
    with user_errors(prefix=f"{args.model}: "):
        model.add_many([])  # which refuses a model that was not trained to add
    with long_numbers(), compiling_noted():
        if args.operands and args.operands != ["-"]:
            return int(_answer(model, [("", operands_of("add", args.operands, model.input_size, "adds"))], 0) > 0)
        return _answer_stdin(model)


def _answer_stdin(model):
    if sys.stdin is None:
        raise UserError("standard input is closed; give the numbers as arguments")
    if sys.stdin.isatty():
        print("one sum per line, numbers separated by blanks; end with Ctrl-D", file=sys.stderr)
    answered = wrong = 0
    for group in _groups(sys.stdin.buffer, model.input_size):
        wrong += _answer(model, group, wrong)
        answered += len(group)
    if wrong:
        print(f"fastrnn: {wrong:,} of {answered:,} answers are wrong", file=sys.stderr)
    return int(wrong > 0)


def _answer(model, group, warned):
    """Print the answers to a list of (place, operands), warn of wrong ones and return their number."""
    answers = model.add_many([operands for _, operands in group])
    print("\n".join(map(str, answers)), flush=True)
    mistakes = [(place, sum(operands)) for (place, operands), answer in zip(group, answers) if answer != sum(operands)]
    for place, truth in mistakes[: max(0, WARNINGS - warned)]:
        print(f"fastrnn: {place}the network's answer is wrong: the sum is {truth}", file=sys.stderr)
    return len(mistakes)


def _groups(stream, count):
    """Yield lists of (place, operands), cut where the bits of a list would become too many."""
    line = 0
    for arrived in _arrivals(stream):
        group, longest = [], 1
        for text in arrived:
            line += 1
            words = text.decode("utf-8", "replace").split()
            if not words:
                continue
            try:
                operands = operands_of(f"line {line}", words, count, "adds")
            except UserError:
                if group:
                    yield group
                raise
            bits = sum(operands).bit_length()
            if len(group) >= GROUP and (len(group) + 1) * max(longest, bits) > GROUP_BITS:
                yield group
                group, longest = [], 1
            group.append((f"line {line}: ", operands))
            longest = max(longest, bits)
        if group:
            yield group


def _arrivals(stream):
    """Yield lists of complete lines as soon as they arrive, so that sums that are entered one at a time are answered at
    once."""
    rest = b""
    while chunk := stream.read1(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]
