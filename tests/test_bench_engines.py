"""What the benchmarks let through: engines with the true gradient, and the operations that they count."""

import numpy as np
import pytest

from bench.roofline import PARTS
from fastrnn.bench import ladder
from fastrnn.bench.engines import ENGINES, Engine, parts
from fastrnn.bench.workload import (
    TOLERANCE,
    Updates,
    Workload,
    WrongGradient,
    added,
    check,
    gradient,
    starting_weights,
    sums,
)

SMALL = Workload(hidden=5, steps=4, batch=3)


def right_update(work, activation="sigmoid", count=1):
    before, (x, y) = {name: w.astype(np.float64) for name, w in starting_weights(work).items()}, sums(work)
    after = before
    for _ in range(count):
        grads = gradient(after, x.astype(float), y.astype(float), activation)
        after = {name: w - work.rate * grads[name] for name, w in after.items()}
    return Updates(before, x, y, after, count)


def loss_of(weights, x, y):
    """The mean over samples of sum_t (o - y)^2 / 2, one sample and one unit at a time."""
    total, hidden = 0.0, len(weights["w_hh"])
    for s in range(len(x)):
        h = [0.0] * hidden
        for t in range(x.shape[1]):
            pre = [
                sum(weights["w_ih"][j, i] * x[s, t, i] for i in range(2))
                + sum(weights["w_hh"][j, k] * h[k] for k in range(hidden))
                for j in range(hidden)
            ]
            h = [1 / (1 + np.exp(-p)) for p in pre]
            o = 1 / (1 + np.exp(-sum(weights["w_ho"][0, j] * h[j] for j in range(hidden))))
            total += (o - y[s, t, 0]) ** 2 / 2
    return total / len(x)


def test_the_true_gradient_is_that_of_differences():
    weights, (x, y) = {name: w.astype(np.float64) for name, w in starting_weights(SMALL).items()}, sums(SMALL)
    for name, grad in gradient(weights, x.astype(float), y.astype(float)).items():
        for index in np.ndindex(grad.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = {key: w.copy() for key, w in weights.items()}
                moved[name][index] += step
                sides.append(loss_of(moved, x, y))
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(grad[index], rel=1e-5, abs=1e-9)


def test_operations_counted_by_hand():
    # Hidden 3, 2 steps. Forward, each step: 2 inputs and 1 output times 3 units, 2 operations each = 18;
    # the second one has 3 x 3 products more = 18. Back, each step: error to 3 units 6, gradients of 6 input
    # weights 12 and of 3 output weights 6; between the steps 3 x 3 products back, and 3 x 3 gradients, 18 each.
    assert Workload(hidden=3, steps=2).flops == 2 * 18 + 18 + 2 * (6 + 12 + 6) + 2 * 18
    assert Workload(hidden=16, steps=8).flops == 8 * 6 * 16 + 7 * 2 * 256 + 8 * 8 * 16 + 7 * 4 * 256


@pytest.mark.parametrize("bits", (2, 8, 70))
def test_sums_are_sums(bits):
    x, y = sums(Workload(steps=bits, batch=20))
    numbers = [[sum(int(bit) << t for t, bit in enumerate(operand)) for operand in sample.T] for sample in x]
    assert [sum(int(bit) << t for t, bit in enumerate(sample[:, 0])) for sample in y] == [a + b for a, b in numbers]
    assert np.array_equal(added(x), y)


@pytest.mark.parametrize("activation, count", (("sigmoid", 1), ("sigmoid", 5), ("tanh", 1)))
def test_a_right_engine_passes(activation, count):
    check(SMALL, right_update(SMALL, activation, count), "right", activation)


def wrong_updates():
    right = right_update(SMALL)
    yield "half the step", right._replace(after={name: (w + right.before[name]) / 2 for name, w in right.after.items()})
    yield "one weight never moves", right._replace(after={**right.after, "w_hh": right.before["w_hh"]})
    yield "no update at all", right._replace(after=right.before)
    yield "not a number", right._replace(after={**right.after, "w_ho": right.after["w_ho"] * np.nan})
    yield "two updates for one", right_update(SMALL, count=2)._replace(count=1)
    yield "another activation", right_update(SMALL, "tanh")
    yield "a smaller batch", right._replace(x=right.x[:2], y=right.y[:2])
    yield "a batch that is no sum", right._replace(y=1 - right.y)
    off = right.after["w_ih"] + 3 * TOLERANCE * (right.after["w_ih"] - right.before["w_ih"])
    yield "a little off", right._replace(after={**right.after, "w_ih": off})


@pytest.mark.parametrize(
    "fault, updates", list(wrong_updates()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_engine_is_refused(fault, updates):
    with pytest.raises(WrongGradient, match="cheat"):
        check(SMALL, updates, "cheat")


def test_each_of_many_models_is_checked():
    work = SMALL._replace(models=3)
    before, (x, y) = starting_weights(work), sums(work)
    each = [
        gradient({name: w[m] for name, w in before.items()}, x[m].astype(float), y[m].astype(float)) for m in range(3)
    ]
    after = {
        name: w.astype(np.float64) - work.rate * np.stack([grads[name] for grads in each]) for name, w in before.items()
    }
    assert len({w.tobytes() for w in before["w_hh"]}) == 3
    check(work, Updates(before, x, y, after))
    stuck = {name: np.concatenate([w[:2], before[name][2:]]) for name, w in after.items()}
    with pytest.raises(WrongGradient, match="cheat, model 2: its gradient"):
        check(work, Updates(before, x, y, stuck), "cheat")
    with pytest.raises(WrongGradient, match="it has 2 models, not the 3"):
        check(work, Updates(before, x[:2], y[:2], after), "cheat")


def test_a_batch_of_one_repeated_sum_is_refused():
    work = Workload(hidden=5, steps=8, batch=64)
    right = right_update(work)
    with pytest.raises(WrongGradient, match="random sums"):
        check(work, right._replace(x=np.zeros_like(right.x), y=np.zeros_like(right.y)))


CHEAT = """
class Cheat:
    def __init__(self, work, threads, weights, x, y):
        self.weights, self.x, self.y = weights, x, y

    def run(self, updates):
        pass

    def sample(self):
        return self.weights, self.x, self.y, self.weights


class Broken:
    def __init__(self, work, threads, weights, x, y):
        print("a library may print what it likes")
        raise OSError("no such accelerator")
"""


def test_an_engine_that_cheats_ends_the_run_and_a_broken_one_is_a_row_that_says_why(tmp_path):
    (tmp_path / "cheat.py").write_text(CHEAT)
    cheat, broken = (
        Engine(name, name, "peer", f"{tmp_path / 'cheat.py'}:{name}", threads="one") for name in ("Cheat", "Broken")
    )
    elsewhere = Engine("elsewhere", "elsewhere", "peer", "nowhere.py:Nobody", "absent-library", threads="one")
    result = ladder.time_cases(ladder.cases([SMALL], (broken, elsewhere)), 1, 0.001)
    assert [row["absent"] for row in result["rows"]] == [
        "OSError: no such accelerator",
        "not installed: make bench-peers",
    ]
    with pytest.raises(WrongGradient, match="Cheat"):
        ladder.time_cases(ladder.cases([SMALL], (cheat,)), 1, 0.001)


# Each bench holds its engines against the gradient before it times them; here it takes as long as thirty other tests.
@pytest.mark.slow
def test_every_engine_of_the_table_has_the_true_gradient():
    works = [
        Workload(hidden=16, steps=8, batch=1),
        Workload(hidden=16, steps=8, batch=100),
        Workload(hidden=16, steps=8, batch=1, models=20),
    ]
    wanted, absent = ladder.cases(works, ENGINES, 2), {}
    with ladder.opened_engines(wanted, {}, absent) as found:
        assert not absent
        assert set(found) == set(wanted)
        assert {case.engine.name for case in found} == {engine.name for engine in ENGINES}


def test_every_part_of_an_update_runs():
    work = Workload(hidden=16, steps=8, batch=64)
    for name in PARTS:
        getattr(parts, PARTS[name])(work, 1, starting_weights(work), None, None).run(1)
        flops, size = parts.work_of_block(name, work)
        assert flops >= 0 and size > 0
