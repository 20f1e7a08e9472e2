"""Draws the pictures from saved results; hatches, markers and dashes repeat what colours say, for black and white."""

import hashlib
import json
from pathlib import Path

from bench.tables import parts_of, rooflines
from fastrnn.bench import report
from fastrnn.bench.report import find, samples_a_second, work_of
from fastrnn.bench.timing import median
from fastrnn.drawing import BLACK, BLUE, GREEN, LINES, MARKERS, ORANGE, VERMILLION
from fastrnn.files import write_atomically

# name of a family -> (how its labels begin, colour, marker)
FAMILIES = {
    "fastrnn": ("fastrnn", VERMILLION, "o"),
    "JAX": ("JAX", GREEN, "D"),
    "PyTorch": ("PyTorch", BLUE, "s"),
    "NumPy": ("NumPy", ORANGE, "^"),
    "scalar loops": ("scalar", BLACK, "v"),
}
TITLE = "Training an adder: Elman network with 16 units, 8 steps"


def canvas(width, height, rows=1, columns=1):
    """Return a Figure with its axes, without a window system or shared state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    for each in axes.flat if rows * columns > 1 else [axes]:
        each.spines[["top", "right"]].set_visible(False)
        each.set_axisbelow(True)
    return figure, axes


def plain(axis):
    """Print numbers on an axis as numbers, not as powers of ten."""
    letters = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (0, ""))
    axis.set_major_formatter(
        lambda value, _: next(f"{value / (limit or 1):g}{letter}" for limit, letter in letters if value >= limit)
    )


def ladder(result):
    """Draw the samples per second of every engine at its best batch, on a logarithmic axis: a dot for each."""
    rows = {}
    for row in result["rows"]:
        if row["kind"] != "peak" and row["seconds"]:
            rows.setdefault((row["label"], row["threads"]), []).append(row)
    best = sorted(
        (max(map(samples_a_second, group)), key, _size(max(group, key=samples_a_second))) for key, group in rows.items()
    )
    figure, axes = canvas(9, 1.4 + 0.34 * len(best))
    for place, (rate, (label, _), batch) in enumerate(best):
        family, colour, marker = _family(label)
        axes.plot([best[0][0] / 3, rate], [place, place], color="0.85", linewidth=1, zorder=1)
        axes.plot(rate, place, marker, color=colour, markersize=8, label=family)
        axes.text(rate * 1.25, place, f"{report.short_rate(rate)}  ({batch})", va="center", fontsize=8)
    axes.set_yticks(
        range(len(best)),
        [f"{label}, {threads} thread{'s' * (threads > 1)}" for _, (label, threads), _ in best],
        fontsize=8,
    )
    axes.set_xscale("log")
    axes.set_xlim(best[0][0] / 3, best[-1][0] * 12)
    plain(axes.xaxis)
    axes.set_xlabel("samples per second at the best batch, logarithmic")
    axes.set_title(TITLE, fontsize=10)
    axes.grid(axis="x", color="0.9")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    axes.legend([handles[name] for name in FAMILIES if name in handles], [name for name in FAMILIES if name in handles],
                loc="lower right", fontsize=8)
    return figure


def _family(label):
    """Return (name, colour, marker) of the family of an engine."""
    return next((name, *look) for name, (start, *look) in FAMILIES.items() if label.startswith(start))


def _size(row):
    return f"batch {row['batch']:,}" if row["models"] == 1 else f"{row['models']:,} models"


def scaling(result):
    """Draw four series side by side."""
    panels = {
        "width": ("steps", "bits of the sum", "ns per time step and sample"),
        "hidden": ("hidden", "hidden units", "GFLOP/s"),
        "batch": ("batch", "samples in one update", "samples per second"),
        "threads": ("threads", "threads", "samples per second"),
    }
    figure, axes = canvas(9, 6.5, 2, 2)
    for place, (series, (key, across, up)) in zip(axes.flat, panels.items()):
        rows = [row for row in result["rows"] if row.get("series") == series]
        value = {
            "ns per time step and sample": lambda row: 1e9 / samples_a_second(row) / row["steps"],
            "GFLOP/s": report.gflops,
            "samples per second": samples_a_second,
        }[up]
        middle = [value(row) for row in rows]
        ends = [
            [abs(value({**row, "seconds": [pick(row["seconds"])]}) - centre) for row, centre in zip(rows, middle)]
            for pick in (max, min)
        ]
        if up.startswith("ns"):
            ends.reverse()
        place.errorbar(
            [row[key] for row in rows],
            middle,
            yerr=ends,
            color=BLUE,
            marker="o",
            markersize=4,
            capsize=2,
            linewidth=1,
        )
        if series != "threads":
            place.set_xscale("log", base=2)
        place.set_xticks([row[key] for row in rows][:: 2 if len(rows) > 6 else 1])
        place.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
        place.tick_params(labelsize=8)
        place.set_ylim(0, 1.15 * max(centre + end for centre, end in zip(middle, ends[1])))
        plain(place.yaxis)
        place.set(xlabel=across, ylabel=up)
        place.grid(color="0.9")
        sizes = {"hidden": "units", "steps": "steps", "batch": "samples per update"}
        same = [f"{rows[0][name]:,} {text}" for name, text in sizes.items() if len({row[name] for row in rows}) == 1]
        place.set_title(", ".join(same), fontsize=9)
    figure.suptitle("Training an adder (Elman network) with fastrnn: medians, slowest and fastest rounds", fontsize=10)
    return figure


def roofline(result):
    """Draw the roofline on the left, and on the right how the time is divided."""
    figure, (roof, where) = canvas(10, 5, 1, 2)
    peak = median(report.peak_gflops(result, 1))
    points = rooflines(result)
    span = [min(x for _, _, x, _ in points) / 8, max(x for _, _, x, _ in points) * 2]
    for engine, name, dash in (("triad", "memory", "--"), ("triad-cache", "second-level cache", ":")):
        row = find(result, engine=engine)
        speed = row["bytes"] / median(row["seconds"]) / 1e9
        edge = min(span[1], peak / speed)
        roof.plot(
            [span[0], edge],
            [speed * span[0], speed * edge],
            color="black",
            linestyle=dash,
            linewidth=1,
            label=f"{name}: {speed:.0f} GB/s",
        )
    roof.axhline(peak, color="black", linewidth=1.5, label=f"fused multiply-adds: {peak:.0f} GFLOP/s")
    works, parts = (list(dict.fromkeys(point[i] for point in points)) for i in (0, 1))
    fills = ("white", "0.6", "black")
    for work, part, x, rate in points:
        roof.plot(
            x,
            rate,
            marker=MARKERS[parts.index(part)],
            color="black",
            markerfacecolor=fills[works.index(work)],
            linestyle="",
            markersize=7,
        )
    for number, part in enumerate(parts):
        roof.plot([], [], marker=MARKERS[number], color="black", markerfacecolor="white", linestyle="", label=part)
    for number, work in enumerate(works):
        roof.fill([], [], facecolor=fills[number], edgecolor="black", label=f"hidden {work.hidden}, {work.steps} steps")
    roof.set(
        xscale="log",
        yscale="log",
        xlim=span,
        ylim=(peak / 60, peak * 1.6),
        xlabel="operations per byte of the block's arrays",
        ylabel="GFLOP/s",
    )
    plain(roof.xaxis)
    plain(roof.yaxis)
    roof.legend(fontsize=7, frameon=False, loc="lower right")
    roof.set_title("Training an adder (Elman network): roofline, one thread", fontsize=10)
    shades = dict(
        zip(
            [name for name, _, _ in parts_of(result, works[0])],
            zip(("white", "0.75", "0.9", "white", "0.45", "black", "white"), ("", "", "xx", "//", "", "", "...")),
        )
    )
    for place, work in enumerate(works):
        pieces, left = parts_of(result, work), 0.0
        total = sum(ns for _, ns, _ in pieces)
        for name, ns, _ in pieces:
            color, hatch = shades[name]
            where.bar(
                place,
                100 * ns / total,
                bottom=left,
                color=color,
                hatch=hatch,
                edgecolor="black",
                width=0.6,
                label=None if place else name,
            )
            left += 100 * ns / total
    where.set_xticks(range(len(works)), [f"hidden {work.hidden}\n{work.steps} steps" for work in works])
    where.set_ylabel("percent of the time")
    handles, labels = where.get_legend_handles_labels()
    where.legend(handles[::-1], labels[::-1], fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    where.set_title("Where the time goes", fontsize=10)
    return figure


def batches(result):
    """Draw samples per second against the batch: the best engine of each family on one thread."""
    figure, axes = canvas(8, 5)
    engines = list(
        dict.fromkeys(
            (row["engine"], row["label"])
            for row in result["rows"]
            if row["kind"] in ("batched", "ours", "peer") and row["models"] == 1 and row["seconds"]
        )
    )
    drawn = []
    for number, (engine, label) in enumerate(engines):
        rows = [row for row in result["rows"] if row["engine"] == engine and row["threads"] == 1 and row["seconds"]]
        ours, (family, colour, _) = engine == "fastrnn", _family(label)
        dashes = LINES[drawn.count(family) % len(LINES)]
        drawn.append(family)
        axes.plot(
            [row["batch"] for row in rows],
            [samples_a_second(row) for row in rows],
            color=colour,
            linewidth=2.2 if ours else 1.2,
            marker=MARKERS[number % len(MARKERS)],
            markersize=6,
            linestyle=dashes,
            markerfacecolor=colour if ours else "white",
            label=label,
        )
    axes.set(xscale="log", yscale="log", xlabel="samples in one update", ylabel="samples per second")
    axes.set_xticks(
        sorted({work_of(row).batch for row in result["rows"] if row["kind"] == "ours" and row["models"] == 1})
    )
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    plain(axes.yaxis)
    axes.grid(color="0.9")
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(f"{TITLE}, one thread", fontsize=10)
    return figure


# name -> (section, function of its result, what it shows)
PICTURES = {
    "ladder": ("ladder", ladder, "Samples per second of every engine at its best batch"),
    "batches": ("ladder", batches, "Samples per second against the batch, one thread"),
    "scaling": ("scaling", scaling, "Speed as width, hidden units, batch or threads grow"),
    "roofline": ("roofline", roofline, "Each kernel under the roofline, and where the time goes"),
}


def digest(path):
    """Return what identifies, in a picture, the file that it was drawn from."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def draw_all(folder):
    """Draw the results in a folder, as .png next to them; return the paths."""
    drawn = []
    for name, (section, draw, _) in PICTURES.items():
        path = Path(folder) / f"{section}.json"
        if path.exists():
            figure, target = draw(json.loads(path.read_text())), Path(folder) / f"{name}.png"
            about = {"Software": None, "Source": digest(path)}
            write_atomically(
                target,
                lambda file, figure=figure, about=about: figure.savefig(file, format="png", dpi=120, metadata=about),
            )
            drawn.append(target)
    return drawn
