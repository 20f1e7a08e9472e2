"""A user's program, whose types mypy checks (tests/test_style.py); nothing runs it."""

from typing import assert_type

import numpy as np

import fastrnn
from fastrnn import GRU, Elman, Fit, Fits, Generalization, ManyRun, Model, Run, Sequences, Verification

run = fastrnn.train(Elman(hidden_size=16, activation="tanh"), fastrnn.tasks.Addition(bits=8), threads=2)
assert_type(run, Run)
assert_type(run.model, Model)
assert_type(run.exact, bool)
assert_type(run.verification, Verification | None)
assert_type(fastrnn.train(data=(np.zeros((4, 3, 2)), np.zeros((4, 3, 1)))), Run)
assert_type(fastrnn.train_many(task=fastrnn.tasks.Parity(), seeds=range(8)), ManyRun)

data = Sequences([np.zeros((3, 2))], [np.zeros((3, 1))])
fit = fastrnn.train(GRU(2), data, fastrnn.FitConfig(epochs=3), seed=1)
fits = fastrnn.train_many(GRU(2), data, seeds=range(3), roles=["train"])
assert_type(fit, Fit)
assert_type(fits, Fits)
assert_type(fits.best, Fit)
assert_type(fastrnn.verify(run.model), Verification)
assert_type(fastrnn.generalize(run.model, most=64), Generalization)
assert_type(fastrnn.certify(run.model).model, Model)
assert_type(Model.load("adder.safetensors"), Model)
assert_type(fastrnn.import_network("network.pt"), Fit)
