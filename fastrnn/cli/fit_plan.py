"""The plan of `fastrnn fit` in words: how many models of which kinds."""

import math

from fastrnn.wording import counted


def points(grid):
    """Return the number of combinations of the options in a grid {name: values}."""
    return math.prod(len(values) for values in grid.values())


def own_values(args, data):
    """Return the number of values of the column --each, each of which has separate networks; 1 without it."""
    return len(set(data.groups[args.each].tolist())) if args.each else 1


def planned(args, grid, values):
    """Return what will be fitted, in words; values: the result of `own_values`."""
    words = {"hidden_size": "size", "learning_rate": "learning rate", "l1": "L1", "weight_decay": "weight decay"}
    axes = [
        f"{len(each)} {words[name]}{'s' * (name == 'hidden_size' and len(each) > 1)}"
        for name, each in grid.items()
        if name == "hidden_size" or len(each) > 1
    ]
    models = args.seeds * points(grid) * values
    text = f"{' x '.join(axes)} x {args.seeds} seed{'s' * (args.seeds > 1)}"
    if args.each:
        text += f" x {values:,} value{'s' * (values > 1)} of {args.each}"
    if args.cv:
        models *= args.cv[0] * args.cv[1]
        text += f" x {args.cv[0]} x {args.cv[1]} folds"
    refit = f", and {args.seeds} on all sequences" if args.cv else ""
    return f"{text}: {counted(models, 'model')}{refit}"
