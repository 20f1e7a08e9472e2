"""What is trained: cell, task and configuration from options or from an unfinished run; and operands for a network."""

import argparse

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import add_options, class_in, flags, given
from fastrnn.cli.text import short_number


def add_parts(parser, argv, defaults=None, without=()):
    """Declare --task and --cell, the options of the task and the cell that argv names, and TrainConfig's.

    defaults: {field of TrainConfig: what --help says of its default, where the command has another}; without: fields
    that get no option.
    """
    from fastrnn.cells.base import cells
    from fastrnn.tasks.base import tasks
    from fastrnn.training.tasks.config import TrainConfig

    known = {"task": tasks(), "cell": cells()}
    default = {"task": "addition", "cell": "elman"}
    for name, classes in known.items():
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, metavar="NAME",
                            help=f"one of: {', '.join(classes)} (default: {default[name]})")
    made_of = {name: class_in(argv, f"--{name}", default[name], classes) for name, classes in known.items()}
    add_options(parser, f"task {made_of['task'].name}", made_of["task"], without=without)
    add_options(parser, f"cell {made_of['cell'].name}", made_of["cell"], without=without)
    recipe = {name: "none" if value is None else value for name, value in made_of["task"].recipe.items()}
    add_options(parser, "training", TrainConfig, {**recipe, **(defaults or {})}, without)
    parser.set_defaults(made_of={**made_of, "config": TrainConfig})


def parts_made(args):
    """Return (cell, task, config) of the options. Raises UserError for options that contradict each other."""
    parts, recipe = {}, {}
    for name, made_of in args.made_of.items():
        with user_errors(flags(made_of)):
            parts[name] = made_of(**{**(recipe if name == "config" else {}), **given(args, made_of)})
        recipe = parts["task"].recipe
    return parts["cell"], parts["task"], parts["config"]


def parts_to_train(args):
    """Return (cell, task, config, Run to resume or None) for `fastrnn train`.

    Without --until, training continues to a proof if the recipe can lead to one.
    Raises UserError for options that make no sense.
    """
    from dataclasses import replace

    from fastrnn.training.tasks.certified_finetune import covers

    if args.resume is not None:
        return _resumed(args)
    cell, task, config = parts_made(args)
    if not hasattr(args, "until") and covers(cell, task):
        config = replace(config, until="certified")
    return cell, task, config, None


def _resumed(args):
    from dataclasses import asdict, fields

    from fastrnn.own_tasks import UndefinedTask
    from fastrnn.training.tasks.continuation import check_processor, check_resumable
    from fastrnn.training.tasks.resume import load_run

    before, config = load_run(args.resume)
    task, cell = before.model.task, before.model.cell
    if task is None:
        raise UserError(f"{args.resume}: was trained on arrays: continue in Python, with train(data=..., resume=...)")
    if isinstance(task, UndefinedTask):
        task.refuse("continue in Python, with train(task=..., resume=...)")
    made = {}
    for name, earlier in (("task", task), ("cell", cell), ("config", config)):
        # Without --task the options declared are those of the default one.
        made_of, options = args.made_of[name] if hasattr(args, name) else type(earlier), given(args, args.made_of[name])
        for field in sorted(set(options) - {each.name for each in fields(made_of)}):
            flag = flags(args.made_of[name])[field]
            raise UserError(f"{flag}: {args.resume} has the {name} {earlier.name}, which has no such option")
        if made_of is type(earlier):
            options = {**asdict(earlier), **options}
        with user_errors(given_options(args)):
            made[name] = made_of(**options)
    task, cell, config = made.values()
    with user_errors(given_options(args), f"{args.resume}: "):
        check_resumable(before, cell, task, config)
        if not args.other_processor:
            check_processor(before, "--other-processor")
    # A checkpoint may have had them, and not been saved; an interrupted run may have been left while it was verified.
    if before.samples >= config.max_samples and before.stopped != "interrupted" and "identity" not in before.state:
        trained = f"has already trained on {before.samples:,} samples"
        raise UserError(f"{args.resume}: {trained}; give a larger --max-samples")
    return cell, task, config, before


def given_options(args):
    """Return {field: option} of everything that was declared from dataclasses."""
    return {name: option for made_of in args.made_of.values() for name, option in flags(made_of).items()}


def operands_of(place, words, count, does):
    """Return the ints of a list of words. Raises UserError, naming the place, unless they are `count` non-negative
    integers."""
    if len(words) != count:
        raise UserError(f"{place}: got {len(words)} number{'s' * (len(words) != 1)}, this network {does} {count}")
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise UserError(f"{place}: got {short_number(word)!r}, expected a non-negative integer")
    return tuple(map(int, words))
