"""`fastrnn simulate`: lets fitted networks act in an environment, and writes a table like the one that they were fitted
to."""

import csv
import io
import os

from fastrnn.cli.columns import table_errors
from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.fit_folder import open_folder, output_names
from fastrnn.cli.options import list_of, positive, real_number, seed
from fastrnn.cli.output import check_writable, write_text
from fastrnn.wording import counted

SUMMARY = "Let fitted networks act in an environment"
EXAMPLES = """\
examples:
  fastrnn simulate runs/choices --reward 0.8,0.2 --steps 200 --sessions 10
  fastrnn simulate runs/choices --reward 0.8,0.2 --swap 50 --output made.csv
  fastrnn simulate runs/choices --reward 0.8,0.2 --allowed offers.csv --steps 60
  fastrnn simulate runs/choices --environment maze.py --model all

--reward: a bandit. Choice number k is rewarded with the k-th probability; the
inputs are the choice and the reward of the step before, so the fit must have
used --inputs CHOICE,REWARD --lag 1. --swap N reverses the order of the
probabilities every N steps. The output has the columns of the table of the
fit, and can be fitted with the same options and --group model,session.
Any other environment is a Python file with a function
  environment(choices, draws) -> inputs of the next step
and `first`, the inputs of the first step: see fastrnn.analysis.simulate. Both
may be a pair (inputs, allowed), which says what is allowed in that step.
The table then has the inputs that the network saw in each step; those that the
fit took from the row before are called previous_NAME.

--allowed: a table with a row for each step of a session. Its columns are those
of the --allowed of the fit, or else the names of the choices: 1 where a choice
is allowed, 0 where it is never made. The output has these columns, too.
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that fastrnn fit wrote")
    parser.add_argument(
        "--reward", type=list_of(real_number), metavar="LIST", help="probabilities of a reward, one for each choice"
    )
    parser.add_argument("--swap", type=positive, metavar="N", help="reverse their order every N steps")
    parser.add_argument(
        "--environment", metavar="FILE", help="a Python file with environment(choices, draws) and first"
    )
    parser.add_argument(
        "--allowed", metavar="TABLE", help="a table with a row for each step: which choices are allowed"
    )
    parser.add_argument("--steps", type=positive, default=100, metavar="N", help="steps of a session (default: 100)")
    parser.add_argument("--sessions", type=positive, default=1, metavar="N", help="sessions of each model (default: 1)")
    parser.add_argument("--model", default="best", metavar="N", help="a row of table.csv, best or all (default: best)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of choices and rewards (default: 0)")
    parser.add_argument("--output", metavar="FILE", help="a .csv file (default: standard output)")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args):
    """Write the table; return 0."""
    import numpy as np

    from fastrnn.analysis import simulate

    if (args.reward is None) == (args.environment is None):
        raise UserError("--reward or --environment: give one of them; see fastrnn simulate --help")
    folder = open_folder(args.folder)
    columns = folder.columns
    if args.output:
        check_writable(args.output, args.force)
    if args.model == "all":
        fits, models, names = folder.fits, np.arange(len(folder.fits)), range(len(folder.fits))
    else:
        fits, model, name = folder.chosen(args.model)
        models, names = np.array([model]), {model: name}
    if args.reward is not None:
        environment, first = Bandit(args, columns), np.zeros(len(columns["names"]))
    else:
        environment, first = _loaded(args.environment)
    offers = _offers(args, columns)
    own_names = {name: f"{args.environment}: {name}" for name in ("first", "environment", "allowed")}
    if args.allowed is not None:
        own_names["allowed"] = f"--allowed: {args.allowed}"
    with user_errors(own_names):
        # A size at a time, since an environment with a memory has one for each call.
        made, sizes = [], fits.hidden_size[models]
        for own in (models[sizes == size] for size in np.unique(sizes)):
            results = _simulated(simulate, fits[own], environment, first, args, offers)
            made.append(([names[model] for model in own], *results))
    sessions = f"{counted(args.sessions, 'session')} of {counted(args.steps, 'step')}"
    content = _table(made, columns, args.reward is not None)
    said = folder.said(args.model) if args.model != "all" else ""
    write_text(content, args.output, f"{said or counted(len(models), 'model')}, {sessions}")
    return 0


def _offers(args, columns):
    """Return which choices are allowed, (steps, K), from the table of --allowed; None without it."""
    from fastrnn.data.columns import read_columns
    from fastrnn.data.files import open_table
    from fastrnn.data.tables import allowed_columns

    if args.allowed is None:
        return None
    names = _allowed_names(columns)
    if not names:
        raise UserError(f"--allowed: the fit predicts {columns['kind']}, expected classes: fit with --kind classes")
    with table_errors(args.allowed, {"allowed": "--allowed"}):
        table = open_table(args.allowed)
        offers = allowed_columns(names, read_columns(table, dict.fromkeys(names, "allowed")), table.place)
    if len(offers) < args.steps:
        raise UserError(f"--allowed: {args.allowed} has {counted(len(offers), 'row')}, expected {args.steps}, one for "
                        "each of --steps")
    return offers[: args.steps]


def _allowed_names(columns):
    """Return the columns that say which choices are allowed: those of the fit, or else the names of the choices."""
    if columns["kind"] != "classes":
        return []
    classes = columns["classes"]
    return columns.get("allowed") or list(map(str, classes if isinstance(classes, list) else range(classes)))


def _simulated(simulate, fits, environment, first, args, offers):
    """Return choices (M, sessions, steps, ...), for each step the rewards of a bandit, or the inputs, (M, ...,
    columns), and what was allowed, (M, sessions, steps, K) or None."""
    import numpy as np

    bandit = isinstance(environment, Bandit)
    if bandit:
        environment.begin()
    # A bandit rewards the last choice, too: in the step after it, which is not written.
    steps = args.steps + bandit
    allowed = None if offers is None else np.concatenate([offers, np.ones((int(bandit), offers.shape[1]))])
    made = simulate(fits, environment, first, steps, sessions=args.sessions, seed=args.seed, allowed=allowed)
    seen = np.stack(environment.rewards, 2)[..., None] if bandit else made.x
    return made.choices[:, :, : args.steps], seen, made.allowed


class Bandit:
    """An environment that rewards choices with given probabilities, which are reversed every `swap` steps."""

    def __init__(self, args, columns):
        import numpy as np

        from fastrnn.data import Encoder

        inputs, target, lag = columns["inputs"], columns["target"] or [], columns.get("lag")
        if columns["encoder"] is None or len(inputs) != 2 or len(target) != 1 or target[0] not in inputs or lag != 1:
            raise UserError(
                "--reward: the fit needs --inputs CHOICE,REWARD --target CHOICE --lag 1; "
                "other environments are given by --environment"
            )
        bits, classes = columns["kind"] == "bits", columns["classes"]
        self.values = np.array(classes if isinstance(classes, list) else range(2 if bits else classes))
        if len(args.reward) != len(self.values):
            raise UserError(
                f"--reward: got {len(args.reward)} probabilities, expected {len(self.values)}, one for each choice"
            )
        if not all(0 <= p <= 1 for p in args.reward):
            raise UserError(f"--reward: got {args.reward}, expected probabilities")
        self.p, self.swap, self.bits = np.array(args.reward), args.swap, bits
        self.encoder, self.target = Encoder.from_dict(columns["encoder"]), target[0]
        self.begin()

    def begin(self):
        """Return to the first step."""
        self.rewards = []

    def __call__(self, choices, draws):
        import numpy as np

        from fastrnn.data.columns import Column

        choices = choices[..., 0] if self.bits else choices
        turned = self.swap is not None and len(self.rewards) // self.swap % 2
        rewards = (draws.uniform() < (self.p[::-1] if turned else self.p)[choices]).astype(np.int64)
        self.rewards.append(rewards)
        columns = {}
        for each in self.encoder.encodings:
            values = self.values[choices] if each.name == self.target else rewards
            columns[each.name] = Column.of(each.name, values.reshape(-1))
        return np.concatenate(self.encoder.apply(columns, str), 1).reshape(*choices.shape, -1)


def _loaded(path):
    """Return (environment, first) of a Python file."""
    if not os.path.exists(path):
        raise UserError(f"--environment: no file {path}")
    space = {"__name__": "environment", "__file__": path}
    try:
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), space)  # the user's own program, as he asked for it
    except Exception as error:
        raise UserError(f"{path}: {type(error).__name__}: {error}") from error
    if not callable(space.get("environment")) or "first" not in space:
        raise UserError(
            f"{path}: expected a function environment(choices, draws) and first, the inputs of the first step"
        )
    return _guarded(path, space["environment"]), space["first"]


def _guarded(path, function):
    """Return the function with its errors reported in one line."""
    import functools

    @functools.wraps(function)
    def environment(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            raise UserError(f"{path}: environment: {type(error).__name__}: {error}") from error

    return environment


def _table(made, columns, bandit):
    """Return the text of a CSV file: model, session, step, choice, the reward of a bandit, or the inputs of the step,
    and what was allowed, if the fit or the simulation knows this."""
    import numpy as np

    classes, targets = columns["classes"], columns["target"]
    if bandit:
        names = [name for name in columns["inputs"] if name not in targets]
    else:
        before = columns["names"] if columns.get("lag") == 1 else targets or ["y"]
        names = [f"previous_{name}" if name in before else name for name in columns["names"]]
    known = columns.get("allowed") or any(allowed is not None for *_, allowed in made)
    masks = _allowed_names(columns) if known else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for n, (models, choices, seen, allowed) in enumerate(made):
        if columns["kind"] == "classes" and isinstance(classes, list):
            choices = np.array(classes, object)[choices]
        choices = choices[..., None] if choices.ndim == 3 else choices
        allowed = np.ones((*choices.shape[:3], len(masks)), int) if allowed is None else allowed.astype(int)
        if n == 0:
            own = output_names(columns, choices.shape[-1])
            writer.writerow(["model", "session", "step", *own, *names, *masks])
        for n, model in enumerate(models):
            for session in range(choices.shape[1]):
                rows = zip(*(part[n, session].tolist() for part in (choices, seen, allowed)))
                writer.writerows(
                    [model, session, step, *chosen, *(f"{value:.7g}" for value in x), *offered]
                    for step, (chosen, x, offered) in enumerate(rows)
                )
    return text.getvalue()
