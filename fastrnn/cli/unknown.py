"""Suggestions for unknown options and words."""

from fastrnn.arguments import meant
from fastrnn.cli.options import flags


def what_was_meant(word, args):
    """Return one line about a word that is not an option of the command, or is one argument too many."""
    if not word.startswith("-"):
        return f"got {word!r}, which {args.command} does not take"
    option = word.partition("=")[0]
    return f"no option {option}{_instead(option, args)}"


def _instead(option, args):
    known = [spelled for spelled in args.parser._option_string_actions if spelled.startswith("--")]
    if hasattr(args, "made_of"):
        from fastrnn.cells.base import cells
        from fastrnn.tasks.base import tasks
        from fastrnn.training.tasks.options import ELSEWHERE

        for kind, classes in (("task", tasks()), ("cell", cells())):
            owners = [name for name, made_of in classes.items() if option in flags(made_of).values()]
            if owners:
                return f" of the {kind} {args.made_of[kind].name}; it belongs to --{kind} {' or '.join(owners)}"
        elsewhere = ELSEWHERE.get(option.strip("-").replace("-", "_"))
        if elsewhere:
            return f"; did you mean --{elsewhere.replace('_', '-')}?"
    near = [spelled for spelled in known if spelled.startswith(option)]
    return f"; did you mean {near[0]}?" if len(near) == 1 else meant(option, known).replace("'", "")
