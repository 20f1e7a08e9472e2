"""Training: `train`, its configuration, and what it returns."""

from fastrnn.train.config import TrainConfig
from fastrnn.train.curriculum import Curriculum
from fastrnn.train.gradient import loss_and_grad
from fastrnn.train.many import train_many
from fastrnn.train.many_run import ManyRun
from fastrnn.train.one import train
from fastrnn.train.run import History, Run

__all__ = ["Curriculum", "History", "ManyRun", "Run", "TrainConfig", "loss_and_grad", "train", "train_many"]
