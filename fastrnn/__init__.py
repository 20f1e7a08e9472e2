"""fastrnn: the fastest trainer of small recurrent networks on a CPU, which knows when its networks are right.

    >>> import fastrnn
    >>> run = fastrnn.train(fastrnn.Elman(hidden_size=16), fastrnn.tasks.Addition(bits=8))
    >>> run.exact, run.model.add(9, 60)
    (True, 69)
"""

from fastrnn import tasks
from fastrnn.cells.elman import Elman
from fastrnn.errors import CheckpointError
from fastrnn.model import Model
from fastrnn.train import History, Run, TrainConfig, loss_and_grad, train
from fastrnn.verify import Verification, verify

__version__ = "0.1.0"

__all__ = ["CheckpointError", "Elman", "History", "Model", "Run", "TrainConfig", "Verification", "loss_and_grad", "tasks",
           "train", "verify"]
