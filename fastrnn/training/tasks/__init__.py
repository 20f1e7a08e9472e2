"""Training on tasks and on arrays of bits: one network or many, and the configuration and results."""

from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.curriculum import Curriculum
from fastrnn.training.tasks.gradient import loss_and_grad
from fastrnn.training.tasks.many import train_many
from fastrnn.training.tasks.many_run import ManyRun
from fastrnn.training.tasks.one import train
from fastrnn.training.tasks.run import History, Run

__all__ = ["Curriculum", "History", "ManyRun", "Run", "TrainConfig", "loss_and_grad", "train", "train_many"]
