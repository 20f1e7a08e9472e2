"""What users write as a task's label: whatever it is, kernels are of this label, or an error says what is wrong."""

from dataclasses import dataclass, field

import pytest
from task_runs import answers

import fastrnn
from fastrnn import Elman
from fastrnn.own_tasks import own_labels
from fastrnn.proofs.automaton import automaton_of
from fastrnn.tasks.base import Task


@dataclass
class Either(Task):
    """A function of two bits, chosen by a field that tasks are not compared by, in a class that has no hash."""

    bits: int = 4
    table: list = field(default_factory=list, compare=False)

    input_size, states = 2, 1

    def label(self, x, state):
        return [x[0] | x[1] if self.table else x[0] & x[1]], []

    def oracle(self, operands):
        return operands[0] | operands[1] if self.table else operands[0] & operands[1]


ROWS = [(3, 5), (15, 0), (9, 9)]


def test_a_kernel_is_of_its_tasks_label_whatever_tasks_are_compared_by():
    both, either = tasks = Either(4), Either(4, [1])
    assert both == either
    for task in tasks:
        assert list(answers(task, ROWS)) == [task.oracle(row) for row in ROWS]
    assert own_labels(both) != own_labels(either)
    assert automaton_of(both).outputs.tolist() != automaton_of(either).outputs.tolist()
    runs = [fastrnn.train(Elman(4), task, seed=1, max_samples=60_000) for task in tasks]
    assert all(run.exact for run in runs)
    assert all(fastrnn.verify(run.model).exact for run in runs)
    swapped = fastrnn.Model(runs[0].model.cell, runs[0].model.weights, either)
    assert not fastrnn.verify(swapped).exact


def test_a_label_that_is_exchanged_is_compiled(monkeypatch):
    task = Either(4)
    assert list(answers(task, ROWS)) == [1, 0, 9]
    monkeypatch.setattr(Either, "label", lambda self, x, state: ([x[0] ^ x[1]], []))
    assert list(answers(task, ROWS)) == [6, 15, 0]


KEPT = []


def kept(x):
    KEPT.append(x[0])
    return KEPT[0]


WRONG = {
    "a word": (lambda x, state: (x[0], []), "got <.*Word.*expected a list of words"),
    "no state": (lambda x, state: ([x[0]], None), "got None, expected a list of words"),
    "a generator": (lambda x, state: ((w for w in x[:1]), []), "expected a list of words"),
    "a number": (lambda x, state: ([0], []), "got 0, expected words"),
    "equality": (lambda x, state: ([x[0] if x[0] == x[1] else x[1]], []), r"~\(a \^ b\) in place of a == b"),
    "inequality": (lambda x, state: ([x[0] if x[0] != x[1] else x[1]], []), r"~\(a \^ b\) in place of a == b"),
    "membership": (lambda x, state: ([x[0]] if x[0] in x[1:] else [x[1]], []), r"~\(a \^ b\) in place of a == b"),
    "a word kept by the user": (lambda x, state: ([kept(x) ^ x[1]], []), "kept from an earlier step"),
    "an output kept by the user": (lambda x, state: ([kept(x)], []), "kept from an earlier step"),
    "a state kept by the user": (lambda x, state: ([x[0]], [kept(x)]), "kept from an earlier step"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_label_is_refused_in_one_line(name, monkeypatch):
    label, message = WRONG[name]
    KEPT.clear()
    monkeypatch.setattr(Either, "label", lambda self, x, state: label(x, state))
    with pytest.raises(TypeError, match=message) as error:
        for _ in range(2):
            answers(Either(4), ROWS)
    assert "\n" not in str(error.value) and "label: " in str(error.value)


@pytest.mark.parametrize("name", ["input_size", "output_size"])
def test_a_task_without_inputs_or_outputs_is_refused(name, monkeypatch):
    monkeypatch.setattr(Either, name, 0)
    with pytest.raises(ValueError, match=rf"^Either\.{name}: got 0, expected an integer of at least 1$"):
        fastrnn.train(Elman(2), Either(4), max_samples=1)
