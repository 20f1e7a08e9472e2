"""Proofs: right networks are proved, wrong ones never, and what stops a proof is said."""

import sys
import time

import numpy as np
import pytest
from certified_models import FIXTURES, WRONG, double, proved, unproved
from matplotlib.figure import Figure

import fastrnn
from fastrnn.bits.label import label_words
from fastrnn.bits.planes import unpacked_bits
from fastrnn.check import MOST_WORK
from fastrnn.initializers import initial_weights
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.proofs import certify
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.boxes import Boxes
from fastrnn.proofs.graph import own_machine, windows
from fastrnn.proofs.picture import draw_boxes
from fastrnn.proofs.prove import prove
from fastrnn.proofs.search import search
from fastrnn.proofs.sequences import planes_of
from fastrnn.training.tasks.smallest import kinds, smallest_certified

ADDITION = fastrnn.tasks.Addition(bits=8)


def test_a_proved_network_is_exact_far_beyond_the_width_it_was_trained_at():
    for found in (proved(), proved(16, "tanh"), double()):
        assert fastrnn.verify(found.model, bits=2048, samples=256).exact


def test_no_windows_are_tried_whose_certificate_the_checker_refuses(monkeypatch):
    cell, task, seen = fastrnn.Elman(16), fastrnn.tasks.Addition(bits=8, operands=3), []
    model = Model(cell, initial_weights("pytorch", shapes_of(cell, 3, 1), 0), task)

    def watched(boxes, graph, progress):
        seen.append(len(np.unique(graph.following, axis=0)) * 8 * 16)
        return prove(boxes, graph, progress)

    monkeypatch.setattr(sys.modules["fastrnn.proofs.certification"], "prove", watched)
    assert not certify(model, find=False).proved
    # Windows of 1, 2 and 3 symbols, and the network's own machine.
    assert len(seen) == 4 and max(seen) <= MOST_WORK
    with pytest.raises(ValueError, match="^k: got 4, whose certificate is larger than fastrnn check takes"):
        certify(model, k=4, find=False)


def test_the_least_logit_of_long_runs_is_no_less_than_the_proved_margin():
    found = proved()
    assert 0 < found.margin <= fastrnn.verify(found.model, bits=512, samples=2048).margin


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_network_wrong_at_some_width_is_never_proved_and_the_width_is_found(path):
    model = Model.load(path)
    assert fastrnn.verify(model).exact and model.task.bits == 8
    automaton = automaton_of(model.task)
    boxes = Boxes(model, automaton)
    for k in (1, 2, 3, 4):
        assert not prove(boxes, windows(automaton, k)).proved
    machine = own_machine(model, automaton, 4096)
    assert machine is None or not prove(boxes, machine).proved
    found = certify(model)
    assert found.refuted and str(found).startswith("wrong: operands (")
    wrong = found.counterexample
    assert wrong.bits > 8 and wrong.answer != wrong.truth
    a, b = wrong.operands
    assert (a + b,) == wrong.truth and (a + b).bit_length() <= wrong.bits
    # The kernels again, by another way in: floats instead of planes.
    x = [[[a >> t & 1, b >> t & 1] for t in range(wrong.bits)]]
    logits = model.logits(x)[0, :, 0]
    assert sum(int(z > 0) << t for t, z in enumerate(logits)) == wrong.answer[0]
    assert (wrong.answer[0] ^ (a + b)) & -(wrong.answer[0] ^ (a + b)) == 1 << wrong.step


def test_five_wrong_networks_are_kept():
    assert len(WRONG) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_network_is_not_proved_by_longer_windows_either(path):
    model = Model.load(path)
    # The certificate of a large network's longest windows would be larger than the checker takes.
    for k in (5, 6) if model.cell.hidden_size < 32 else (4, 5):
        assert not certify(model, k=k, find=False).proved


@pytest.mark.slow
def test_no_plainly_trained_network_is_both_proved_and_refuted():
    both = proofs = refutations = 0
    for seed in range(150):
        run = fastrnn.train(fastrnn.Elman(8), ADDITION, seed=seed)
        found, wrong = certify(run.model, find=False), search(run.model, ADDITION, automaton_of(ADDITION))
        both += found.proved and wrong is not None
        proofs, refutations = proofs + found.proved, refutations + (wrong is not None)
    assert both == 0 and proofs > 10 and refutations > 10


def test_the_beam_alone_finds_what_is_wrong(monkeypatch):
    module = sys.modules["fastrnn.proofs.search"]
    model = Model.load(next(path for path in WRONG if "32-sigmoid" in path.stem))
    for name in ("every", "rhythms"):
        monkeypatch.setattr(module, name, lambda *_: np.zeros((1, 1), int))
    monkeypatch.setattr(module, "skewed", lambda *_: np.zeros((1, 1), int))
    found = module.search(model, model.task, automaton_of(model.task))
    assert found is not None and found.answer != found.truth


def test_no_counterexample_is_found_where_there_is_a_proof():
    model = proved().model
    assert search(model, model.task, automaton_of(model.task)) is None


def test_what_stops_a_proof_is_said():
    found = certify(unproved(), find=False)
    assert found.status == "unknown" and not found.proved and not found.refuted and found.margin is None
    assert 'at the node "after ' in found.obstacle and "interval is unit" in str(found)
    with pytest.raises(ValueError, match="only a proof can be saved"):
        found.save("nowhere")


def test_a_network_that_is_wrong_at_once_is_refuted_with_its_first_bits():
    model = proved().model
    backward = Model(
        model.cell, {**model.weights, "w_ho": -model.weights["w_ho"], "b_o": -model.weights["b_o"]}, model.task
    )
    found = certify(backward)
    assert found.refuted and found.counterexample.step == 0


@pytest.mark.parametrize("k", [0, -1, 1.5, True, 99])
def test_a_window_of_impossible_length_is_refused(k):
    with pytest.raises(ValueError, match="^k: got"):
        certify(proved().model, k=k)


@pytest.mark.parametrize("seed", [-1, 1.5, 2**63])
def test_an_impossible_seed_is_refused(seed):
    with pytest.raises(ValueError, match="^seed: got"):
        certify(proved().model, seed=seed)


def test_a_model_without_a_task_or_with_another_one_is_refused():
    model = proved().model
    with pytest.raises(ValueError, match="^certify: this model was trained on arrays"):
        certify(Model(model.cell, model.weights))
    with pytest.raises(ValueError, match="^task: addition has 3 inputs"):
        certify(model, fastrnn.tasks.Addition(8, operands=3))
    for other in (3, fastrnn.tasks.Addition):
        with pytest.raises(TypeError, match="^task: got .*, expected "):
            certify(model, other)


def test_longer_windows_give_proofs_too_and_no_smaller_margin():
    margins = [certify(proved().model, k=k).margin for k in range(proved().k, 5)]
    assert all(later >= earlier - 1e-6 for earlier, later in zip(margins, margins[1:]))


def test_the_proof_takes_less_than_100_ms():
    model = proved().model
    certify(model, k=3)
    times = []
    for _ in range(7):
        began = time.perf_counter()
        assert certify(model, k=3).proved
        times.append(time.perf_counter() - began)
    assert min(times) < 0.1


def test_the_picture_is_drawn_with_the_carry_in_two_colours(tmp_path):
    found = proved()
    whole, zoomed = draw_boxes(found, tmp_path / "boxes.svg")
    assert "<svg" in (tmp_path / "boxes.svg").read_text()
    assert whole.get_title().startswith("Addition, 8 bits: Elman network with 16 units, seed 0\n")
    assert f"\n{found.graph.nodes} boxes that no sequence leaves" in whole.get_title()
    outlines = [[path.vertices for path in each.get_paths()] for each in whole.collections]
    assert sum(map(len, outlines)) == found.graph.nodes - 1, "all but the zero state"
    zero, one = (np.concatenate(each)[:, 0] for each in outlines)
    assert zero.max() < one.min() or one.max() < zero.min(), "along the first direction the clouds overlap"
    # The widest box fills much of the second panel: it is seen as what it is.
    window = np.ptp([zoomed.get_xlim(), zoomed.get_ylim()], axis=1)
    assert max((np.ptp(each, axis=0) / window).max() for part in outlines for each in part) == pytest.approx(0.5)
    assert whole.lines and sum(line.get_marker() == "s" and len(line.get_xdata()) for line in whole.lines) > 0
    one_axes, two = Figure().subplots(), draw_boxes(found, tmp_path / "boxes.png", units=(0, 1))
    assert draw_boxes(found, axes=one_axes) == [one_axes] and two[0].get_xlabel() == "hidden unit 0"
    for bad, message in (({"units": (0, 16)}, "^units: got"), ({"path": tmp_path / "boxes.txt"}, "^plot: got")):
        with pytest.raises(ValueError, match=message):
            draw_boxes(**{"certification": found, "path": tmp_path / "a.png", **bad})
    with pytest.raises(ValueError, match="no boxes to draw"):
        draw_boxes(certify(unproved(), find=False), tmp_path / "none.png")


def test_the_picture_of_two_units_shows_where_the_output_changes(tmp_path):
    found = certify(Model.load(FIXTURES / "smallest-adder.safetensors"))
    draw_boxes(found, tmp_path / "boxes.svg")
    assert "output 1" in (text := (tmp_path / "boxes.svg").read_text()) or "stroke-dasharray" in text
    draw_boxes(proved(), tmp_path / "more.svg")
    assert "stroke-dasharray" not in (tmp_path / "more.svg").read_text()


def test_the_search_for_the_smallest_stops_at_the_first_size_with_a_proof():
    tried = list(smallest_certified(ADDITION, kinds("elman", ("sigmoid",)), seeds=8, most=4))
    assert [each.cell.hidden_size for each in tried] == [1, 2, 3] and [each.certified > 0 for each in tried] == [
        False,
        False,
        True,
    ]
    assert all(each.models == 8 and each.certified <= each.exact for each in tried)
    best = tried[-1].best
    assert best.proved and best.model.hidden_size == 3 and fastrnn.verify(best.model, bits=300, samples=500).exact
    assert tried[0].best is tried[0].seed is None and 0 <= tried[-1].seed < 8


def test_answers_of_sequences_are_sums():
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 4, (70, 90))
    truth = unpacked_bits(label_words(ADDITION, planes_of(symbols, 2)), 70)[..., 0]
    for row, out in zip(symbols, truth):
        a, b = (sum(int(s >> i & 1) << t for t, s in enumerate(row)) for i in (0, 1))
        assert sum(int(bit) << t for t, bit in enumerate(out)) == (a + b) % 2**90
