"""Tasks as automata, and the graph of windows that proofs run on."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from numba.extending import overload

import fastrnn
from fastrnn.certify.automaton import Windows, automaton_of
from fastrnn.certify.sequences import bits_of, every, planes_of, rhythms, skewed
from fastrnn.tasks.base import label


class ParityKernel(NamedTuple):
    """The parity of all inputs so far, kept twice: states that nothing can tell apart."""

    one: int


class CounterKernel(NamedTuple):
    """Counts steps in binary, in `planes` bits, and shows the highest: many states."""

    planes: int


@overload(label)
def _label(task, x, y, state):
    if task.instance_class is ParityKernel:
        def parity(task, x, y, state):
            for t in range(x.shape[0]):
                state[1] = state[0]
                state[0] ^= x[t, 0]
                y[t, 0] = state[0]
                state[63] ^= ~np.uint64(0)
        return parity
    if task.instance_class is CounterKernel:
        def count(task, x, y, state):
            for t in range(x.shape[0]):
                ripple = x[t, 0]
                for plane in range(task.planes):
                    state[plane], ripple = state[plane] ^ ripple, state[plane] & ripple
                y[t, 0] = state[task.planes - 1]
        return count


@dataclass(frozen=True)
class Toy:
    """As much of a task as an automaton is made from."""

    kernel: NamedTuple
    name: str = "toy"
    input_size: int = 1
    output_size: int = 1


@pytest.mark.parametrize("operands", [2, 3, 5, 8])
def test_addition_is_a_machine_whose_state_is_the_carry(operands):
    automaton = automaton_of(fastrnn.tasks.Addition(32, operands=operands))
    assert automaton.states == operands and automaton.symbols == 2**operands
    carry_of = {0: 0}
    for state in range(operands):  # numbered as they are met, so each is known by now
        for symbol in range(automaton.symbols):
            total = int(symbol).bit_count() + carry_of[state]
            assert automaton.outputs[state, symbol, 0] == total & 1
            assert carry_of.setdefault(int(automaton.following[state, symbol]), total >> 1) == total >> 1
    assert sorted(carry_of.values()) == list(range(operands))


def test_the_width_of_a_task_does_not_matter():
    one, other = (automaton_of(fastrnn.tasks.Addition(bits)) for bits in (8, 100))
    assert np.array_equal(one.following, other.following) and np.array_equal(one.outputs, other.outputs)


def test_states_that_no_input_can_tell_apart_are_one():
    automaton = automaton_of(Toy(ParityKernel(1)))
    assert automaton.following.tolist() == [[0, 1], [1, 0]] and automaton.outputs[..., 0].tolist() == [[0, 1], [1, 0]]


def test_a_task_with_many_states_is_proved_and_one_with_too_many_refused():
    assert automaton_of(Toy(CounterKernel(6))).states == 64
    with pytest.raises(ValueError, match="toy has more than 4096 states"):
        automaton_of(Toy(CounterKernel(14)))


def test_a_task_with_too_many_symbols_is_refused():
    with pytest.raises(ValueError, match="addition has 9 inputs, which is 512 symbols a step"):
        automaton_of(fastrnn.tasks.Addition(16, operands=9))


@pytest.mark.parametrize("task, k", [(fastrnn.tasks.Addition(8), 1), (fastrnn.tasks.Addition(8), 3),
                                     (fastrnn.tasks.Addition(8, operands=3), 2), (Toy(CounterKernel(3)), 2)])
def test_windows_follow_the_task_step_by_step(task, k):
    automaton = automaton_of(task)
    windows, rng = Windows(automaton, k), np.random.default_rng(k)
    assert windows.nodes == automaton.states * automaton.symbols**k
    for _ in range(20):
        word, states = rng.integers(0, automaton.symbols, 40), [0]
        for symbol in word:
            states.append(automaton.following[states[-1], symbol])
        for t in range(k, 40):
            node = states[t - k]
            for symbol in word[t - k : t]:
                node = node * automaton.symbols + symbol
            if t > k:
                assert node == windows.middle[before] * automaton.symbols + word[t - 1]
            assert windows.final[node] == states[t]
            assert (windows.labels[node] > 0).tolist() == (automaton.outputs[states[t - 1], word[t - 1]] > 0).tolist()
            before = node


def test_ways_lead_to_their_states():
    automaton = automaton_of(Toy(CounterKernel(4)))
    for target, way in enumerate(Windows(automaton, 1).ways()):
        state = 0
        for symbol in way:
            state = automaton.following[state, symbol]
        assert state == target


def test_a_node_is_named_by_its_state_and_symbols():
    windows = Windows(automaton_of(fastrnn.tasks.Addition(8)), 3)
    assert windows.name(64 + 16 * 1 + 4 * 3 + 2) == "state 1, then 10 11 01"


def test_planes_and_bits_are_inverse():
    symbols = np.random.default_rng(0).integers(0, 8, (130, 7))
    planes = planes_of(symbols, 3)
    assert planes.shape == (3, 7, 3)
    assert np.array_equal((bits_of(planes, 130) << np.arange(3)).sum(axis=2), symbols)


def test_lists_of_sequences_hold_what_they_promise():
    assert len({tuple(row) for row in every(4)}) == 4**7
    rows = {tuple(row) for row in rhythms(4, 40)}
    assert all(tuple([symbol] * 40) in rows for symbol in range(4)) and (3, *[1] * 38, 0) in rows and (1, 2) * 20 in rows
    assert len(rhythms(8, 40)) <= 8192 and len(rhythms(256, 8)) <= 8192
    drawn = skewed(4, 500, 100, np.random.default_rng(0))
    assert drawn.min() == 0 and drawn.max() == 3
    # Runs of ten and more equal symbols: uniform ones would have some 15 in as many.
    same = np.lib.stride_tricks.sliding_window_view(drawn[:, 1:] == drawn[:, :-1], 9, axis=1).all(axis=2)
    assert same.sum() > 1000
