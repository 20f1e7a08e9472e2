"""The checkpoint of one network's training."""

import time

from fastrnn.checkpoint import encoded
from fastrnn.training.tasks.autosave import TrainingAutosave
from fastrnn.training.tasks.resume import load_run, run_content

# Bytes of a file with a long history, for any network.
SIZE = 200_000


class RunAutosave(TrainingAutosave):
    """An Autosave of Runs; state: the unfinished one from the file, or None; more: plain values stored in the file."""

    more = None

    def _loaded(self):
        run, _ = load_run(self.path, *self.kinds)
        theirs = run.state.pop("identity", None)
        if theirs is None:
            raise ValueError(f"checkpoint: {self.path} is a saved run, not a checkpoint; give a free name, "
                             "and the run as `resume`")
        self.more = run.model.metadata.pop("more", None)
        return theirs, run

    def keep(self, more):
        """Store these plain values in the file from now on; a list may grow."""
        self.more = more

    def offer(self, make):
        """Save make(), a Run, if it is time to."""
        if self.due(SIZE):
            self.save(make)

    def save(self, make):
        """Save make(), a Run."""
        began = time.perf_counter()
        run = make()
        tensors, metadata = run_content(run, self.identity)
        self.write(lambda: encoded(tensors, metadata if self.more is None else {**metadata, "more": self.more}), began)

    def finish(self, run):
        """At the end of a training: delete the file, or save what was interrupted."""
        if run.stopped == "interrupted":
            self.save(lambda: run)
        else:
            self.remove()
