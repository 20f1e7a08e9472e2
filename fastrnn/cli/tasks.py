"""`fastrnn tasks`: lists the tasks on which networks can be trained."""

SUMMARY = "List the tasks that networks can learn"
EXAMPLES = """\
examples:
  fastrnn tasks
  fastrnn train --task multiplication --factor 5
  fastrnn train --task copy --help    the options of one task
"""


def arguments(parser, argv):
    """Declare no options."""


def run(args):
    """Print the table; return 0."""
    from textwrap import wrap

    from fastrnn.cli.options import flags
    from fastrnn.tasks.base import tasks

    rows = [("task", "inputs", "outputs", "states", "what it does; its options")]
    for name, made_of in tasks().items():
        task = made_of()
        does = (made_of.__doc__ or "").strip().partition("\n")[0].replace("`", "")
        options = " ".join(f"{flag}={getattr(task, field)}" for field, flag in flags(made_of).items())
        rows.append((name, str(task.input_size), str(task.output_size), str(task.states), f"{does} {options}"))
    width = max(len(row[0]) for row in rows)
    for name, inputs, outputs, states, text in rows:
        start = f"{name:<{width}} {inputs:>6} {outputs:>7} {states:>6}  "
        print(
            "\n".join(wrap(text, 79, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False))
        )
    return 0
