"""Pages of networks: their JavaScript, run by V8, gives Python's numbers, for every cell and head."""

import json
import os
import re
from importlib.resources import files

import numpy as np
import pytest
from certified_models import FIXTURES
from py_mini_racer import MiniRacer
from scipy.spatial import ConvexHull
from test_exchange_c import INPUTS, OUTPUTS, Swap, by_formula, random_weights

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.cli import main
from fastrnn.errors import CheckpointError
from fastrnn.exchange.base import Network
from fastrnn.formula import exp, greater, log, maximum, relu, softplus, square_root, where
from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.functions import detach
from fastrnn.formula.graph import symbol
from fastrnn.formula.javascript import JAVASCRIPT
from fastrnn.formula.statements import statements
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from fastrnn.model import Model
from fastrnn.pages.document import SCRIPTS
from fastrnn.pages.entry import page_of
from fastrnn.pages.network import network_script
from fastrnn.proofs.projection import directions, shadows

RUN = """(() => { let state = network.start(); return inputs.map(x => {
    const after = network.step(state, x); state = after.state;
    return [after.z, network.predict(after.z), after.state, after.gates]; }); })()"""
ADDER = FIXTURES / "smallest-adder.safetensors"


def run(script, x):
    """[[z, predictions, states, gates]] of a network's script on inputs x (T, I)."""
    text = f"{script}\nconst inputs = {json.dumps(x.tolist())};\nJSON.stringify({RUN})"
    return json.loads(MiniRacer().eval(text))


@pytest.mark.parametrize("name", [*sorted(cells()), "Swap"])
def test_every_cell_runs_in_javascript(name):
    cell = Swap(3) if name == "Swap" else cells()[name](3)
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(40, INPUTS))
    steps = run(network_script(Network(cell, Sigmoid(), w)), x)
    np.testing.assert_allclose([z for z, *_ in steps], by_formula(cell, w, x), atol=1e-7)
    assert len(steps[0][3]) == len(cell.gates)


def test_outputs_may_be_read_before_a_step():
    cell = fastrnn.GRU(3)
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(10, INPUTS))
    before, after = (
        [z for z, *_ in run(network_script(Network(cell, Sigmoid(), w, before)), x)] for before in (True, False)
    )
    np.testing.assert_allclose(before[1:], after[:-1], atol=1e-15)


@pytest.mark.parametrize("head", [Sigmoid(), Softmax(), Linear()], ids=lambda head: head.name)
def test_every_head_predicts_in_javascript(head):
    cell = fastrnn.Elman(3)
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(10, INPUTS))
    w["w_ho"] *= 300  # exponentials that would overflow
    z, p = (np.array(values) for values in list(zip(*run(network_script(Network(cell, head, w)), x)))[:2])
    assert np.isfinite(p).all() and p.shape == (10, OUTPUTS)
    np.testing.assert_allclose(p, head.link(z), atol=1e-13)


def test_every_operation_of_formulas_is_written():
    x, y = symbol("x"), symbol("y")
    formulas = [exp(x), log(exp(y)), softplus(30 * x), square_root(x * x), relu(-1.5 * x), maximum(x, y) - -2.0, x / y,
                where(greater(x, y), -x, detach(y)), x - (y - 1), fastrnn.formula.tanh(x) * fastrnn.formula.sigmoid(y)]
    values = np.array([-3.0, -0.5, 0.25, 2.0])
    lines, terms = statements(formulas, {x: "x", y: "y"}, JAVASCRIPT)
    body = f"const y = 0.3 - x; {' '.join(lines)} return [{', '.join(terms)}];"
    text = f"JSON.stringify({values.tolist()}.map(x => {{ {body} }}))"
    np.testing.assert_allclose(
        np.array(json.loads(MiniRacer().eval(text))).T, on_numpy(formulas, {x: values, y: 0.3 - values}), rtol=1e-14
    )


def data_of(page):
    return json.loads(re.search(r"^const DATA = (.*);$", page, re.MULTILINE)[1])


def script_of(page):
    return page[page.index("const network = (") : page.index("const DATA = ")]


@pytest.fixture(scope="module")
def adder():
    model = Model.load(ADDER)
    return model, fastrnn.certify(model)


def test_the_page_of_an_adder_gives_the_numbers_of_predict_and_holds_its_proof(adder, tmp_path):
    model, found = adder
    found.save(tmp_path / "proof.safetensors")
    page = page_of(model, certificate=tmp_path / "proof.safetensors")
    data, boxes = data_of(page), data_of(page)["boxes"]
    for x, p in zip(data["check"]["x"], data["check"]["p"]):
        np.testing.assert_allclose([each[1] for each in run(script_of(page), np.array(x))], p, atol=1e-5)
        np.testing.assert_allclose(p, model.predict(np.array([x]))[0], atol=1e-7)
    assert len(boxes["low"]) == found.graph.nodes and boxes["labels"] == found.graph.state.tolist()
    # States in JavaScript stay in the boxes that the certificate leads to.
    x = np.random.default_rng(0).integers(0, 2, (300, 2))
    box = 0
    for (_, _, states, _), (a, b) in zip(run(script_of(page), x), x):
        box = boxes["following"][box][a + 2 * b]
        assert (np.array(boxes["low"][box]) <= states[0]).all() and (states[0] <= np.array(boxes["high"][box])).all()
    # The task's tables add.
    state, total = 0, 0
    for t, (a, b) in enumerate(x):
        total += data["task"]["outputs"][state][a + 2 * b][0] << t
        state = data["task"]["following"][state][a + 2 * b]
    numbers = [sum(int(bit) << t for t, bit in enumerate(column)) for column in x.T]
    assert total == sum(numbers) % 2**300


def fitted(cell=fastrnn.GRU(2), **options):
    rng = np.random.default_rng(0)
    data = fastrnn.Sequences(
        [rng.normal(size=(steps, 2)) for steps in (5, 3, 450)],
        [rng.integers(0, 2, steps) for steps in (5, 3, 450)],
        kind="classes", classes=["</script>", "right"], input_names=["a", "<b>"], **options,
    )
    return fastrnn.train(cell, data, epochs=2, validation=0), data


def test_the_page_of_a_fit_gives_the_numbers_of_predict():
    fit, data = fitted()
    page = page_of(fit, data, sequences=3)
    shown, p = data_of(page)["sequences"], fit.predict(data)
    assert [len(each["x"]) for each in shown] == [5, 3, 400] and shown[2]["steps"] == 450
    for n, each in enumerate(shown):
        steps = run(script_of(page), np.array(each["x"]))
        expected = p[data.offsets[n] : data.offsets[n] + len(steps)]
        np.testing.assert_allclose([step[1] for step in steps], expected, atol=1e-5)
        np.testing.assert_allclose(each["p"], expected, atol=1e-7)
        assert [row[0] for row in each["y"]] == data.y[data.offsets[n] :][: len(steps)].tolist()
    # A name of the data ends no script, and is no element.
    assert page.count("</script>") == 1 and "<b>" not in page
    assert data_of(page)["outputNames"] == ["</script>", "right"]


def test_pages_need_no_other_file_and_no_network(adder):
    fit, data = fitted()
    for page in (page_of(adder[0]), page_of(fit, data), page_of(fit)):
        outside = r"""https?://(?!www\.w3\.org/2000/svg)|\bsrc=|<link|@import|url\((?!#)|fetch\(|\bimport """
        assert not re.search(outside, page)
        assert "<!--" not in page and page.startswith("<!doctype html>")
    used = {name for names in SCRIPTS.values() for name in names} | {"page.css", "page.html"}
    assert used == {path.name for path in files("fastrnn.pages").joinpath("assets").iterdir()}


def test_shadows_of_boxes_are_the_hulls_of_their_projected_corners():
    rng = np.random.default_rng(3)
    low, plane = rng.normal(size=(20, 5)), rng.normal(size=(2, 5))
    high = low + rng.uniform(size=low.shape)
    corners = np.stack(np.meshgrid(*[[0, 1]] * 5), -1).reshape(-1, 5)
    for a, b, outline in zip(low, high, shadows(low, high, plane)):
        hull, mine = ConvexHull((a + corners * (b - a)) @ plane.T), ConvexHull(outline)
        assert mine.volume == pytest.approx(hull.volume, rel=1e-12) and len(mine.vertices) == len(outline) == 10


def test_boxes_of_two_states_are_seen_where_h_is():
    rng = np.random.default_rng(0)
    plane, low = rng.normal(size=(2, 3)), rng.normal(size=(4, 6))
    high = low + rng.uniform(0, 1, (4, 6))
    np.testing.assert_array_equal(shadows(low, high, plane), shadows(low[:, :3], high[:, :3], plane))


def test_directions_separate_what_no_single_unit_does():
    rng = np.random.default_rng(4)
    labels, points = rng.integers(0, 2, 600), rng.normal(size=(600, 4))
    points[:, 1] = points[:, 0] + 0.2 * labels + 0.01 * rng.normal(size=600)
    plane = directions(points, labels)
    np.testing.assert_allclose(plane @ plane.T, np.eye(2), atol=1e-12)
    first = points @ plane[0]
    assert max(first[labels == 0].max(), first[labels == 1].max()) > max(
        first[labels == 0].min(), first[labels == 1].min()
    ) > min(first[labels == 0].max(), first[labels == 1].max()), "the labels do not overlap there"
    np.testing.assert_array_equal(directions(points[:, :2], labels), np.eye(2))


def test_what_no_page_can_show_is_refused_in_one_line(adder, tmp_path):
    model, found = adder
    fit, data = fitted()
    other = Model(model.cell, {name: 2 * each for name, each in model.weights.items()}, model.task)
    found.save(tmp_path / "proof.safetensors")
    (tmp_path / "junk").write_bytes(b"junk")
    os.mkfifo(tmp_path / "fifo")
    for error, message, arguments in (
        (CheckpointError, "other weights", (other, None, tmp_path / "proof.safetensors")),
        (CheckpointError, "is not a certificate", (model, None, tmp_path / "junk")),
        (CheckpointError, "fifo: is not a regular file", (model, None, tmp_path / "fifo")),
        (ValueError, "has no task", (Model(model.cell, model.weights),)),
        (ValueError, "^data: must be None", (model, data)),
        (ValueError, "^certificate: must be None", (fit, data, tmp_path / "proof.safetensors")),
        (TypeError, "expected one, for example fits", (fit.fits,)),
        (ValueError, "^sequences: got 0", (fit, data, None, 0)),
    ):
        with pytest.raises(error, match=message):
            page_of(*arguments)
    with pytest.raises(FileExistsError):
        fastrnn.write_page(model, tmp_path / "junk")


def test_the_command_writes_a_page_with_the_proof_beside_the_model(adder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model, found = adder
    model.save("net.safetensors")
    found.save("net-certificate.safetensors")
    assert main(["page", "net.safetensors", "net.html"]) == 0
    assert "with the boxes of net-certificate.safetensors;\n  open it" in capsys.readouterr().out
    assert data_of((tmp_path / "net.html").read_text())["boxes"] is not None
    fit, _ = fitted()
    fit.save("fit.safetensors")
    assert main(["page", "fit.safetensors", "fit.html"]) == 0
    capsys.readouterr()
    for words, message in (
        (["net.safetensors", "net.html"], "net.html: exists; give --force"),
        (["net.safetensors", "net.txt"], "OUTPUT: got net.txt, expected a name that ends in .html"),
        (["net.safetensors", "a.html", "--data", "t.csv"], "--data: net.safetensors is a network with a task:"),
        (["fit.safetensors", "a.html", "--certificate", "c"], "--certificate: fit.safetensors is a fit: leave it out"),
        (["fit.safetensors", "a.html", "--data", "t.csv"], "give the folder of the fit as MODEL"),
        (["net.safetensors", "a.html", "--certificate", "fit.safetensors"], "certify the model again"),
    ):
        assert main(["page", *words]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_the_command_plays_the_table_of_a_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    rows = [f"{session},{rng.integers(0, 2)},{rng.normal():.3f}" for session in range(8) for _ in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(["session,choice,tone", *rows]) + "\n")
    fit = "fit t.csv --target choice --inputs tone --group session --cell gru --hidden 2 --epochs 2 --output runs/t"
    assert main(fit.split()) == 0
    (tmp_path / "other.csv").write_text("session,choice,tone\n9,1,0.5\n")
    for words, names, ends in (
        ([], [f"sequence {n}" for n in range(5)], 6),
        (["--sequences", "2"], ["sequence 0", "sequence 1"], 6),
        (["--data", "other.csv"], ["sequence 9"], 1),
    ):
        assert main(["page", "runs/t", "t.html", "--force", *words]) == 0
        shown = data_of((tmp_path / "t.html").read_text())
        assert [each["name"] for each in shown["sequences"]] == names and len(shown["sequences"][0]["x"]) == ends
        assert shown["inputNames"] == ["tone"]
    assert main(["export", "runs/t", "t.onnx"]) == 0
    assert "saved t.onnx: GRU" in capsys.readouterr().out
