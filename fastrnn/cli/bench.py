"""`fastrnn bench`: the speed of this machine, and of batched SIMD code compared with a scalar loop."""

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import positive
from fastrnn.cli.progress import Bar, compiling_noted

SUMMARY = "Time the scalar loop, NumPy and fastrnn side by side"
EXAMPLES = """\
examples:
  fastrnn bench                  batches of 1, 64, 1,024 and 16,384
  fastrnn bench --quick          two batches, a few seconds
  fastrnn bench --hidden 64 --bits 32 --batch-size 256
  fastrnn bench --json mine.json
  fastrnn bench --engine mine.py:Mine --batch-size 64
  fastrnn bench --processor      the kernels' choices for this processor

Each engine's update is checked against a float64 gradient before it is timed.
An engine of your own is a class Mine(work, threads, weights, x, y) with methods
run(updates) and sample(); docs/speed.md has one with PyTorch.
"""


def arguments(parser, argv):
    """Declare the options."""
    from fastrnn.bench.ladder import BATCHES

    parser.add_argument("--hidden", type=positive, default=16, metavar="N", help="hidden units (default: 16)")
    parser.add_argument(
        "--bits", type=positive, default=8, metavar="N", help="bits of the sum, at least 2: steps of time (default: 8)"
    )
    parser.add_argument("--batch-size", type=positive, action="append", metavar="N",
                        help=f"samples in one update, may be repeated (default: {', '.join(map(str, BATCHES))})")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="measure with 1 and with N threads (default: all cores)"
    )
    parser.add_argument("--rounds", type=positive, metavar="N", help="rounds; the medians are shown (default: 9)")
    parser.add_argument("--quick", action="store_true", help="batches of 1 and 1,024 in 3 short rounds")
    parser.add_argument("--engine", action="append", default=[], metavar="FILE.py:Class",
                        help="an engine of your own as a further row, may be repeated")
    parser.add_argument("--processor", action="store_true",
                        help="print the processor's properties, the kernels' choices with reasons, and its peak")
    parser.add_argument("--json", metavar="FILE", help="write the result to FILE too")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def run(args):
    """Print the table; return 0, or 1 if an engine computes something else than the true gradient."""
    from fastrnn.bench import ladder, report
    from fastrnn.bench.engines import ENGINES
    from fastrnn.bench.processes import WorkerError
    from fastrnn.bench.workload import Workload, WrongGradient
    from fastrnn.cli.output import check_writable

    if args.bits < 2:
        raise UserError(f"--bits: got {args.bits}, expected at least 2, so that there is something to add")
    if args.json:
        check_writable(args.json, args.force)
    if args.processor:
        return print_processor(args)
    engines = (*ENGINES, *own_engines(args.engine))
    batches = dict.fromkeys(args.batch_size or ((1, 1024) if args.quick else ladder.BATCHES))
    works = [Workload(args.hidden, args.bits, batch) for batch in batches]
    for engine in engines[len(ENGINES) :]:
        if not any(map(engine.takes, works)):
            raise UserError(f"--engine: {engine.label} takes at most {engine.most_samples} samples; give --batch-size")
    # The scalar loop is what all others are compared with: it must be there.
    base = [Workload(args.hidden, args.bits, 1)] if 1 not in batches else []
    wanted = ladder.peak_cases(args.threads)
    wanted += [case for case in ladder.cases(base, everything=args.threads) if case.engine.name == "scalar"]
    wanted += ladder.cases(works, engines, args.threads)
    rounds, seconds = (args.rounds or 3, 0.03) if args.quick else (args.rounds or 9, 0.1)
    with Bar(None, delay=0.2) as bar, compiling_noted():
        try:
            result = ladder.time_cases(
                wanted, rounds, seconds, progress=lambda done, total, name: bar(done, name, total=total)
            )
        except WrongGradient as error:
            print(error)
            return 1
        except WorkerError as error:
            raise UserError(error) from error
    if args.json:
        report.save(result, args.json)
    print(report.plain_ladder(result))
    return 0


def own_engines(targets):
    """Return the Engines of --engine. Raises UserError."""
    from fastrnn.bench.own import own_engine

    with user_errors(prefix="--engine: "):
        return [own_engine(target, number) for number, target in enumerate(targets)]


def print_processor(args):
    """Print the properties of the processor; return 0."""
    from fastrnn.bench import processor, report
    from fastrnn.bench.workload import Workload

    if args.engine:
        raise UserError("--engine: --processor times no engine; give one of the two")
    with Bar(None, delay=0.2) as bar, compiling_noted():
        facts = processor.found() | processor.chosen(Workload(args.hidden, args.bits))
        result = processor.measured(args.threads, lambda done, total, name: bar(done, name, total=total))
    facts |= processor.reached(result)
    if args.json:
        report.save({**result, "facts": facts}, args.json)
    print(processor.plain_facts(facts))
    return 0
