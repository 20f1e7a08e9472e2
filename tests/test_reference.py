"""The scalar original: its updates as a gradient, its draws, its bits, and its independence."""

import ast
from pathlib import Path

import numpy as np
import pytest

from fastrnn import reference


def squared_error(synapses, a_bits, b_bits, c_bits):
    """0.5 * sum (y - layer_2)**2, written apart from the code under test."""
    synapse_0, synapse_1, synapse_h = synapses
    h = np.zeros(len(synapse_h))
    total = 0.0
    for a, b, y in zip(a_bits[::-1], b_bits[::-1], c_bits[::-1], strict=True):
        h = 1 / (1 + np.exp(-(a * synapse_0[0] + b * synapse_0[1] + h @ synapse_h)))
        o = 1 / (1 + np.exp(-(h @ synapse_1[:, 0])))
        total += 0.5 * (y - o) ** 2
    return total


def central_differences(synapses, bits, step=1e-5):
    gradients = []
    for weights in synapses:
        gradient = np.zeros_like(weights)
        for index in np.ndindex(weights.shape):
            kept = weights[index]
            weights[index] = kept + step
            above = squared_error(synapses, *bits)
            weights[index] = kept - step
            below = squared_error(synapses, *bits)
            weights[index] = kept
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("hidden_dim", [1, 5, 16])
@pytest.mark.parametrize("a, b", [(9, 60), (127, 127), (0, 0)])
def test_updates_are_minus_the_gradient(hidden_dim, a, b):
    synapses = reference.initial_synapses(np.random.RandomState(3), hidden_dim)
    int2binary = reference.binary_table()
    bits = int2binary[a], int2binary[b], int2binary[a + b]
    updates, _, _ = reference.forward_backward(synapses, *bits)
    for update, gradient in zip(updates, central_differences(synapses, bits), strict=True):
        assert update.shape == gradient.shape
        np.testing.assert_allclose(update, -gradient, rtol=0, atol=1e-9)


def test_forward_backward_leaves_the_synapses_and_adds_to_the_updates():
    synapses = reference.initial_synapses(np.random.RandomState(1), 4)
    before = [weights.copy() for weights in synapses]
    int2binary = reference.binary_table()
    bits = int2binary[28], int2binary[35], int2binary[63]
    once, _, _ = reference.forward_backward(synapses, *bits)
    given = reference.Synapses(*(np.ones_like(weights) for weights in synapses))
    added, _, _ = reference.forward_backward(synapses, *bits, given)
    for kept, weights in zip(before, synapses, strict=True):
        np.testing.assert_array_equal(kept, weights)
    for mine, returned, update in zip(given, added, once, strict=True):
        assert mine is returned
        np.testing.assert_allclose(mine, 1 + update, rtol=0, atol=1e-14)


def test_apply_updates_moves_by_alpha_and_clears():
    synapses = reference.Synapses(np.zeros((2, 3)), np.zeros((3, 1)), np.zeros((3, 3)))
    updates = reference.Synapses(*(np.full_like(w, k) for k, w in enumerate(synapses, 1)))
    reference.apply_updates(synapses, updates, 0.5)
    for k, (weights, update) in enumerate(zip(synapses, updates, strict=True), 1):
        assert (weights == 0.5 * k).all()
        assert (update == 0).all()


def test_the_draws_are_those_of_the_global_seed_in_the_tutorials_order():
    state = np.random.get_state()
    try:
        np.random.seed(7)
        synapse_0 = 2 * np.random.random((2, 16)) - 1
        synapse_1 = 2 * np.random.random((16, 1)) - 1
        synapse_h = 2 * np.random.random((16, 16)) - 1
        sums = [(np.random.randint(128), np.random.randint(128)) for _ in range(5)]
    finally:
        np.random.set_state(state)
    drawn = reference.initial_synapses(np.random.RandomState(7))
    for mine, theirs in zip(drawn, (synapse_0, synapse_1, synapse_h), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    blocks = list(reference.train(samples=5, seed=7, report_every=1))
    assert [(block.a, block.b) for block in blocks] == sums
    assert [block.step for block in blocks] == [0, 1, 2, 3, 4]


def test_eight_bits_are_those_of_unpackbits():
    rows = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    table = reference.binary_table()
    assert sorted(table) == list(range(256))
    for i, row in enumerate(rows):
        assert table[i].dtype == np.uint8
        np.testing.assert_array_equal(table[i], row)


@pytest.mark.parametrize("binary_dim", [1, 3, 8, 11])
def test_bits_and_integers_are_inverse(binary_dim):
    for i, bits in reference.binary_table(binary_dim).items():
        assert bits.shape == (binary_dim,)
        assert reference.bits_to_int(bits) == i


def test_blocks_come_every_report_every_samples_and_the_weights_at_the_end():
    generator = reference.train(samples=8, report_every=3, hidden_dim=2)
    steps = []
    while True:
        try:
            steps.append(next(generator).step)
        except StopIteration as stop:
            synapses = stop.value
            break
    assert steps == [0, 3, 6]
    assert [weights.shape for weights in synapses] == [(2, 2), (2, 1), (2, 2)]


@pytest.mark.parametrize(
    "name, value, wanted",
    [
        ("samples", 0, "an integer >= 1"),
        ("samples", 2.5, "an integer >= 1"),
        ("samples", True, "an integer >= 1"),
        ("seed", -1, "an integer in [0, 4294967295]"),
        ("seed", None, "an integer in [0, 4294967295]"),
        ("hidden_dim", 0, "an integer >= 1"),
        ("binary_dim", 17, "an integer in [1, 16]"),
        ("binary_dim", 0, "an integer in [1, 16]"),
        ("report_every", 0, "an integer >= 1"),
        ("alpha", float("nan"), "a finite number"),
        ("alpha", -float("inf"), "a finite number"),
        ("alpha", 10**400, "a finite number"),
        ("alpha", np.float32("inf"), "a finite number"),
        ("alpha", "0.1", "a finite number"),
        ("alpha", True, "a finite number"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(name, value, wanted):
    with pytest.raises(ValueError) as caught:
        reference.train(**{name: value})
    assert str(caught.value) == f"{name}: got {value!r}, expected {wanted}"


def test_reference_imports_nothing_of_the_package():
    imported = set()
    for node in ast.walk(ast.parse(Path(reference.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module)
    assert imported == {"copy", "operator", "sys", "typing", "numpy"}
