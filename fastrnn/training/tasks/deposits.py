"""Checkpoints of a training on several threads, each of which leaves the contents of its lanes between two calls."""


class Deposits:
    """Puts a checkpoint together when one is due; the last worker's deposit completes it.

    autosave: an Autosave, or None; size(): of the file, about; write(deposits): writes it from what all workers left,
    each a list. lock: held meanwhile, and by those who call `add` and `end`.
    """

    def __init__(self, autosave, size, write, lock):
        self.autosave, self.size, self.write, self.lock = autosave, size, write, lock
        # Those at work, and what they left, while a checkpoint is put together; None otherwise.
        self.working, self.left = set(), None

    def begin(self, worker):
        """Count on a deposit of a worker from now on."""
        with self.lock:
            self.working.add(worker)

    def add(self, worker, more):
        """Add to what a worker left for the checkpoint that is being put together, if it did."""
        if self.left and worker in self.left:
            self.left[worker] += more

    def end(self, worker, elsewhere=False):
        """Count on a worker no more; elsewhere: whether all that it left is now found somewhere else."""
        self.working.discard(worker)
        if elsewhere and self.left:
            self.left.pop(worker, None)

    def offer(self, worker, contents):
        """Add contents(worker) to the checkpoint, when one is due."""
        with self.lock:
            if self.left is None and self.autosave is not None and self.autosave.due(self.size()):
                self.left = {}
            if self.left is None:
                return
            if worker not in self.left:
                self.left[worker] = contents(worker)
            if self.working <= set(self.left):
                # Also after a failure the next checkpoint is put together from the beginning.
                left, self.left = self.left, None
                self.write(list(left.values()))
