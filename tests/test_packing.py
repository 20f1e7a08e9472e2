"""Weights survive the way into the kernels' layout and back, and nothing else in it is alive."""

import numpy as np
import pytest

from fastrnn.cells.elman import Elman
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.packing import NAMES, live, pack, shapes_of, unpack
from fastrnn.kernels.workspace import aligned_zeros, lanes_of

SIZES = [(hidden, 1 + hidden % 5, 1 + hidden % 3) for hidden in range(1, 41)]
WITHOUT_BIASES = ("w_ih", "w_hh", "w_ho")


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=SIZES, ids=lambda sizes: "H{}-I{}-O{}".format(*sizes))
def cell(request):
    hidden, inputs, outputs = request.param
    return Elman(hidden).kernel(inputs, outputs)


def numbered(cell, dtype, names=NAMES):
    """Weights that all differ, and none of them 0."""
    shapes, first, weights = shapes_of(cell), 1, {}
    for name in names:
        size = int(np.prod(shapes[name]))
        weights[name] = np.arange(first, first + size, dtype=dtype).reshape(shapes[name])
        first += size
    return weights


def count(cell, names):
    return sum(int(np.prod(shapes_of(cell)[name])) for name in names)


@pytest.mark.parametrize("names", [NAMES, WITHOUT_BIASES], ids=["biases", "no biases"])
def test_weights_come_back_and_the_rest_is_zero(cell, dtype, names):
    layout, weights = layout_of(cell, lanes_of(dtype)), numbered(cell, dtype, names)
    theta = pack(cell, layout, weights, dtype)
    assert theta.shape == (layout.count, lanes_of(dtype))
    assert theta.dtype == dtype
    # Each weight is in theta exactly once, so all other places hold 0.
    assert np.array_equal(np.sort(theta[theta != 0]), np.arange(1, count(cell, names) + 1))
    back = unpack(cell, layout, theta)
    for name in NAMES:
        expected = weights.get(name, np.zeros(shapes_of(cell)[name]))
        assert back[name].dtype == dtype
        assert back[name].flags.c_contiguous
        assert np.array_equal(back[name], expected)


@pytest.mark.parametrize("names", [NAMES, WITHOUT_BIASES, ("w_ho",)], ids=str)
def test_live_marks_the_places_of_the_named_weights(cell, dtype, names):
    layout = layout_of(cell, lanes_of(dtype))
    mark = live(cell, layout, names, dtype)
    assert mark.dtype == dtype
    assert mark.sum() == count(cell, names)
    assert np.array_equal(mark, pack(cell, layout, numbered(cell, dtype, names), dtype) != 0)


def test_rows_are_where_the_layout_says():
    cell = Elman(18).kernel(2, 3)
    layout, weights = layout_of(cell, 16), numbered(cell, np.float32)
    theta = pack(cell, layout, weights, np.float32)
    # 18 rows are rounded up to whole tiles, whose size is the machine's.
    assert layout.panels == 2 and layout.hidden in (20, 24)
    # Units 16 and 17 are lanes 0 and 1 of the second panel.
    assert np.array_equal(theta[layout.w_hh + layout.hidden + 5, :2], weights["w_hh"][16:, 5])
    assert np.array_equal(theta[layout.w_hh + 5], weights["w_hh"][:16, 5])
    assert np.array_equal(theta[layout.w_ih + 2 + 1, :2], weights["w_ih"][16:, 1])
    assert np.array_equal(theta[layout.b_ih + 1, :2], weights["b_ih"][16:])
    assert np.array_equal(theta[layout.b_hh], weights["b_hh"][:16])
    assert np.array_equal(theta[layout.w_ho + 3 + 2, :2], weights["w_ho"][2, 16:])
    assert np.array_equal(theta[layout.b_o : layout.b_o + 3, 0], weights["b_o"])


def test_unpack_gives_the_named_weights_as_copies(dtype):
    cell = Elman(7).kernel(2, 1)
    layout = layout_of(cell, lanes_of(dtype))
    theta = pack(cell, layout, numbered(cell, dtype), dtype)
    weights = unpack(cell, layout, theta, ("w_hh", "b_o"))
    assert list(weights) == ["w_hh", "b_o"]
    before = theta.copy()
    for weight in weights.values():
        weight[...] = -1
    assert np.array_equal(theta, before)


@pytest.mark.parametrize("shape", [(1, 16), (3, 16), (7, 5), (0, 4)])
def test_vectors_start_at_cache_lines(shape, dtype):
    array = aligned_zeros(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.ctypes.data % 64 == 0 or array.size == 0
    assert array.flags.c_contiguous and not array.any()
