"""The tutorial's program by both engines: its ten printed blocks and its trained weights."""

import numpy as np
import pytest

from fastrnn import original, reference

TRANSCRIPT = """\
Error:[ 3.45638663]
Pred:[0 0 0 0 0 0 0 1]
True:[0 1 0 0 0 1 0 1]
9 + 60 = 1
------------
Error:[ 3.63389116]
Pred:[1 1 1 1 1 1 1 1]
True:[0 0 1 1 1 1 1 1]
28 + 35 = 255
------------
Error:[ 3.91366595]
Pred:[0 1 0 0 1 0 0 0]
True:[1 0 1 0 0 0 0 0]
116 + 44 = 72
------------
Error:[ 3.72191702]
Pred:[1 1 0 1 1 1 1 1]
True:[0 1 0 0 1 1 0 1]
4 + 73 = 223
------------
Error:[ 3.5852713]
Pred:[0 0 0 0 1 0 0 0]
True:[0 1 0 1 0 0 1 0]
71 + 11 = 8
------------
Error:[ 2.53352328]
Pred:[1 0 1 0 0 0 1 0]
True:[1 1 0 0 0 0 1 0]
81 + 113 = 162
------------
Error:[ 0.57691441]
Pred:[0 1 0 1 0 0 0 1]
True:[0 1 0 1 0 0 0 1]
81 + 0 = 81
------------
Error:[ 1.42589952]
Pred:[1 0 0 0 0 0 0 1]
True:[1 0 0 0 0 0 0 1]
4 + 125 = 129
------------
Error:[ 0.47477457]
Pred:[0 0 1 1 1 0 0 0]
True:[0 0 1 1 1 0 0 0]
39 + 17 = 56
------------
Error:[ 0.21595037]
Pred:[0 0 0 0 1 1 1 0]
True:[0 0 0 0 1 1 1 0]
11 + 3 = 14
------------
"""


def blocks_and_synapses(generator):
    blocks = []
    while True:
        try:
            blocks.append(next(generator))
        except StopIteration as stop:
            return blocks, stop.value


def test_the_compiled_engine_prints_the_tutorials_transcript():
    blocks, _ = blocks_and_synapses(original.run("compiled"))
    assert "".join(original.format_block(block) + "\n" for block in blocks) == TRANSCRIPT
    assert [block.step for block in blocks] == list(range(0, 10000, 1000))


@pytest.mark.slow
def test_the_scalar_engine_prints_it_too():
    blocks, _ = blocks_and_synapses(original.run("scalar"))
    assert "".join(original.format_block(block) + "\n" for block in blocks) == TRANSCRIPT


def assert_same_run(scalar, compiled):
    for one, other in zip(scalar[0], compiled[0], strict=True):
        assert abs(one.error - other.error) < 1e-12
        np.testing.assert_array_equal(one.pred, other.pred)
        np.testing.assert_array_equal(one.truth, other.truth)
        assert one.pred.dtype == other.pred.dtype == np.uint8
        assert one.truth.dtype == other.truth.dtype == np.uint8
        assert (one.step, one.a, one.b, one.out) == (other.step, other.a, other.b, other.out)
        assert type(one.error) is type(other.error) is float
    for one, other in zip(scalar[1], compiled[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_both_engines_print_and_train_the_same():
    # The scalar one is slow: three of the ten blocks.
    scalar, compiled = (blocks_and_synapses(original.run(engine, samples=2001)) for engine in ("scalar", "compiled"))
    assert TRANSCRIPT.startswith("".join(original.format_block(block) + "\n" for block in scalar[0]))
    assert_same_run(scalar, compiled)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_dim": 1},
        {"hidden_dim": 3, "binary_dim": 1},
        {"hidden_dim": 6, "binary_dim": 5},
        {"hidden_dim": 17, "binary_dim": 11},
        {"seed": 2**32 - 1, "alpha": 0.5},
        {"report_every": 1},
        {"report_every": 50},
        {"samples": 1},
        {"samples": 101, "report_every": 50},
        {"samples": np.int64(7), "alpha": 1},
    ],
)
def test_engines_agree_at_other_settings(changes):
    settings = {"samples": 100, "report_every": 7, "seed": 5, **changes}
    runs = [blocks_and_synapses(original.run(engine, **settings)) for engine in original.ENGINE_NAMES]
    assert len(runs[0][0]) == -(-int(settings["samples"]) // settings["report_every"])
    assert_same_run(*runs)


def bits_of(numbers, binary_dim):
    """Bits (N, T) of Python's ints, most significant first."""
    return np.array([[number >> t & 1 for t in reversed(range(binary_dim))] for number in numbers])


def after_samples(synapses, operands, alpha, binary_dim):
    """The scalar program's Synapses after these samples, and its last layer_2, as its error and bits say it."""
    synapses = reference.Synapses(*(each.copy() for each in synapses))
    for a, b in operands:
        bits = bits_of((a, b, a + b), binary_dim)
        updates, pred, error = reference.forward_backward(synapses, *bits)
        reference.apply_updates(synapses, updates, alpha)
    return synapses, pred, float(error[0])


# Less than a vector of units, whole ones, and more than a tile of them.
@pytest.mark.parametrize("hidden_dim", [1, 2, 4, 5, 8, 9, 16, 33, 100])
@pytest.mark.parametrize("binary_dim", [1, 8, 62])
def test_updates_are_those_of_the_scalar_program(hidden_dim, binary_dim):
    # Long chains multiply errors of rounding where weights are large.
    rng = np.random.RandomState(hidden_dim + binary_dim)
    synapses = reference.Synapses(*(each / hidden_dim**0.5 for each in reference.initial_synapses(rng, hidden_dim)))
    operands = [[int(number) >> 63 - binary_dim for number in rng.randint(2**62, size=2)] for _ in range(5)]
    expected, pred, error = after_samples(synapses, operands, 0.1, binary_dim)
    layer_2 = original.update_per_sample(synapses, np.array(operands), 0.1, binary_dim)
    for one, other in zip(expected, synapses, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-15)
    truth = bits_of([sum(operands[-1])], binary_dim)[0]
    assert abs(np.abs(truth - layer_2[::-1]).sum() - error) < 1e-13
    np.testing.assert_array_equal(layer_2[::-1] > 0.5, pred)


@pytest.mark.parametrize("hidden_dim", [1, 8, 33])
def test_the_loop_as_plain_python_does_the_same(hidden_dim, monkeypatch):
    operands = np.random.RandomState(1).randint(8, size=(3, 2))
    drawn = [reference.initial_synapses(np.random.RandomState(hidden_dim), hidden_dim) for _ in range(2)]
    outputs = [original.update_per_sample(drawn[0], operands, 0.3, 4)]
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    outputs.append(original.update_per_sample(drawn[1], operands, 0.3, 4))
    for compiled, emulated in zip((outputs[0], *drawn[0]), (outputs[1], *drawn[1]), strict=True):
        np.testing.assert_allclose(emulated, compiled, rtol=0, atol=1e-15)


def test_reports_do_not_change_the_training():
    _, often = blocks_and_synapses(original.run(samples=200, report_every=1))
    _, once = blocks_and_synapses(original.run(samples=200, report_every=1000))
    for one, other in zip(often, once, strict=True):
        np.testing.assert_array_equal(one, other)


def test_blocks_keep_their_values_as_the_run_goes_on():
    generator = original.run(samples=20, report_every=1)
    first = next(generator)
    kept = first.pred.copy()
    list(generator)
    np.testing.assert_array_equal(first.pred, kept)


@pytest.mark.parametrize(
    "error, printed",
    [
        (3.456386634, "Error:[ 3.45638663]"),
        (3.585271299, "Error:[ 3.5852713]"),
        (0.5, "Error:[ 0.5]"),
        (4.0, "Error:[ 4.]"),
    ],
)
def test_format_of_the_error(error, printed):
    bits = np.array([1, 0], dtype=np.uint8)
    block = reference.Block(0, error, bits, bits[::-1], 0, 1, 2)
    rest = "\nPred:[1 0]\nTrue:[0 1]\n0 + 1 = 2\n------------"
    assert original.format_block(block) == printed + rest


@pytest.mark.parametrize("engine", ["fast", "", None, ["compiled"]])
def test_unknown_engine_is_refused_at_the_call(engine):
    with pytest.raises(ValueError) as caught:
        original.run(engine)
    assert str(caught.value) == f"engine: got {engine!r}, expected one of 'scalar', 'compiled'"


@pytest.mark.parametrize("engine", original.ENGINE_NAMES)
@pytest.mark.parametrize("samples", [0, -3, 1.0, "10"])
def test_bad_samples_are_refused_at_the_call(engine, samples):
    with pytest.raises(ValueError) as caught:
        original.run(engine, samples=samples)
    assert str(caught.value) == f"samples: got {samples!r}, expected an integer >= 1"


def outcome(engine, **settings):
    """What a run gives, or refuses."""
    try:
        return blocks_and_synapses(original.run(engine, **settings))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", ["samples", "seed", "hidden_dim", "alpha", "binary_dim", "report_every"])
@pytest.mark.parametrize("value", [np.array(3), np.array([3]), np.uint8(8), np.int8(8), np.float32(0.5), np.bool_(1)])
def test_numbers_of_other_kinds_are_taken_or_refused_by_both_engines(name, value):
    settings = {"samples": 12, "seed": 3, "hidden_dim": 4, "report_every": 5, name: value}
    scalar, compiled = (outcome(engine, **settings) for engine in original.ENGINE_NAMES)
    if isinstance(scalar, str):
        assert scalar == compiled
    else:
        assert_same_run(scalar, compiled)
        assert len(scalar[0]) == -(-int(settings["samples"]) // int(settings["report_every"]))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("alpha", [0, -0.1, 1e10, 1e300, -1.7e308])
def test_steps_of_any_length_lead_both_engines_to_the_same_weights(alpha):
    scalar, compiled = (outcome(e, samples=30, alpha=alpha, report_every=1) for e in original.ENGINE_NAMES)
    assert [block.pred.tolist() for block in scalar[0]] == [block.pred.tolist() for block in compiled[0]]
    for one, other in zip(scalar[1], compiled[1], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)
