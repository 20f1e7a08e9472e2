"""Checkpoints of a training on several threads, each of which leaves the contents of its lanes between two calls."""


class Deposits:
    """Puts a checkpoint together when one is due; the last worker's deposit completes it.

    due(): whether one is due; write(deposits): writes it from what all workers left. lock: held meanwhile, and by those
    who call `leave`.
    """

    def __init__(self, due, write, lock):
        self.due, self.write, self.lock = due, write, lock
        # Those at work, and what they left, while a checkpoint is put together; None otherwise.
        self.working, self.left = set(), None

    def begin(self, worker):
        """Count on a deposit of a worker from now on."""
        with self.lock:
            self.working.add(worker)

    def leave(self, worker):
        """Count on a worker no more: at a later moment, its models are elsewhere."""
        self.working.discard(worker)
        (self.left or {}).pop(worker, None)

    def offer(self, worker, contents):
        """Add contents(worker) to the checkpoint, when one is due."""
        with self.lock:
            if self.left is None and self.due():
                self.left = {}
            if self.left is None:
                return
            if worker not in self.left:
                self.left[worker] = contents(worker)
            if self.working <= set(self.left):
                # Also after a failure the next checkpoint is put together from the beginning.
                left, self.left = self.left, None
                self.write(list(left.values()))
