"""fastrnn trains small recurrent networks on CPUs, one or thousands at a time, and proves some of them right.

    >>> import fastrnn
    >>> run = fastrnn.train(fastrnn.Elman(hidden_size=16), fastrnn.tasks.Addition(bits=8))
    >>> run.exact, run.model.add(9, 60)
    (True, 69)
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastrnn import analysis, data, tasks
    from fastrnn.certify import Certification, certify
    from fastrnn.cells.base import Cell
    from fastrnn.cells.coupled_lstm import CoupledLSTM
    from fastrnn.cells.elman import Elman
    from fastrnn.cells.fastgrnn import FastGRNN
    from fastrnn.cells.gru import GRU
    from fastrnn.cells.indrnn import IndRNN
    from fastrnn.cells.janet import JANET
    from fastrnn.cells.leaky import Leaky
    from fastrnn.cells.lstm import LSTM
    from fastrnn.cells.mgu import MGU
    from fastrnn.cells.mingru import MinGRU
    from fastrnn.cells.multiplicative import MultiplicativeRNN
    from fastrnn.cells.peephole_lstm import PeepholeLSTM
    from fastrnn.cells.ugrnn import UGRNN
    from fastrnn.data import Sequences
    from fastrnn.errors import CheckpointError
    from fastrnn.exchange.entry import export
    from fastrnn.generalize import Generalization, generalize
    from fastrnn.model import Model
    from fastrnn.pages.entry import write_page
    from fastrnn.sweep import smallest, sweep
    from fastrnn.train import Curriculum, History, ManyRun, Run, TrainConfig, loss_and_grad
    from fastrnn.training.config import FitConfig
    from fastrnn.training.entry import train, train_many
    from fastrnn.training.fits import Fits
    from fastrnn.training.imported import import_network
    from fastrnn.training.one import Fit
    from fastrnn.training.select import cross_validate
    from fastrnn.training.selection import Selection
    from fastrnn.verify import Verification, verify

__version__ = "0.1.0"

# Each export is imported when first asked for: numba alone takes 0.4 s, which `fastrnn --help` must not wait for.
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
    "certify": ("Certification", "certify"),
    "data": ("Sequences",),
    "errors": ("CheckpointError",),
    "exchange.entry": ("export",),
    "generalize": ("Generalization", "generalize"),
    "model": ("Model",),
    "pages.entry": ("write_page",),
    "sweep": ("smallest", "sweep"),
    "training.config": ("FitConfig",),
    "training.entry": ("train", "train_many"),
    "training.fits": ("Fits",),
    "training.imported": ("import_network",),
    "training.one": ("Fit",),
    "training.select": ("cross_validate",),
    "training.selection": ("Selection",),
    "train": ("Curriculum", "History", "ManyRun", "Run", "TrainConfig", "loss_and_grad"),
    "verify": ("Verification", "verify"),
}
_PACKAGES = ("analysis", "data", "tasks")
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted([*_HOME, *_PACKAGES])


def __getattr__(name):
    if name not in _PACKAGES and name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Before numba reads the same variable, and answers a wrong one with a traceback.
    importlib.import_module(f"{__name__}.cores").threads_setting()
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `train`, `verify` and the like the functions: importing a module of the same name would put it in their place."""

    def __setattr__(self, name, value):
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
