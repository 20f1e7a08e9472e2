"""bench/results: a folder for each processor, all of which docs/speed.md shows side by side."""

import json
import re
from pathlib import Path

import pytest
from test_bench_report import markdown_rows

from bench import plots, processors, readme, render
from fastrnn.bench import machine, report

STORED = Path(__file__).parent / "data" / "bench"


@pytest.mark.parametrize(
    "processor, name",
    (
        ("Intel(R) Xeon(R) Processor (emeraldrapids, AVX-512)", "intel-emeraldrapids-avx512"),
        ("AMD EPYC (znver3, AVX2)", "amd-zen3-avx2"),
        ("AMD Ryzen 9 9950X 16-Core Processor (znver5, AVX-512)", "amd-zen5-avx512"),
        ("arm (apple-m1, NEON)", "apple-m1-neon"),
        ("aarch64 (neoverse-n1, NEON)", "aarch64-neoverse-n1-neon"),
        ("x86_64 (x86-64, no SIMD)", "x86-64-x86-64-no-simd"),
    ),
)
def test_a_folder_is_named_by_maker_core_and_vectors(processor, name):
    assert machine.slug(processor) == name


def test_this_processor_has_a_name():
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", processors.here().name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", machine.describe()["date"])


def test_each_folder_holds_results_of_its_processor_with_their_report_and_pictures():
    saved = processors.folders()
    assert saved
    for folder in saved:
        for path in folder.glob("*.json"):
            assert machine.slug(json.loads(path.read_text())["machine"]["processor"]) == folder.name, path
        assert render.report(folder) == (folder / "report.md").read_text(), f"{folder.name}: python -m bench.render"
        for name, (section, _, _) in plots.PICTURES.items():
            source, picture = folder / f"{section}.json", folder / f"{name}.png"
            if source.exists():
                assert plots.digest(source).encode() in picture.read_bytes(), f"{picture} is old: make readme"


@pytest.fixture
def several(tmp_path):
    """A folder with results of three processors: the stored ones, the same at half the speed, and a ladder alone."""
    for name, times, date in (("amd-a", 1, None), ("amd-b", 2, "2026-02-03"), ("amd-c", 1, "2026-01-31")):
        (tmp_path / name).mkdir()
        for section in ("ladder", "shapes")[: 1 if name == "amd-c" else 2]:
            result = json.loads((STORED / f"{section}.json").read_text())
            result["machine"] |= {"date": date} if date else {}
            for row in result["rows"]:
                row["seconds"] = [times * seconds for seconds in row["seconds"]]
            report.save(result, tmp_path / name / f"{section}.json")
    (tmp_path / "empty").mkdir()
    return tmp_path


def settings(folder, text):
    path = folder / "settings.toml"
    path.write_text(f"[tool.other]\n{text}")
    return path


def test_the_named_processor_is_shown_or_the_newest(several):
    assert [path.name for path in processors.folders(several)] == ["amd-a", "amd-b", "amd-c"]
    assert processors.shown(several, settings(several, "")) == several / "amd-b"
    assert processors.shown(several, settings(several, '[tool.bench]\nshown = "amd-a"\n')) == several / "amd-a"
    with pytest.raises(ValueError, match="got 'amd-d', there are results of amd-a, amd-b, amd-c"):
        processors.shown(several, settings(several, '[tool.bench]\nshown = "amd-d"\n'))
    assert processors.shown(several / "empty", settings(several, "")) == processors.here()


def test_processors_stand_side_by_side(several):
    text = "<!-- bench:processors -->\n<!-- /bench -->\n"
    shown = readme.filled(text, several / "amd-a", several / "docs" / "speed.md")
    rows = markdown_rows(shown)
    assert rows["fastrnn on one core"] == [f"[{name}](../{name}/report.md)" for name in ("amd-a", "amd-b", "amd-c")]
    result = json.loads((STORED / "ladder.json").read_text())
    fma, ours = (report.find(result, engine=name, threads=1, batch=1) for name in ("fma", "fastrnn"))
    seconds = [sorted(row["seconds"])[len(row["seconds"]) // 2] for row in (fma, ours)]
    peaks = [round(fma["flops"] / seconds[0] / 1e9 / times) for times in (1, 2, 1)]
    assert rows["one core's peak, GFLOP/s"] == [str(peak) for peak in peaks]
    cells = rows["16 units, 8 steps, 1 sample per update"]
    rates = [report.short_rate(1 / seconds[1] / times) for times in (1, 2, 1)]
    assert [cell.split(",")[0].removesuffix("\\*") for cell in cells] == rates
    # Without other libraries there is no ratio; what was not measured is left empty.
    assert all(re.fullmatch(r"[\d.]+ [kM](\\\*)?, \d+ %", cell) for cell in cells)
    assert rows["128 units, 64 steps, 256 samples per update"][2] == ""


def test_a_processor_that_was_measured_is_rendered_in_its_folder(several, capsys, monkeypatch):
    monkeypatch.setattr(plots, "PICTURES", {"ladder": plots.PICTURES["ladder"]})
    render.main(several / "amd-c")
    assert (several / "amd-c" / "report.md").read_text() == render.report(several / "amd-c")
    assert (several / "amd-c" / "ladder.png").exists() and not (several / "amd-a" / "ladder.png").exists()
    assert render.markdown("summary", several / "amd-c") in capsys.readouterr().out
