"""What `fastrnn train` is to train: from its options, or from the file of an unfinished run."""

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.options import flags, given

# What may differ from the unfinished run: how long to go on.
CHANGEABLE = ("max_samples", "until", "patience")


def parts_of(args):
    """(cell, task, config, Run to resume or None), as the options say. Raises UserError for options that make no sense."""
    if args.resume is not None:
        return _resumed(args)
    parts = {}
    for name, made_of in args.made_of.items():
        with user_errors(flags(made_of)):
            parts[name] = made_of(**given(args, made_of))
    return parts["cell"], parts["task"], parts["config"], None


def _resumed(args):
    from dataclasses import replace

    from fastrnn.train.resume import load_run

    before, config = load_run(args.resume)
    task, cell = before.model.task, before.model.cell
    if task is None:
        raise UserError(f"{args.resume}: was trained on arrays: go on in Python, with train(data=..., resume=...)")
    parts = {"task": task, "cell": cell, "config": config}
    for name in ("task", "cell"):
        if getattr(args, name, parts[name].name) != parts[name].name:
            raise UserError(f"--{name}: got {getattr(args, name)!r}, but {args.resume} has {parts[name].name}")
    for name, made_of in args.made_of.items():
        for field, value in given(args, made_of).items():
            earlier = getattr(parts[name], field, None)
            if field not in CHANGEABLE and (type(parts[name]) is not made_of or value != earlier):
                raise UserError(f"{flags(made_of)[field]}: got {value}, but {args.resume} was begun with {earlier}; "
                                "leave the option out to go on with that")
    changes = {name: value for name, value in given(args, args.made_of["config"]).items() if name in CHANGEABLE}
    with user_errors(options_of(args)):
        config = replace(config, **changes)
    if before.steps >= config.updates:
        raise UserError(f"{args.resume}: has had its {before.samples:,} samples; give a larger --max-samples")
    return cell, task, config, before


def options_of(args):
    """{field: option} of all that was declared from dataclasses."""
    return {name: option for made_of in args.made_of.values() for name, option in flags(made_of).items()}
