"""Tasks of a user in files: a digest of what a task answers, and what is known without its definition."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from fastrnn.bits.label import label_words
from fastrnn.errors import CheckpointError, printable
from fastrnn.tasks.base import Task, tasks

# Among the metadata of files, whose other names are the user's: the digest of a task that is not one of fastrnn's.
TASK_LABELS = "labels of the task"
# Steps, at most, and words of 64 samples, whose labels are compared.
STEPS, WORDS = 256, 4


@dataclass(frozen=True)
class UndefinedTask:
    """What a file says of a task whose class is not known: its name and fields.

    A network predicts without its task. Whatever needs more of the task raises CheckpointError, which says how to give
    the class.
    """

    path: str = field(compare=False)
    content: dict = field(hash=False)
    labels: str | None

    @property
    def name(self):
        """The name of the task."""
        return self.content["name"]

    def described(self):
        """The task in words."""
        return f"{printable(self.name):.80}, which is not defined here"

    def __getattr__(self, name):
        # What Python asks of any object, and what is missing while one is copied.
        if name.startswith("__") or name in self.__dataclass_fields__:
            raise AttributeError(name)
        self.refuse("give its class, Model.load(path, task=CLASS)")

    def refuse(self, remedy):
        """Raise CheckpointError; remedy: what to do."""
        raise CheckpointError(f"{self.path}: was trained on the task {self.name!r:.80}, which is not one of this "
                              f"fastrnn's, and this needs its definition: {remedy}")


def own_labels(task):
    """Return {TASK_LABELS: digest} of a task that is not one of fastrnn's, whose name does not say what it does; else
    {}."""
    if isinstance(task, UndefinedTask):
        return {} if task.labels is None else {TASK_LABELS: task.labels}
    own = isinstance(task, Task) and tasks().get(task.name) is not type(task)
    return {TASK_LABELS: _digest(task)} if own else {}


def _digest(task):
    """Return a digest of what a task answers to some fixed samples."""
    steps = min(task.bits, STEPS)
    size = WORDS * steps * task.input_size
    x = np.frombuffer(hashlib.shake_256(b"fastrnn").digest(8 * size), "<u8").astype(np.uint64)
    x = x.reshape(WORDS, steps, task.input_size)
    x[:, steps - (task.bits - task.free_bits) :] = 0
    return hashlib.sha256(label_words(task, x).astype("<u8")).hexdigest()[:32]
