"""One line for each result, and what notebooks show: well-formed HTML with nothing from outside."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

import fastrnn
from fastrnn import Elman, ManyRun, Model, Run, Sequences, TrainConfig, Verification, certify, summaries, train_many
from fastrnn.sweeps import Grid, Table
from fastrnn.sweeps.unit import Measures
from fastrnn.tasks import Addition
from fastrnn.training.sequences.imported import fit_of
from fastrnn.training.tasks import History
from tests.exchange_networks import AFTER, random_network


def adder():
    network = random_network(Elman(3), outputs=1)
    return Model(network.cell, network.weights, Addition(4))


def run_of(entries=300):
    steps = np.arange(1, entries + 1)
    history = History(steps, 16 * steps, 2.0 * 0.5**steps, steps / entries, steps / entries, 0.01 * steps)
    return Run(adder(), history, "samples", entries, 16 * entries, 0.25)


def page(result):
    """The parsed HTML of a result, whose repr is one line within it."""
    line = repr(result)
    assert "\n" not in line and len(line) < 200
    text = result._repr_html_()
    assert not re.search(r"https?:|<script|<link|<img", text)
    found = ElementTree.fromstring(text)
    assert found.find("code").text == line
    return found


def texts(found, tag):
    return ["".join(each.itertext()) for each in found.iter(tag)]


def test_a_model():
    model = adder()
    assert repr(model) == "Model(elman of 3 units; 2 inputs, 1 output; addition, 4 bits; float32)"
    cells = texts(page(model), "td")
    assert cells[:2] == ["w_ih", "3×2"] and cells[2] == f"{model.weights['w_ih'].min():.4g}"
    assert repr(Model(model.cell, model.weights)) == "Model(elman of 3 units; 2 inputs, 1 output; float32)"


def test_a_run_has_its_learning_curve():
    run = run_of()
    assert repr(run) == "Run(elman of 3 units; addition, 4 bits; samples after 4,800 samples; 0.25 s)"
    found = page(run)
    (line,) = found.iter("polyline")
    assert len(line.get("points").split()) == 200 and not list(found.iter("td"))
    assert any("loss per sample" in text for text in texts(found, "text"))
    tried = replace(run, verification=Verification(4, True, 256, 3), certification=certify(run.model, find=False))
    cells = texts(page(tried), "td")
    assert cells[:3] == ["verification", "3 of 256 samples wrong at 4 bits", "certification"]
    assert not list(page(run_of(0)).iter("svg"))


def test_a_run_draws_itself():
    losses, accuracies = run_of(9).plot()
    assert losses.get_ylabel() == "loss per sample" and accuracies.get_xlabel() == "training samples"


def test_many_runs():
    count = np.arange(12)
    many = ManyRun(
        Elman(8), None, TrainConfig(), count, ["samples"] * 11 + ["exact"], count > 10, count, count * 16,
        np.where(count > 10, 5, -1), count / 10, count / 10, 1.5, {}, None, None, [],
    )
    assert repr(many) == "ManyRun(12 models; elman of 8 units; arrays; samples: 11, exact: 1; 1.5 s)"
    found = page(many)
    assert len(list(found.iter("tr"))) == 11 and texts(found, "p") == ["and 2 more rows"]
    assert texts(found, "td")[:6] == ["11", "11", "exact", "176", "5", "1.1"] and texts(found, "td")[10] == "–"


def test_fits():
    x = np.random.default_rng(0).integers(0, 2, (20, 12, 2))
    data = Sequences(x, x[:, :, 0], kind="classes", classes=2, groups={"subject": np.repeat(["<a>", "b"], 10)})
    fits = train_many(fastrnn.GRU(2), data, each="subject", epochs=20)
    found = page(fits)
    assert {"subject", "validation loss"} <= set(texts(found, "th")) and "<a>" in texts(found, "td")
    assert [title.text for title in found.iter("title")] == ["train", "validation"]
    cells = texts(page(fits[0]), "td")
    assert cells[0] == "loss" and cells[1] == f"{fits[0].loss.train:.4g}" and cells[3] == "–"
    imported = fit_of(random_network(AFTER))
    assert not list(page(imported).iter("svg")) and page(imported.fits).find("table") is not None
    assert repr(imported.fits) == "Fits(1 model; gru of 5 units; imported: 1)"


def test_a_table_of_a_sweep():
    grid = Grid(hidden_size=(4, 8), seeds=3)
    ends = ("exact", 50), ("diverged", -1), ("samples", 70)
    rows = [Measures(end, 10, 160, exact, 0.1, 0.9) for end, exact in ends]
    table = Table(grid, grid.points, [rows, rows])
    assert repr(table) == "Table(2 points of 3 seeds: 6 models, 4 exact)"
    assert texts(page(table), "th") == ["hidden_size", "models", "exact", "diverged", "median samples to exact"]
    assert texts(page(table), "td")[:4] == ["4", "3", "2", "1"]


def test_a_certification():
    found = certify(adder(), find=False)
    assert repr(found) == f"Certification({found})" and not found.proved
    assert "status" in texts(page(found), "td")


def test_curves_of_odd_values():
    curve = summaries.curves
    assert curve([1, 2], {"a": [np.nan, np.inf]}, "x", "y") == "" == curve([1], {"a": [1]}, "x", "y")
    for values in ([0, 0], [-1, 1], [1, np.nan, 2], [1e-300, 1e300], range(1000)):
        svg = ElementTree.fromstring(curve(range(len(values)), {"<&>": values}, "steps", "loss"))
        (line,) = svg.iter("polyline")
        points = np.array([point.split(",") for point in line.get("points").split()], float)
        assert np.isfinite(points).all() and 2 <= len(points) <= 200
        assert (points >= 0).all() and (points <= [summaries.CURVE_WIDTH, summaries.CURVE_HEIGHT]).all()
    # A fall of the loss is a fall on the screen, where y grows downward.
    falling = ElementTree.fromstring(curve([0, 5], {"a": [2, 1]}, "steps", "loss"))
    first, last = next(falling.iter("polyline")).get("points").split()
    assert float(first.split(",")[1]) < float(last.split(",")[1]) and float(first.split(",")[0]) == 50
