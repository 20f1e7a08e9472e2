"""`fastrnn tasks`: what networks can be trained on."""

SUMMARY = "List the tasks that networks can learn"
EXAMPLES = """\
examples:
  fastrnn tasks
  fastrnn train --task addition --help    the options of one task
"""


def arguments(parser, argv):
    """Nothing to declare."""


def run(args):
    """Print the table; return 0."""
    from textwrap import wrap

    from fastrnn.tasks.base import tasks

    rows = [("task", "inputs", "outputs", "states", "description")]
    for name, made_of in tasks().items():
        task = made_of()
        description = (made_of.__doc__ or "").strip().partition("\n")[0].replace("`", "")
        rows.append((name, str(task.input_size), str(task.output_size), str(task.states), description))
    width = max(len(row[0]) for row in rows)
    for name, inputs, outputs, states, description in rows:
        start = f"{name:<{width}}  {inputs:>6}  {outputs:>7}  {states:>6}  "
        print("\n".join(wrap(description, 79, initial_indent=start, subsequent_indent=" " * len(start))))
    return 0
