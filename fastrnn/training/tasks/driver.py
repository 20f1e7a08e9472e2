"""Calls of an engine and the decisions between them, for one network and for thousands.

An engine has run(updates, stop, now), which makes at most this number of updates of each of its networks and returns
those made. Of trainings on tasks and arrays it is a session of one network (fastrnn.training.tasks.session) or a group
of models (fastrnn.training.tasks.group), with networks in numbered places; its run ends where one has an event, and it
has

- events(): {place: event} (fastrnn.kernels.events) of the networks that need a decision, and made(place): the
  updates of one so far;
- expect(place, patience, limit): have an event after `patience` samples without a mistake (0: never), or after `limit`
  updates in all; forget(place): restart the count of samples without a mistake;
- takes_back: whether it takes the update that diverged back; if not, a network is trained again up to that.
"""

from dataclasses import dataclass

from fastrnn.interrupt import Interrupted
from fastrnn.kernels.events import CLEAN, DIVERGED, RUINED
from fastrnn.training.tasks.checks import Checks


@dataclass(slots=True)
class Job:
    """A network in training.

    limit: updates that it is to make; checks: the Checks on its own data, or None. Where it is trained again up to the
    update before it diverged: sound: updates after which weights and loss were finite; ruin: the least known after
    which they were not, -1 for none.
    """

    limit: int
    sound: int = 0
    ruin: int = -1
    checks: Checks | None = None

    def repeats(self, sound, ruin):
        """Set the limit for training again, up to the update before the divergence; where that is too late, halfway."""
        self.limit = ruin - 1 if self.ruin < 0 else min((sound + ruin + 1) // 2, ruin - 1)
        self.sound, self.ruin = sound, ruin


class EngineLoop:
    """Calls of engines, until nothing is left to train. What derives from it has

    - fill(engine): let networks begin that wait; return whether any is in training;
    - collect(engine, made, began, ended): take what a call has left that made this number of updates;
    - seconds(): the time by which calls are measured.
    """

    def settle(self, engine):
        """Decide on the networks that need it: none, where compiled code decides on all."""

    def drive(self, engine, pace, stop):
        """Call the engine, each time for the updates of a Pace, until no network is in training or stop() holds."""
        try:
            while True:
                # At first, too: training may have been interrupted during a test.
                self.settle(engine)
                if stop() or not self.fill(engine):
                    return
                began = self.seconds()
                made = engine.run(pace.updates, stop.flag, began)
                ended = self.seconds()
                pace.measured(made, ended - began)
                self.collect(engine, made, began, ended)
        except Interrupted:
            pass


class TrainingLoop(EngineLoop):
    """The loop of trainings on tasks and arrays, whose networks are tested between calls.

    config: the TrainConfig; judged: whether networks are tested. What derives from it has

    - job(engine, place): the Job;
    - offer(engine): save a checkpoint if one is due;
    - is_exact(engine, place, earned): whether a network is right on all samples; earned: whether samples without a
      mistake led to the test; found_exact(engine, place): whether it was so at an earlier test;
    - repeat(engine, place): train a network again from its start; end(engine, place, stopped, exact): record its end.
    """

    def settle(self, engine):
        """Decide on the networks that have an event, and save a checkpoint if one is due."""
        for place, event in engine.events().items():
            self.decide(engine, place, event)
        self.offer(engine)

    def decide(self, engine, place, event):
        """Decide on a network for which the engine returned, for this reason."""
        job, steps = self.job(engine, place), engine.made(place)
        if event in (DIVERGED, RUINED) and not engine.takes_back:
            # The loss was not finite with the weights before the last update.
            job.repeats(job.sound, max(steps - 1, 1) if event == DIVERGED else steps)
            return self.repeat(engine, place)
        if steps + 1 < job.ruin:
            job.repeats(steps - 1, job.ruin)
            return self.repeat(engine, place)
        if event in (DIVERGED, RUINED) or job.ruin >= 0:
            return self.end(engine, place, "diverged", False)
        if event != CLEAN and steps < job.limit:  # the first check may be made from now on
            return self.expect(engine, place)
        # More updates than the limit were made before a training that is continued with fewer samples.
        tested = self.judged and (event == CLEAN or steps == job.limit)
        exact = tested and self.is_exact(engine, place, event == CLEAN)
        if exact and self.config.until != "samples":
            return self.end(engine, place, "exact", True)
        if event == CLEAN:
            engine.forget(place)
        if steps >= job.limit:
            return self.end(engine, place, "samples", exact)
        self.expect(engine, place)

    def expect(self, engine, place):
        """Say after how many updates the engine is to return for a network."""
        job, patience = self.job(engine, place), 0
        limit = job.limit
        if self.judged and job.ruin < 0 and not self.found_exact(engine, place):
            patience = self.config.verify_after
            if job.checks:
                patience, limit = job.checks.ahead(engine.made(place), limit)
        engine.expect(place, patience, limit)
