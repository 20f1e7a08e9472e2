"""Simulation among the classes that are allowed at a step, against an independent network and by counting."""

import numpy as np
import pytest

from fastrnn import GRU, Sequences, analysis, train_many
from fastrnn.analysis.simulation import _draw_classes
from fastrnn.heads.linear import Linear
from tests import numpy_network as oracle
from tests.test_allowed import DATA, OPTIONS
from tests.test_fit_cli import COLUMNS, QUICK, here, rows_of  # noqa: F401

OFFERS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1], [1, 0, 1]])


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=[0, 1], learning_rate=0.5, **OPTIONS)


def turn(choices):
    """The inputs that follow a choice."""
    return np.stack([np.cos(choices), np.sin(choices)], -1)


def offering(give):
    """An environment that gives, beside the inputs, what is allowed in the step that it answers."""
    step = iter(range(1, len(OFFERS)))

    def environment(choices, draws):
        return turn(choices), give(OFFERS[next(step)], choices)

    return environment


def drawn(fits, **options):
    return analysis.simulate(fits, **{"environment": turn, "first": [0, 1], "steps": 6, "sessions": 400, **options})


def test_choices_are_those_of_the_allowed_classes(fits):
    made = drawn(fits, allowed=OFFERS, seed=5)
    allowed = np.broadcast_to(OFFERS > 0, made.predictions.shape)
    np.testing.assert_array_equal(made.allowed, allowed)
    assert np.take_along_axis(allowed, made.choices[..., None], -1).all()
    for model in range(2):
        w = fits.weights(model)
        for session in range(3):
            z = oracle.outputs(oracle.gru, w, made.x[model, session])
            powers = np.where(OFFERS > 0, np.exp(z), 0)
            expected = powers / powers.sum(1, keepdims=True)
            np.testing.assert_allclose(made.predictions[model, session], expected, rtol=1e-9)
        data = Sequences(made.x[model], allowed=made.allowed[model])
        np.testing.assert_allclose(fits.predict(data)[model], made.predictions[model].reshape(-1, 3), rtol=1e-9)
    # Classes are as frequent as they are probable, within four standard errors of each step.
    p = made.predictions
    found = (made.choices[..., None] == np.arange(3)).sum((0, 1))
    assert (np.abs(found - p.sum((0, 1))) <= 4 * np.sqrt((p * (1 - p)).sum((0, 1))) + 1e-9).all()


FORMS = {
    "for all": lambda offer, choices: offer,
    "bool": lambda offer, choices: offer > 0,
    "lists": lambda offer, choices: offer.tolist(),
    "each": lambda offer, choices: np.broadcast_to(offer, (*choices.shape, 3)).astype(float),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_environment_says_what_is_allowed_beside_the_inputs(fits, form):
    given = drawn(fits, allowed=OFFERS, seed=5)
    said = drawn(fits, environment=offering(FORMS[form]), first=([0, 1], OFFERS[0]), seed=5)
    for name in ("x", "predictions", "choices", "allowed", "states"):
        assert getattr(said, name).tobytes() == getattr(given, name).tobytes()
    alone = drawn(fits[1], environment=offering(FORMS[form]), first=([0, 1], OFFERS[0]), seed=5, sessions=3)
    assert alone.choices[0].tobytes() == said.choices[1, :3].tobytes()


def test_inputs_alone_allow_all_and_sizes_keep_their_own(fits):
    made = drawn(fits, environment=offering(lambda offer, choices: None), seed=5)
    plain = drawn(fits, seed=5)
    assert made.allowed is None and plain.choices.tobytes() == made.choices.tobytes()
    mixed = train_many(GRU(1), DATA, seeds=[0, 1, 2], hidden_size=[2, 1, 2], **OPTIONS)
    own = np.broadcast_to(np.eye(3, dtype=int)[:, None, None], (3, 4, 6, 3))
    for options in ({"allowed": own}, {"first": ([0, 1], own[:, :, 0]), "steps": 1}):
        made = drawn(mixed, sessions=4, **options)
        np.testing.assert_array_equal(made.choices, np.broadcast_to(np.arange(3)[:, None, None], made.choices.shape))
        assert (made.predictions.max(-1) == 1).all()


@pytest.mark.parametrize("u", [0.0, 0.5, 1 - 2.0**-53])
def test_no_number_draws_a_class_of_probability_0(u):
    class Fixed:
        def uniform(self):
            return np.full((1, len(p)), u)

    thirds = np.array([0.1] * 3 + [0.7 - 1e-16])
    p = np.array([[0, 1, 0, 0], [0, 0.5, 0, 0.5], [0.3, 0, 0.7, 0], thirds * [1, 1, 1, 0] / 0.3, [0, 0, 0, 1]])
    chosen = _draw_classes(p[None], Fixed())[0]
    assert (p[np.arange(len(p)), chosen] > 0).all()


WRONG = {
    "none": ({"allowed": OFFERS * (np.arange(6) != 3)[:, None]}, "no class is at step 3 of model 0, session 0"),
    "none, later": (
        {"environment": lambda choices: (turn(choices), np.zeros(3)), "steps": 4},
        "no class is at step 1 of model 0, session 0, expected at least one: where nothing is chosen, allow all",
    ),
    "steps": ({"allowed": OFFERS[:5]}, "(5, 3), expected (2, 400, 6, 3), (models, sessions, steps, classes), (6, 3)"),
    "classes": ({"first": ([0, 1], [1, 1])}, "allowed: got values of shape (2,), expected (2, 400, 3)"),
    "masked": ({"allowed": np.ma.array([1, 1, 1], mask=[0, 1, 0])}, "allowed: got values of a masked array"),
    "a half": ({"allowed": [0.5, 1, 1]}, "allowed: expected 0 or 1 for each class"),
    "nan": ({"allowed": [np.nan, 1, 1]}, "allowed: expected 0 or 1 for each class"),
    "text": ({"allowed": ["yes", "no", "yes"]}, "allowed: expected 0 or 1 for each class"),
    "one for all": ({"allowed": 1}, "allowed: got values of shape (), expected (2, 400, 6, 3)"),
    "twice": (
        {"allowed": OFFERS, "first": ([0, 1], OFFERS[0])},
        "first: says what is allowed, as the argument allowed does",
    ),
    "a forbidden choice": (
        {"allowed": OFFERS, "choose": lambda p, draws: np.zeros(p.shape[:2], int)},
        "choose: chose class 0 at step 1, which is not allowed there",
    ),
    "no class": ({"allowed": OFFERS, "choose": lambda p, draws: p}, "choose: got float64 of shape (2, 400, 3)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_allowed_is_checked_in_one_line(fits, case):
    options, message = WRONG[case]
    with pytest.raises((ValueError, TypeError)) as error:
        drawn(fits, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_heads_without_classes_forbid_none():
    data = Sequences(np.ones((4, 3, 2)), np.linspace(0, 1, 12).reshape(4, 3))
    reals = train_many(GRU(1), data, seeds=[0], head=Linear(), validation=0, epochs=1)
    with pytest.raises(ValueError, match="allowed: the head linear predicts reals, which are not classes"):
        drawn(reals, allowed=[1], environment=lambda choices: [0, 1])


@pytest.fixture
def forced(call, here):  # noqa: F811
    """A fit to choices of which every third is forced."""
    lines = here.joinpath("choices.csv").read_text().splitlines()
    rows = [(line.split(",")[4], n % 3) for n, line in enumerate(lines[1:])]
    can = [f"{int(y == '0' or free > 0)},{int(y == '1' or free > 0)}" for y, free in rows]
    here.joinpath("forced.csv").write_text("\n".join(",".join(pair) for pair in zip(lines, ["left,right", *can])))
    columns = ("--inputs", "choice,a", "--target", "choice", "--lag", "1", "--group", "session")
    options = (*columns, "--allowed", "left,right", *QUICK, "--seeds", 2, "--output", "out")
    assert call("fit", "forced.csv", *options)[0] == 0
    here.joinpath("offers.csv").write_text("right,left\n" + "1,0\n1,1\n0,1\n1,1\n")
    return columns


def test_the_command_takes_a_table_of_what_is_allowed(call, here, forced):  # noqa: F811
    options = ("--reward", "1,0", "--steps", 4, "--sessions", 3, "--model", "all")
    status, out, err = call("simulate", "out", *options, "--allowed", "offers.csv")
    rows = rows_of(out)
    assert (status, err) == (0, "") and len(rows) == 2 * 3 * 4
    assert list(rows[0]) == ["model", "session", "step", "choice", "a", "left", "right"]
    offers = [("0", "1"), ("1", "1"), ("1", "0"), ("1", "1")]
    for n, row in enumerate(rows):
        assert (row["left"], row["right"]) == offers[n % 4] and row[("left", "right")[int(row["choice"])]] == "1"
        assert row["a"] == str(int(row["choice"] == "0"))
    # The output is a table like that of the fit, and an environment may say the same.
    here.joinpath("made.csv").write_text(out)
    again = ("--group", "model,session", "--allowed", "left,right", "--output", "again")
    assert call("fit", "made.csv", *forced[:-2], *again, *QUICK, "--seeds", 1)[0] == 0
    here.joinpath("maze.py").write_text(
        "import numpy as np\nOFFERS = [[0, 1], [1, 1], [1, 0], [1, 1]]\nfirst, step = ([0, 0], OFFERS[0]), 0\n"
        "def environment(choices, draws):\n    global step\n    step += 1\n"
        "    draws.uniform()\n    return np.stack([choices, choices == 0], -1), OFFERS[step % 4]\n"
    )
    made = rows_of(call("simulate", "out", "--environment", "maze.py", *options[2:])[1])
    assert list(made[0])[4:] == ["previous_choice", "previous_a", "left", "right"]
    assert [[row[name] for name in ("choice", "left", "right")] for row in made] == [
        [row[name] for name in ("choice", "left", "right")] for row in rows
    ]
    # Where nothing is said, all are allowed.
    free = rows_of(call("simulate", "out", *options)[1])
    assert {(row["left"], row["right"]) for row in free} == {("1", "1")}


def test_mistakes_about_what_is_allowed_are_one_line_each(call, here, forced):  # noqa: F811
    def fault(*argv):
        status, out, err = call("simulate", "out", "--reward", "1,0", "--allowed", "offers.csv", *argv)
        assert (status, out) == (2, "") and err.count("\n") == 1
        return err

    assert "--allowed: offers.csv has 4 rows, expected 5, one for each of --steps" in fault("--steps", 5)
    table = here.joinpath("offers.csv")
    table.write_text("left,right\n1,1\n0,0\n1,1\n")
    assert "--allowed: offers.csv: no class is at step 1 of model 0, session 0" in fault("--steps", 3)
    table.write_text("left,right\n1,1\n2,0\n")
    assert "--allowed: offers.csv: expected 0 or 1" in fault("--steps", 2)
    table.write_text("left,no\n1,1\n")
    assert "--allowed" in fault("--steps", 1) and "no column 'right'" in fault("--steps", 1)
    table.write_text("left,right\n1,\n")
    assert "--allowed" in fault("--steps", 1) and "right" in fault("--steps", 1)
    table.write_text("left,right\n1,yes\n")
    said = fault("--steps", 1)
    assert said == "fastrnn: offers.csv: --allowed: column 'right' holds text ('yes' at line 2), expected numbers\n"
    table.unlink()
    assert "offers.csv" in fault()
