"""fastrnn trains small recurrent networks on CPUs, one or thousands at a time, and proves some of them right.

    >>> import fastrnn
    >>> run = fastrnn.train(fastrnn.Elman(hidden_size=16), fastrnn.tasks.Addition(bits=8))
    >>> run.exact, run.model.add(9, 60)
    (True, 69)
"""

import importlib
from typing import TYPE_CHECKING

from fastrnn.beginning import IMPORTED_AT as IMPORTED_AT

if TYPE_CHECKING:
    from fastrnn import analysis as analysis
    from fastrnn import data as data
    from fastrnn import debug as debug
    from fastrnn import tasks as tasks
    from fastrnn.cells.base import Cell as Cell
    from fastrnn.cells.coupled_lstm import CoupledLSTM as CoupledLSTM
    from fastrnn.cells.elman import Elman as Elman
    from fastrnn.cells.fastgrnn import FastGRNN as FastGRNN
    from fastrnn.cells.gru import GRU as GRU
    from fastrnn.cells.indrnn import IndRNN as IndRNN
    from fastrnn.cells.janet import JANET as JANET
    from fastrnn.cells.leaky import Leaky as Leaky
    from fastrnn.cells.lstm import LSTM as LSTM
    from fastrnn.cells.mgu import MGU as MGU
    from fastrnn.cells.mingru import MinGRU as MinGRU
    from fastrnn.cells.multiplicative import MultiplicativeRNN as MultiplicativeRNN
    from fastrnn.cells.peephole_lstm import PeepholeLSTM as PeepholeLSTM
    from fastrnn.cells.ugrnn import UGRNN as UGRNN
    from fastrnn.data import Sequences as Sequences
    from fastrnn.errors import CheckpointError as CheckpointError
    from fastrnn.exchange.entry import export as export
    from fastrnn.generalization import Generalization as Generalization
    from fastrnn.generalization import generalize as generalize
    from fastrnn.model import Model as Model
    from fastrnn.pages.entry import write_page as write_page
    from fastrnn.proofs import Bounds as Bounds
    from fastrnn.proofs import Certification as Certification
    from fastrnn.proofs import bounds as bounds
    from fastrnn.proofs import certify as certify
    from fastrnn.sweeps import smallest as smallest
    from fastrnn.sweeps import sweep as sweep
    from fastrnn.training.entry import train as train
    from fastrnn.training.entry import train_many as train_many
    from fastrnn.training.sequences.config import FitConfig as FitConfig
    from fastrnn.training.sequences.fits import Fit as Fit
    from fastrnn.training.sequences.fits import Fits as Fits
    from fastrnn.training.sequences.imported import import_network as import_network
    from fastrnn.training.sequences.select import cross_validate as cross_validate
    from fastrnn.training.sequences.selection import Selection as Selection
    from fastrnn.training.tasks import Curriculum as Curriculum
    from fastrnn.training.tasks import History as History
    from fastrnn.training.tasks import ManyRun as ManyRun
    from fastrnn.training.tasks import Run as Run
    from fastrnn.training.tasks import TrainConfig as TrainConfig
    from fastrnn.training.tasks import loss_and_grad as loss_and_grad
    from fastrnn.verification import Verification as Verification
    from fastrnn.verification import verify as verify

__version__ = "0.1.0"

# Each export is imported when first asked for: NumPy and LLVM take 0.3 s, which `fastrnn --help` must not wait for.
_EXPORTS = {
    "cells.base": ("Cell",),
    "cells.coupled_lstm": ("CoupledLSTM",),
    "cells.elman": ("Elman",),
    "cells.fastgrnn": ("FastGRNN",),
    "cells.gru": ("GRU",),
    "cells.indrnn": ("IndRNN",),
    "cells.janet": ("JANET",),
    "cells.leaky": ("Leaky",),
    "cells.lstm": ("LSTM",),
    "cells.mgu": ("MGU",),
    "cells.mingru": ("MinGRU",),
    "cells.multiplicative": ("MultiplicativeRNN",),
    "cells.peephole_lstm": ("PeepholeLSTM",),
    "cells.ugrnn": ("UGRNN",),
    "data": ("Sequences",),
    "errors": ("CheckpointError",),
    "exchange.entry": ("export",),
    "generalization": ("Generalization", "generalize"),
    "model": ("Model",),
    "pages.entry": ("write_page",),
    "proofs": ("Bounds", "Certification", "bounds", "certify"),
    "sweeps": ("smallest", "sweep"),
    "training.entry": ("train", "train_many"),
    "training.sequences.config": ("FitConfig",),
    "training.sequences.fits": ("Fit", "Fits"),
    "training.sequences.imported": ("import_network",),
    "training.sequences.select": ("cross_validate",),
    "training.sequences.selection": ("Selection",),
    "training.tasks": ("Curriculum", "History", "ManyRun", "Run", "TrainConfig", "loss_and_grad"),
    "verification": ("Verification", "verify"),
}
_PACKAGES = ("analysis", "data", "debug", "tasks")
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted([*_HOME, *_PACKAGES])


def __getattr__(name):
    if name not in _PACKAGES and name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # A wrong setting is named here, not in the middle of a training.
    importlib.import_module(f"{__name__}.cores").threads_setting()
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
