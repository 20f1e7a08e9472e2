"""The decisions between calls of an engine, with engines of a few lines of Python."""

from types import SimpleNamespace

import pytest

from fastrnn.interrupt import Interrupt
from fastrnn.kernels.events import CLEAN, DIVERGED, ENDED, RUINED
from fastrnn.training.tasks.driver import Job, TrainingLoop
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.pace import Pace
from fastrnn.training.tasks.session import Session
from fastrnn.training.tasks.small_session import SmallSession


class Engine:
    """One network. Its loss is not finite from update `lost` on, its weights are not from update `ruined` on; from
    update `clean` on it makes no mistake."""

    def __init__(self, lost=1 << 40, ruined=1 << 40, clean=1 << 40, takes_back=False):
        self.lost, self.ruined, self.clean, self.takes_back = lost, ruined, clean, takes_back
        self.begin()

    def begin(self):
        self.step, self.streak, self.event = 0, 0, None

    def run(self, updates, stop, now):
        for made in range(min(updates, self.limit - self.step)):
            self.step += 1
            self.streak = self.streak + 1 if self.step > self.clean else 0
            if self.step > self.lost:
                self.event = DIVERGED
            elif self.step >= self.limit:
                self.event = RUINED if self.step >= self.ruined else ENDED
            elif 0 < self.patience <= self.streak:
                self.event = CLEAN
            if self.event:
                return made + 1
        return updates

    def events(self):
        event = self.event or (ENDED if self.step >= self.limit else None)
        return {0: event} if event else {}

    def made(self, place):
        return self.step

    def expect(self, place, patience, limit):
        self.patience, self.limit, self.event = patience, limit, None

    def forget(self, place):
        self.streak = 0


class One(TrainingLoop):
    """The training of one network, which is exact at the tests whose numbers are given."""

    def __init__(self, engine, limit, until="exact", exact=()):
        self.config, self.judged = SimpleNamespace(verify_after=5, until=until), True
        self.known, self.tests, self.exact, self.ended, self.limits = Job(limit), [], exact, None, []
        self.expect(engine, 0)
        self.drive(engine, Pace(1 << 40), Interrupt())

    def seconds(self):
        return 0.0

    def job(self, engine, place):
        return self.known

    def fill(self, engine):
        return self.ended is None

    def collect(self, engine, made, began, ended):
        pass

    def offer(self, engine):
        pass

    def found_exact(self, engine, place):
        return self.config.until == "samples" and any(number in self.exact for number in range(len(self.tests)))

    def is_exact(self, engine, place, earned):
        self.tests.append((engine.step, earned))
        return len(self.tests) - 1 in self.exact

    def repeat(self, engine, place):
        self.limits.append(self.known.limit)
        engine.begin()
        self.expect(engine, place)

    def end(self, engine, place, stopped, exact):
        self.ended = stopped, exact, engine.step


def test_a_network_is_tested_after_each_streak_and_at_its_end():
    one = One(Engine(clean=10), 30)
    assert one.tests == [(15, True), (20, True), (25, True), (30, False)] and one.ended == ("samples", False, 30)
    assert One(Engine(clean=10), 30, exact=[1]).ended == ("exact", True, 20)
    assert One(Engine(clean=10), 30, exact=[3]).ended == ("exact", True, 30)


def test_with_all_samples_an_exact_network_learns_on_and_is_tested_again_at_its_end():
    one = One(Engine(clean=10), 30, "samples", exact=[0])
    assert one.tests == [(15, True), (30, False)] and one.ended == ("samples", False, 30)
    assert One(Engine(clean=10), 30, "samples", exact=[0, 1]).ended == ("samples", True, 30)


@pytest.mark.parametrize("lost", [1, 2, 3, 77, 200])
def test_a_network_that_diverges_is_trained_again_up_to_its_last_finite_update(lost):
    # The loss after `lost` updates is not finite: what can be kept are the weights after one update fewer.
    one = One(Engine(lost=lost), 300)
    assert one.ended == ("diverged", False, lost - 1) and len(one.limits) == 1


@pytest.mark.parametrize("ruined", [2, 77, 199, 299])
def test_weights_that_are_not_finite_are_looked_for_by_halves(ruined):
    one = One(Engine(ruined=ruined), 300)
    assert one.ended == ("diverged", False, ruined - 1) and len(one.limits) <= 10


def test_an_engine_that_takes_the_update_back_is_not_run_again():
    one = One(Engine(lost=50, takes_back=True), 300)
    assert one.ended == ("diverged", False, 51) and one.limits == []


@pytest.mark.parametrize("kind", [Session, SmallSession, RunGroup])
def test_engines_have_the_methods_that_the_loop_calls(kind):
    assert isinstance(kind.takes_back, bool)
    for name in ("run", "events", "made", "expect", "forget"):
        assert callable(getattr(kind, name))
