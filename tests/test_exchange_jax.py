"""Trees of Flax (linen and nnx), Equinox and Haiku: an independent network of each, round trips, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from fastrnn import GRU, LSTM, MGU, Elman
from fastrnn.exchange.base import formats
from fastrnn.exchange.equinox import from_equinox, to_equinox
from fastrnn.exchange.flax import from_flax, to_flax
from fastrnn.exchange.haiku import from_haiku, to_haiku
from fastrnn.exchange.nnx import from_nnx, to_nnx
from fastrnn.exchange.trees import decoded, flattened
from tests import foreign_networks
from tests.exchange_networks import AFTER, BEFORE, MEMORY, RELU, TANH, kernel_outputs, random_network, same

WAYS = {"flax": (to_flax, from_flax), "nnx": (to_nnx, from_nnx), "equinox": (to_equinox, from_equinox),
        "haiku": (to_haiku, from_haiku)}
CASES = [
    *((name, cell) for name in ("flax", "nnx") for cell in (TANH, AFTER, MEMORY)),
    *(("equinox", cell) for cell in (AFTER, MEMORY)),
    *(("haiku", cell) for cell in (RELU, BEFORE, MEMORY)),
]


def network_for(name, cell, **options):
    """A random Network that the library can hold: nnx's GRU has no bias within the product with its reset gate."""
    network = random_network(cell, **options)
    if name == "nnx" and type(cell) is GRU:
        network.weights["b_hh"][2 * cell.hidden_size :] = 0
    return network


@pytest.mark.parametrize("name, cell", CASES, ids=str)
def test_their_equations_give_what_the_kernels_give_over_a_thousand_steps(name, cell):
    network, x = network_for(name, cell), np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)
    made = getattr(foreign_networks, name)(WAYS[name][0](network), x)
    np.testing.assert_allclose(kernel_outputs(network, x), made, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, cell", CASES, ids=str)
def test_what_came_from_them_goes_back_as_the_same_bytes(name, cell, dtype):
    out, back = WAYS[name]
    form = formats()[name]()
    for size in (1, 2, 5, 64):
        first = out(network_for(name, replace(cell, hidden_size=size), dtype=dtype))
        network = back(first)
        assert network.cell == replace(cell, hidden_size=size)
        same(flattened(out(network)), flattened(first))
        content = form.encode(network, "net")
        same(decoded(content), flattened(first))
        assert form.decode(content).cell == network.cell
        same(form.decode(content).weights, network.weights)


def test_biases_that_both_have_stay_apart():
    for size in (1, 64):
        for out, back, kept in ((to_haiku, from_haiku, ("b_ih", "b_hh")), (to_flax, from_flax, ("b_hh",))):
            cell = Elman(size, "relu") if out is to_haiku else GRU(size)
            given = random_network(cell).weights
            made, gate = back(out(random_network(cell))).weights, slice(-size, None)
            assert all(made[name][gate].tobytes() == given[name][gate].tobytes() for name in kept)


def test_without_biases():
    for cell in (GRU(5, bias=False), LSTM(5, bias=False)):
        network = random_network(cell)
        tree = to_equinox(network)
        assert set(tree["cell"]) == {"weight_ih", "weight_hh"} and set(tree["linear"]) == {"weight"}
        assert from_equinox(tree).cell == cell
        same(from_equinox(tree).weights, network.weights)
    # Flax and Haiku always have them.
    assert not any(array.any() for name, array in flattened(to_flax(random_network(GRU(5, bias=False)))).items()
                   if name.endswith("bias"))
    assert (to_haiku(random_network(LSTM(2, bias=False)))["lstm/linear"]["b"] == [0, 0, 0, 0, -1, -1, 0, 0]).all()


def test_the_names_of_modules_do_not_matter():
    tree = to_flax(random_network(AFTER), cell="GRUCell_0", linear="Dense_0")
    assert from_flax(tree["params"]).cell == from_flax({"params": {"model": tree["params"]}}).cell == AFTER
    tree = to_nnx(random_network(TANH), linear="head")
    assert from_nnx({"rnn": {"cell": tree["cell"]}, "head": tree["head"]}).cell == TANH
    # LSTMCell of nnx has the layers of linen's.
    tree = to_flax(random_network(MEMORY))["params"]
    cell = {name.replace("if", "if_"): layer for name, layer in tree["cell"].items()}
    same(from_nnx({"a": {"b": cell}, "c": tree["linear"]}).weights, from_flax(tree).weights)
    tree = to_haiku(random_network(MEMORY))
    other = {"net/~/core/linear": tree["lstm/linear"], "net/~/head": tree["linear"]}
    same(from_haiku(other).weights, from_haiku(tree).weights)
    tree = to_haiku(random_network(RELU))
    other = {"net/core/linear": tree["vanilla_rnn/linear"], "net/core/linear_1": tree["vanilla_rnn/linear_1"]}
    same(from_haiku(other | {"net/linear": tree["linear"]}).weights, from_haiku(tree).weights)
    # VanillaRNN(double_bias=False), and a Linear without a bias.
    del other["net/core/linear_1"]["b"]
    back = from_haiku(other | {"net/linear": {"w": tree["linear"]["w"]}})
    assert back.cell == RELU and not back.weights["b_hh"].any() and not back.weights["b_o"].any()


@pytest.mark.parametrize(
    "name, cell",
    [("flax", BEFORE), ("flax", MGU(2)), ("nnx", BEFORE)]
    + [("equinox", TANH), ("equinox", BEFORE), ("haiku", AFTER), ("haiku", TANH)],
    ids=str,
)
def test_what_they_do_not_have_is_refused(name, cell):
    library = "nnx" if name == "nnx" else name.capitalize()
    with pytest.raises(ValueError, match=f"cell: {library} has no layer for .*, expected "):
        WAYS[name][0](random_network(GRU(2))._replace(cell=cell))
    with pytest.raises(ValueError, match=f"initial_h: {library} keeps no initial states"):
        WAYS[name][0](random_network(MEMORY, initial=True))


def test_a_bias_that_nnx_has_no_place_for_is_refused():
    with pytest.raises(ValueError, match="b_hh: nnx's GRUCell has no bias within the product with its reset gate"):
        to_nnx(random_network(AFTER))
    plain = random_network(replace(AFTER, bias=False))
    assert not any(array.any() for name, array in flattened(to_nnx(plain)).items() if name.endswith("bias"))


def without(tree, *path):
    """A tree without what is at a path."""
    first, *rest = path
    return {key: without(part, *rest) if key == first and rest else part for key, part in tree.items()
            if key != first or rest}


def changed(tree, value, *path):
    first, *rest = path
    return {**tree, first: changed(tree.get(first, {}), value, *rest) if rest else value}


FLAX, EQUINOX = to_flax(random_network(GRU(3))), to_equinox(random_network(GRU(3)))
NNX = to_nnx(network_for("nnx", GRU(3)))
HAIKU, MEMORIES = to_haiku(random_network(GRU(3, reset="before"))), to_haiku(random_network(LSTM(3)))


@pytest.mark.parametrize(
    "back, tree, message",
    [
        (from_flax, [1], "tree: got list, expected nested dicts"),
        (from_flax, {}, "has nothing, expected one Elman or GRU or LSTM of Flax"),
        (from_flax, without(FLAX, "params", "cell", "hn", "bias"), "has params/cell/.*, expected one Elman"),
        (from_flax, without(FLAX, "params", "linear"), "has nothing, expected one Dense of Flax"),
        (from_flax, {**FLAX, "second": FLAX["params"]["cell"]}, "has params/cell, second, expected one Elman"),
        (from_flax, changed(FLAX, np.ones(2), "params", "norm", "scale"), "has params/norm/scale besides a"),
        (from_flax, changed(FLAX, np.ones((3, 2)), "params", "cell", "hn", "kernel"), "has gates of shapes"),
        (from_flax, changed(FLAX, np.ones((2, 2)), "params", "linear", "kernel"), r"has w_ho of shape \(2, 2\)"),
        (from_nnx, without(NNX, "cell", "dense_i", "bias"), "has cell/.*, expected one SimpleCell or GRUCell or Opt"),
        (from_nnx, without(NNX, "linear"), "has nothing, expected one Dense of nnx"),
        (from_nnx, changed(NNX, np.ones((3, 12)), "cell", "dense_h", "kernel"), r"has a kernel of shape \(3, 12\) in"),
        (from_nnx, changed(NNX, np.ones(9), "cell", "dense_h", "bias"), "has cell/dense_h/bias.*, expected one Simple"),
        (from_nnx, changed(NNX, np.ones(4), "cell", "dense_i", "bias"), r"has b_ih of shape \(4,\), expected \(9,\)"),
        (from_nnx, {**NNX, "other": NNX["cell"]}, "has cell, other, expected one SimpleCell"),
        (from_equinox, without(EQUINOX, "cell", "bias_n"), "expected those of a GRUCell or an LSTMCell"),
        (from_equinox, changed(EQUINOX, np.ones((7, 3)), "cell", "weight_hh"), "has weight_hh of shape|has w_hh of"),
        (from_equinox, changed(EQUINOX, np.ones(2), "cell", "bias_n"), "has b_hh of shape"),
        (from_equinox, changed(EQUINOX, np.array(["a"] * 3), "linear", "bias"), "has b_o of <U1, expected an array"),
        (from_haiku, without(HAIKU, "linear"), "has nothing, expected one Linear of Haiku"),
        (from_haiku, changed(HAIKU, np.ones((2, 8)), "gru", "w_i"), "has gates of 8 rows"),
        (from_haiku, changed(HAIKU, np.float32(1), "gru", "w_i"), "has gates of 1 rows"),
        (from_haiku, {**HAIKU, "other": HAIKU["gru"]}, "has gru, other, expected one GRU of Haiku"),
        (from_haiku, changed(MEMORIES, np.ones((5, 11)), "lstm/linear", "w"), "has Linears of shapes"),
        (from_haiku, changed(MEMORIES, np.ones(3), "lstm/linear", "b"), r"has a bias of shape \(3,\), expected"),
        (from_haiku, {"linear": MEMORIES["linear"]}, "expected one VanillaRNN, GRU or LSTM of Haiku and one Linear"),
    ],
)
def test_trees_that_do_not_fit_are_named(back, tree, message):
    with pytest.raises(ValueError, match=message) as error:
        back(tree)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", WAYS)
def test_damaged_files_give_one_line_or_a_network(name):
    form, rng = formats()[name](), np.random.default_rng(0)
    good = form.encode(random_network(LSTM(2)), "net")
    for content in (b"", b"no file", good[:-1], good[: len(good) // 2]):
        with pytest.raises(ValueError, match="is damaged, or not a file of this kind"):
            form.decode(content)
    refused = 0
    for _ in range(100):
        content = bytearray(good)
        content[rng.integers(len(good))] = rng.integers(256)
        try:
            form.decode(bytes(content))
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20
