"""From stored seconds to the tables: the method, the stored report, the README, `fastrnn bench`."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from bench import plots, readme, render, targets
from bench.arguments import add_sections, parser_for
from bench.conftest import Clock
from bench.duels import WANTED, duels
from bench.suite import SECTIONS
from fastrnn.bench import processor, report, timing
from fastrnn.cli import Parser
from fastrnn.cli import bench as command

ROOT = Path(__file__).resolve().parent.parent
STORED = Path(__file__).parent / "data" / "bench"


def test_the_ladder_is_dots_on_a_logarithmic_axis_and_names_every_library():
    axes = plots.ladder(json.loads((render.RESULTS / "ladder.json").read_text())).axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert axes.get_xscale() == "log" and {"fastrnn", "PyTorch"} <= set(names) <= set(plots.FAMILIES)
    dots = [line for line in axes.lines if line.get_marker() != "None"]
    assert len(dots) == len(axes.get_yticks()) and {line.get_label() for line in dots} == set(names)


def test_rounds_are_interleaved_and_ratios_formed_within_them():
    machine, visits = Clock(), []

    def engine(name, seconds):
        def run(updates):
            visits.append(name)
            # The machine slows down by half with every visit: only ratios within a round mean something.
            machine.seconds += 1
            return seconds * updates * (1 + machine.seconds // 2)

        return run

    taken = timing.measure({"a": engine("a", 1.0), "b": engine("b", 2.0)}, 6, 1.0)
    rounds = [set(visits[-12:][i : i + 2]) for i in range(0, 12, 2)]
    assert rounds == [{"a", "b"}] * 6
    assert len({tuple(visits[-12:][i : i + 2]) for i in range(0, 12, 2)}) == 2, "the order changes"
    assert [count for count, _ in taken.values()] == [1, 1]
    assert timing.times(taken["b"][1], taken["a"][1]) == pytest.approx(2, rel=0.2)
    assert timing.times([2, 8, 4], [1, 2, 4]) == 2


def test_spread_and_the_unstable_mark():
    assert timing.quartile_spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)
    assert timing.unstable([1.0, 1.3, 0.7, 1.1]) and not timing.unstable([1.0, 1.01, 0.99, 5.0, 1.0])


def test_calibration_finds_the_number_of_updates():
    assert timing.calibrate(lambda updates: 1e-4 * updates, 0.1) == 1000
    assert timing.calibrate(lambda updates: 5.0 * updates, 0.1) == 1


@pytest.mark.parametrize(
    "value, text",
    ((0, "0.00"), (4.2, "4.20"), (999.7, "1.00 k"), (5_400_000, "5.40 M"), (176_000, "176 k"), (0.0153, "0.02")),
)
def test_numbers(value, text):
    assert report.short_rate(value) == text


def test_a_stored_result_gives_the_stored_tables():
    assert render.report(STORED) == (STORED / "report.md").read_text()


def test_the_ladder_says_what_the_seconds_say():
    result = json.loads((STORED / "ladder.json").read_text())
    row = report.find(result, engine="fastrnn", threads=1, batch=1024)
    rate = 1024 / sorted(row["seconds"])[len(row["seconds"]) // 2]
    line = next(line for line in report.ladder(result).splitlines() if line.startswith("| fastrnn | 1 | 1,024"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[3].removesuffix("\\*") == report.short_rate(rate)
    assert cells[4] == report.short_rate(8 * rate)
    assert cells[5] == f"{rate * (14 * 8 * 16 + 6 * 7 * 16 * 16) / 1e9:.3g}"
    peak, scalar = report.find(result, engine="fma", threads=1), report.find(result, engine="scalar")
    shares = sorted(
        1024 * 12544 / taken / (peak["flops"] / best) for taken, best in zip(row["seconds"], peak["seconds"])
    )
    assert cells[6] == f"{100 * shares[len(shares) // 2]:.0f} %"
    ratios = sorted(slow / (taken / 1024) for slow, taken in zip(scalar["seconds"], row["seconds"]))
    assert cells[7] == f"{ratios[len(ratios) // 2]:,.0f}"


def test_peaks_that_could_not_be_measured_are_left_out():
    result = json.loads((STORED / "ladder.json").read_text())
    for row in result["rows"]:
        if row["kind"] == "peak":
            row.update(seconds=[], absent="not enough memory")
    assert "Measured peak" not in report.note(result) and "peak" not in report.plain_ladder(result).split("\n\n")[1]
    assert processor.reached(result) == dict.fromkeys(processor.reached(result), "could not be measured") != {}


def with_peer(times, threads=1):
    """The stored ladder with a peer that is `times` as slow as fastrnn at batch 1,024, in each round."""
    result = json.loads((STORED / "ladder.json").read_text())
    ours = report.find(result, engine="fastrnn", threads=1, batch=1024)
    peer = {
        **ours,
        "engine": "torch-module",
        "label": "peer",
        "kind": "peer",
        "threads": threads,
        "seconds": [times * s for s in ours["seconds"]],
    }
    result["rows"].append(peer)
    return result


def test_targets_hold_fastrnn_against_the_best_of_the_others():
    def lines(result):
        return {target.what: target for target in targets.targets({**dict.fromkeys(SECTIONS), "ladder": result})}

    what = "best peer, H 16, T 8, B 1,024, 1 thread"
    # Without a peer there is NumPy, but no verdict.
    assert lines(json.loads((STORED / "ladder.json").read_text()))[what].cells()[1:] == [
        "not measured",
        "at least 3.50 ×",
        "",
    ]
    near = lines(with_peer(1.5))
    assert near[what].cells()[1:] == ["1.50 ×", "at least 3.50 ×", "missed"]
    assert near["nn.RNN with autograd, H 16, T 8, B 1,024, 1 thread"].value == pytest.approx(1.5)
    numpy = next(duel for duel in duels(with_peer(1000)) if duel.work.batch == 1024 and duel.threads == 1)
    assert numpy.other["engine"] == "numpy" and lines(with_peer(1000))[what].value == numpy.best_times
    # Others may use fewer threads than they are given, fastrnn's rows are what they are.
    two = {duel.work.batch: duel for duel in duels(with_peer(1.5)) if duel.threads == 2}
    assert two[1024].other["threads"] == 1
    assert all(lines(None)[line].value is None for line in lines(None))
    assert len(WANTED) * 2 == sum(line.startswith("best peer") for line in near)


def test_a_missing_peer_keeps_its_row():
    result = json.loads((STORED / "ladder.json").read_text())
    result["rows"].append(
        {**result["rows"][-1], "label": "another library", "kind": "peer", "seconds": [], "absent": "not installed"}
    )
    assert re.search(r"another library.*not installed", report.batches(result))


def test_pictures_are_drawn_from_stored_results(tmp_path):
    for path in STORED.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    drawn = plots.draw_all(tmp_path)
    assert {path.stem for path in drawn} == set(plots.PICTURES)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert plots.digest(tmp_path / "ladder.json").encode() in (tmp_path / "ladder.png").read_bytes()


def test_readme_touches_only_what_is_marked():
    text = "before <!-- no -->\n<!-- bench:ladder/short -->\nold\n<!-- /bench -->\nafter\n"
    new = readme.filled(text, STORED)
    assert new.startswith("before <!-- no -->\n<!-- bench:ladder/short -->\n| engine |")
    assert new.endswith("\n<!-- /bench -->\nafter\n") and "old" not in new
    assert readme.filled(new, STORED) == new
    assert (
        readme.filled(text.replace("ladder/short", "picture/ladder"), STORED)
        .splitlines()[2]
        .endswith("(tests/data/bench/ladder.png)")
    )
    with pytest.raises(ValueError, match="expected one of summary, targets, processors, ladder/ladder"):
        readme.filled(text.replace("ladder/short", "ladder/none"), STORED)
    with pytest.raises(ValueError, match="1 marked parts begin, 0 end"):
        readme.filled("<!-- bench:ladder -->\n", STORED)


def test_documents_show_the_saved_results():
    for path in readme.DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        assert readme.filled(text, document=path) == text, f"{path.name} differs from bench/results: make readme"
    # Saved results that no marker shows would be figures pasted by hand.
    marked = {name for path in readme.DOCUMENTS for _, name, *_ in readme.MARKED.findall(path.read_text())}
    assert {"summary", "ladder/versus", "shapes/versus", "answer/answer"} <= marked


def test_every_section_names_its_rows():
    for name, section in SECTIONS.items():
        for quick in (True, False):
            rows = section.names(quick)
            assert rows and len({row for _, row in rows}) == len(rows), name


def test_fastrnn_bench_imports_the_core_dependencies_only():
    core = {*sys.stdlib_module_names, "fastrnn", "numpy", "numba", "llvmlite", "tqdm"}
    for path in [*(ROOT / "fastrnn" / "bench").rglob("*.py"), ROOT / "fastrnn" / "cli" / "bench.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert {name.partition(".")[0] for name in names} <= core, path.name


def test_fastrnn_bench_prints_the_ladder(tmp_path, capsys):
    parser, path = Parser(), tmp_path / "result.json"
    command.arguments(parser, [])
    arguments = ["--batch-size", "64", "--rounds", "2", "--quick", "--threads", "1", "--json", str(path)]
    assert command.run(parser.parse_args(arguments)) == 0
    printed = capsys.readouterr().out
    # Lines are wrapped where the figures have it.
    for words in ("scalar Python loop", "NumPy, batched", "fastrnn", "of peak", "Measured peak: 1 thread"):
        assert words in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 80
    assert report.plain_ladder(json.loads(path.read_text())) + "\n" == printed


def test_the_summary_says_what_the_seconds_say():
    result = with_peer(3)
    common = report.find(result, engine="torch-module")
    result["rows"].append({**common, "engine": "torch-hand", "seconds": [2 / 3 * s for s in common["seconds"]]})
    result["rows"] = [{**row, "batch": 64} if row["batch"] == 1024 else row for row in result["rows"]]
    lines = markdown_rows(render.summary({"ladder": result, "shapes": None}))
    ours = report.find(result, engine="fastrnn", threads=1, batch=64)
    rate = 64 / sorted(ours["seconds"])[len(ours["seconds"]) // 2]
    cells = [cell.removesuffix("\\*") for cell in lines["16 units, 8 steps, 64 samples per update"]]
    numpy = report.find(result, engine="numpy", threads=1, batch=64)
    times = sorted(min(2, other / taken) for other, taken in zip(numpy["seconds"], ours["seconds"]))
    assert cells[:5] == [report.short_rate(rate), "", report.short_rate(rate / 2), report.short_rate(rate / 3), ""]
    assert cells[5] == f"{times[len(times) // 2]:.1f} ×"
    # Shapes that were not measured have no row.
    assert not any("128 units" in name for name in lines)


def markdown_rows(text):
    """{first cell: the others} of a Markdown table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in rows}


def test_sections_of_a_program_are_all_unless_some_are_named(capsys):
    parser = parser_for("sizes", "Costs.")
    add_sections(parser, ("hidden", "batch"))
    assert parser.parse_args([]).sections == ["hidden", "batch"] and parser.parse_args(["batch"]).sections == ["batch"]
    with pytest.raises(SystemExit):
        parser.parse_args(["fit"])
    assert "argument sections: got 'fit', expected one of hidden, batch" in capsys.readouterr().err


def test_each_program_of_bench_has_its_own_help():
    folder = Path(render.__file__).parent
    programs = [path for path in folder.glob("*.py") if "__main__" in path.read_text()]
    assert len(programs) > 10
    for path in programs:
        assert f'parser_for("{path.stem}", __doc__)' in path.read_text(), path.name
