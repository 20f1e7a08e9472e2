"""Tasks as automata, and the graphs that proofs run on."""

from dataclasses import dataclass

import numpy as np
import pytest
from certified_models import proved, unproved
from kernel_runs import batched

import fastrnn
from fastrnn.bits.planes import unpacked_bits
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.graph import Graph, own_machine, windows
from fastrnn.proofs.sequences import every, planes_of, rhythms, skewed
from fastrnn.tasks.base import Task, incremented


@dataclass(frozen=True)
class Parity(Task):
    """The parity of all inputs so far, kept twice: states that nothing can tell apart."""

    bits: int = 8
    name, input_size = "toy", 1

    def label(self, x, state):
        odd = state[0] ^ x[0]
        return [odd], [odd, state[0], *state[2:63], ~state[63]]


@dataclass(frozen=True)
class Counter(Task):
    """Counts ones in binary, and shows the highest bit: many states."""

    planes: int
    bits: int = 8
    name, input_size = "toy", 1

    def label(self, x, state):
        counters = incremented(state[: self.planes], x[0])
        return counters[-1:], counters


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
    automaton = automaton_of(Parity())
    assert automaton.following.tolist() == [[0, 1], [1, 0]] and automaton.outputs[..., 0].tolist() == [[0, 1], [1, 0]]


def test_a_task_with_many_states_is_proved_and_one_with_too_many_refused():
    assert automaton_of(Counter(6)).states == 64
    with pytest.raises(ValueError, match="toy has more than 4096 states"):
        automaton_of(Counter(14))


def test_a_task_with_too_many_symbols_is_refused():
    with pytest.raises(ValueError, match="addition has 9 inputs, which is 512 symbols per step"):
        automaton_of(fastrnn.tasks.Addition(16, operands=9))


@pytest.mark.parametrize("task, k", [(fastrnn.tasks.Addition(8), 1), (fastrnn.tasks.Addition(8), 3),
                                     (fastrnn.tasks.Addition(8, operands=3), 2), (Counter(3), 2)])
def test_windows_follow_the_task_step_by_step(task, k):
    automaton = automaton_of(task)
    graph, rng = windows(automaton, k), np.random.default_rng(k)
    beginnings = sum(automaton.symbols**length for length in range(k))
    assert (
        graph.nodes == beginnings + automaton.states * automaton.symbols**k == len(graph.following) == len(graph.labels)
    )
    for _ in range(20):
        word, states, node = rng.integers(0, automaton.symbols, 40), [0], 0
        for t, symbol in enumerate(word):
            states.append(automaton.following[states[-1], symbol])
            node = graph.following[node, symbol]
            assert graph.state[node] == states[-1]
            assert (graph.labels[node] > 0).tolist() == (automaton.outputs[states[t], symbol] > 0).tolist()
            if t + 1 >= k:
                place = states[t + 1 - k]
                for each in word[t + 1 - k : t + 1]:
                    place = place * automaton.symbols + each
                assert node == beginnings + place
            else:
                assert node < beginnings


@pytest.mark.parametrize(
    "make",
    [
        lambda: windows(automaton_of(Counter(4)), 2),
        lambda: windows(automaton_of(fastrnn.tasks.Addition(8)), 3),
        lambda: own_machine(proved().model, automaton_of(proved().task), 1024),
    ],
)
def test_every_node_is_reached_by_its_way_and_by_none_shorter(make):
    graph = make()
    steps = {0: 0}
    for node in (order := [0]):
        for after in map(int, graph.following[node]):
            if after not in steps:
                steps[after] = steps[node] + 1
                order.append(after)
    assert sorted(steps) == list(range(graph.nodes)) and 0 not in graph.following
    for node in range(graph.nodes):
        here = 0
        for symbol in graph.way(node):
            here = graph.following[here, symbol]
        assert here == node and len(graph.way(node)) == steps[node]
    assert sorted(np.concatenate([nodes for _, _, nodes in graph.levels])) == list(range(1, graph.nodes))


def test_a_node_is_named_by_the_inputs_that_lead_there():
    graph = windows(automaton_of(fastrnn.tasks.Addition(8)), 3)
    assert graph.name(0) == "at the start" and graph.name(graph.following[graph.following[0, 1], 2]) == "after 10 01"


def test_what_nodes_have_in_common_is_joined_and_nothing_else():
    # Node 0 leads to 1 and 2, both of which lead to 1 and 3; 3 leads to 3 and 1.
    following = np.array([[1, 2], [1, 3], [1, 3], [3, 1]])
    graph = Graph(automaton_of(Parity()), following, np.zeros(4, int), np.zeros((4, 1)))
    groups = np.split(graph.order, graph.starts[1:])
    assert sorted(map(sorted, groups)) == [[0], [1, 2], [3]]
    rows = [tuple(following[group[0]]) for group in groups]
    arrivals = np.split(graph.joined.order, graph.joined.firsts[1:])
    assert graph.joined.reached.tolist() == [1, 2, 3]
    for node, places in zip(graph.joined.reached, arrivals):
        assert {rows[place // 2][place % 2] for place in places} == {node}
    assert sorted(np.concatenate(arrivals)) == list(range(6))


def test_the_own_machine_is_what_the_network_does():
    found = proved()
    automaton = automaton_of(found.task)
    graph, rng = own_machine(found.model, automaton, 1024), np.random.default_rng(0)
    assert automaton.states <= graph.nodes < 100
    symbols = rng.integers(0, 4, (200, 60))
    states = batched(found.model, symbols)[0]
    node, inside = np.zeros(200, int), {}
    for t in range(60):
        node = graph.following[node, symbols[:, t]]
        for each, hidden in zip(node, states[:, t] > 0.5):
            assert inside.setdefault(int(each), hidden.tobytes()) == hidden.tobytes()


def test_networks_with_no_small_machine_have_none():
    model, automaton = unproved(), automaton_of(unproved().task)
    assert own_machine(model, automaton, 3) is None
    relu = fastrnn.Model(fastrnn.Elman(16, "relu"), model.weights, model.task)
    assert own_machine(relu, automaton, 1024) is None


def test_planes_and_bits_are_inverse():
    symbols = np.random.default_rng(0).integers(0, 8, (130, 7))
    planes = planes_of(symbols, 3)
    assert planes.shape == (3, 7, 3)
    assert np.array_equal((unpacked_bits(planes, 130) << np.arange(3)).sum(axis=2), symbols)


def test_lists_of_sequences_hold_what_they_promise():
    assert len({tuple(row) for row in every(4)}) == 4**7
    rows = {tuple(row) for row in rhythms(4, 40)}
    assert (
        all(tuple([symbol] * 40) in rows for symbol in range(4)) and (3, *[1] * 38, 0) in rows and (1, 2) * 20 in rows
    )
    assert len(rhythms(8, 40)) <= 8192 and len(rhythms(256, 8)) <= 8192
    drawn = skewed(4, 500, 100, np.random.default_rng(0))
    assert drawn.min() == 0 and drawn.max() == 3
    # Runs of ten and more equal symbols: uniform ones would have some 15 in as many.
    same = np.lib.stride_tricks.sliding_window_view(drawn[:, 1:] == drawn[:, :-1], 9, axis=1).all(axis=2)
    assert same.sum() > 1000
