"""The examples on real data reach what docs/fit.md says of them; their data come with `pip install '.[examples]'`."""

import pytest

from examples import digits, laser, rat

pytestmark = pytest.mark.slow


@pytest.fixture
def printed(capsys, here):
    """printed() -> {what: number} of the lines that end in one."""

    def printed():
        lines = [line.strip().rsplit(None, 1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
        return {words[0]: float(words[1]) for words in lines if len(words) == 2}

    return printed


def test_spoken_digits(here):
    assert digits.main() >= 0.97


def test_the_laser(printed):
    error, found = laser.main(), printed()
    # What others have computed of the same steps.
    assert found["persistence"] == pytest.approx(0.927, abs=0.001)
    assert found["linear regression, 20 steps"] == pytest.approx(0.191, abs=0.001)
    assert error < 0.01


def test_the_rat(printed, here):
    losses, found = rat.main(), printed()
    # Every size predicts better than regression with the trial before, from 4 units on than with 5 trials.
    assert set(losses) == {1, 2, 4, 8} and max(losses.values()) < 0.6387 < found["logistic regression, and last trial"]
    assert max(losses[4], losses[8]) < found["logistic regression, and last 5 trials"] < 0.6387
    assert (here / "build" / "rat" / "curves.png").exists()
