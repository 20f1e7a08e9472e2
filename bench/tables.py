"""Markdown tables of every section; each depends on the stored result alone."""

import numpy as np

from bench.duels import duels
from fastrnn.bench import report
from fastrnn.bench.engines.parts import PART_SAMPLES
from fastrnn.bench.report import find, mark, markdown_table, samples_a_second, shape_of, short_rate, work_of
from fastrnn.bench.timing import median, quartile_spread


def versus(result):
    """Compare fastrnn with the fastest peer and with nn.RNN and autograd, on at most as many threads."""
    rows = []
    for duel in duels(result):
        rows.append(
            [
                shape_of(duel.work),
                str(duel.threads),
                short_rate(samples_a_second(duel.ours)) + mark(duel.ours),
                duel.other["label"],
                short_rate(samples_a_second(duel.other)) + mark(duel.other),
                f"{duel.best_times:.1f}",
                f"{duel.common_times:,.0f}" if duel.common else "",
            ]
        )
    return markdown_table(
        (
            "workload",
            "threads",
            "fastrnn, samples/s",
            "best other",
            "samples/s",
            "× best other",
            "× nn.RNN, autograd",
        ),
        rows,
    )


# What grows in a series, as its column says it.
GROWS = {
    "width": ("bits", "steps"),
    "hidden": ("hidden units", "hidden"),
    "batch": ("batch", "batch"),
    "threads": ("threads", "threads"),
    "dtype": ("type", "dtype"),
    "models": ("models, batch 1", "models"),
}


def scaling(result):
    """Return one table for each series."""
    parts = []
    for series in dict.fromkeys(row["series"] for row in result["rows"] if "series" in row):
        title, key = GROWS[series]
        rows = []
        for row in (each for each in result["rows"] if each.get("series") == series):
            rate = samples_a_second(row)
            size = f"{row[key]:,}" if isinstance(row[key], int) else row[key]
            size += f", {row['hidden']} hidden units" if series == "models" else ""
            rows.append(
                [
                    size,
                    str(row["threads"]),
                    short_rate(rate) + mark(row),
                    report.three_digits(1e9 / rate / row["steps"]),
                    report.three_digits(report.gflops(row)),
                    report.percent(report.share_of_peak(result, row)),
                    f"{row['memory']:.0f}",
                    f"{row['memory'] - row['memory_before']:.0f}",
                    f"{100 * quartile_spread(row['seconds']):.0f} %",
                ]
            )
        parts.append(
            markdown_table(
                (
                    title,
                    "threads",
                    "samples/s",
                    "ns a time step",
                    "GFLOP/s",
                    "of peak",
                    "peak MB",
                    "of it for this size, MB",
                    "spread",
                ),
                rows,
            )
        )
    return "\n".join(parts)


def parts_of(result, work):
    """Return [(part, nanoseconds per sample, row)] of a workload; the forward pass counts as a part."""
    found = {}
    for row in result["rows"]:
        if row.get("part") and work_of(row) == work:
            block = median(row["seconds"]) / row["blocks"]
            found[row["part"]] = 1e9 * block / (work.batch if row["part"] == "update" else PART_SAMPLES), row
    backward = found["learn"][0] - found["forward"][0]
    order = [
        ("data", *found["data"]),
        ("forward", *found["forward"]),
        ("loss, backward and gradients", backward, found["learn"][1]),
        ("update", *found["update"]),
    ]
    return [(name, max(ns, 0.0), row) for name, ns, row in order]


def rooflines(result):
    """Return [(work, part, flops per byte, GFLOP/s)] of the parts that multiply, in measured order."""
    points = []
    for row in result["rows"]:
        if row.get("part") and row["flops"]:
            points.append(
                (work_of(row), row["part"], row["flops"] / row["bytes"], row["flops"] / median(row["seconds"]) / 1e9)
            )
    return points


def roofline(result):
    """Return the table of each part's time and share of the peak."""
    peak, rows = median(report.peak_gflops(result, 1)), []
    for work in dict.fromkeys(work_of(row) for row in result["rows"] if row.get("part")):
        parts = parts_of(result, work)
        whole = find(result, engine="fastrnn", **work._asdict())
        total = sum(ns for _, ns, _ in parts)
        shares = {part: rate / peak for other, part, _, rate in rooflines(result) if other == work}
        keys = {"forward": "forward", "loss, backward and gradients": "learn"}
        name = shape_of(work)
        for part, ns, row in parts:
            share = shares.get(keys.get(part))
            rows.append(
                [
                    name,
                    part,
                    report.three_digits(ns),
                    f"{100 * ns / total:.0f} %",
                    f"{100 * share:.0f} %" if share else "",
                    f"{100 * quartile_spread(row['seconds']):.0f} %",
                ]
            )
            name = ""
        share = f"{100 * work.flops / total / peak:.0f} %"
        rows.append(["", "sum of parts", report.three_digits(total), "100 %", share, ""])
        ns = 1e9 / samples_a_second(whole)
        rows.append(
            [
                "",
                "whole, as trained" + mark(whole),
                report.three_digits(ns),
                f"{100 * ns / total:.0f} %",
                f"{100 * work.flops / ns / peak:.0f} %",
                f"{100 * quartile_spread(whole['seconds']):.0f} %",
            ]
        )
    text = (
        "\nShares of the peak are those of the whole pass: forward with its activation, backward with its recurrent "
        "gradient.\n"
    )
    return markdown_table(("workload", "part", "ns per sample", "of the time", "of peak", "spread"), rows) + text


def answer(result):
    """Return the table of seconds until exact: median and worst over seeds."""
    rows = []
    for row in result["rows"]:
        if row["absent"]:
            rows.append([row["label"], row["absent"], *[""] * 6])
            continue
        right = [one for one in row["outcomes"] if one["exact"]]
        cells = [row["label"], f"{len(right)} of {len(row['outcomes'])}"]
        samples = [one["samples"] for one in row["outcomes"]]
        cells += [f"{np.median(samples):,.0f}", f"{max(samples):,}"]
        for key in ("training", "process"):
            values = [one[key] for one in row["outcomes"]]
            cells += [seconds(np.median(values)), seconds(max(values))]
        rows.append(cells)
    header = (
        "until exact on all 16,384 pairs",
        "exact",
        "samples, median",
        "worst",
        "from the first update, median",
        "worst",
        "from the start of the process, median",
        "worst",
    )
    return markdown_table(header, rows)


def answer_note(result):
    """Return the note on rows that were measured in another way than the others."""
    text = (
        "The scalar loop's seconds are the samples of its compiled twin at the speed of the loop, "
        f"{result['scalar_rate']:,.0f} samples/s; {{rounds}} seeds."
    )
    if result["cold_measured"]:
        text += (
            f" The first run ever was measured for {result['cold_measured']} seeds; for the others it is their warm run"
            f" and the median of what those lost to the empty cache, {seconds(result['cold_cost'])}."
        )
    return report.note(result, text)


def seconds(value):
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def compiling(result):
    """Return the table of import and first training, with a cold and a warm cache."""
    rows = []
    for row in result["rows"]:
        kind = "online" if row["batch"] == 1 else "batches"
        rows.append(
            [f"{row['cell']}, {kind}", row["state"], seconds(median(row["imports"])), seconds(median(row["seconds"]))]
        )
    return markdown_table(("cell", "disk cache", "import fastrnn", "first training, compiling included"), rows)


def limits(result):
    """Return the table of measured values and their upper limits."""
    return markdown_table(
        ("", "measured", "at most"),
        [
            [row["label"], f"{report.three_digits(row['value'])} {row['unit']}", f"{row['bound']:g} {row['unit']}"]
            for row in result["rows"]
        ],
    )


def wholes(result):
    """Return the table of complete tasks: measured value and bound."""
    rows = []
    for row in result["rows"]:
        bound = f"at {'least' if row['least'] else 'most'} {row['bound']:g} {row['unit']}".rstrip()
        rows.append([row["label"], f"{report.three_digits(row['value'])} {row['unit']}".rstrip(), bound])
    return markdown_table(("", "measured", "bound"), rows)


def gpu(result):
    """Return the table of fastrnn on one thread and on all, and of the fastest program on a GPU."""
    rows = []
    for work in dict.fromkeys(map(work_of, result["rows"])):
        mine = [row for row in result["rows"] if work_of(row) == work and row["seconds"]]
        ours = sorted((row for row in mine if row["kind"] == "ours"), key=lambda row: row["threads"])
        other = max((row for row in mine if row["kind"] == "peer"), key=samples_a_second, default=None)
        rate = other and short_rate(samples_a_second(other)) + mark(other)
        rows.append([
            shape_of(work),
            *(short_rate(samples_a_second(ours[place])) + mark(ours[place]) for place in (0, -1)),
            rate or "absent",
            *(f"{report.times_row(other, ours[place]):.2g}" if other else "" for place in (0, -1)),
        ])
    threads = max(row["threads"] for row in result["rows"])
    head = ("samples/s", "fastrnn, 1 thread", f"{threads} threads", f"JAX on {result['gpu']}", "1 thread over the GPU",
            f"{threads} threads")
    return markdown_table(head, rows)


def _noted(text):
    return lambda result: report.note(result, text)


# section -> {table: (title, or None for one that the report leaves out, function of the result)}; a note belongs to
# all tables of its section.
TABLES = {
    "ladder": {
        "ladder": ("The ladder: hidden 16, 8 steps", report.ladder),
        "short": (None, report.short_ladder),
        "batches": ("All engines, samples/s: hidden 16, 8 steps", report.batches),
        "versus": ("Against the best of the others: hidden 16, 8 steps", versus),
        "note": (None, report.note),
    },
    "shapes": {
        "batches": ("Other shapes, samples/s", report.batches),
        "versus": ("Other shapes, against the best of the others", versus),
        "note": (None, report.note),
    },
    "scaling": {"scaling": ("Scaling", scaling), "note": (None, report.note)},
    "roofline": {"roofline": ("Where the time goes", roofline), "note": (None, report.note)},
    "answer": {"answer": ("Time to a right answer", answer), "note": (None, answer_note)},
    "compiling": {
        "compiling": ("Compile time", compiling),
        "note": (None, _noted("Cold: one process with an empty cache; warm: the median of {rounds} processes.")),
    },
    "limits": {
        "limits": ("What a user waits for, and memory", limits),
        "note": (None, _noted("Medians of {rounds}; the first time ever, and memory, once.")),
    },
    "gpu": {"gpu": ("Beside a GPU", gpu), "note": (None, report.note)},
    **{
        name: {name: (title, wholes), "note": (None, _noted("Measured once, on all cores."))}
        for name, title in {
            "animal": "One animal: nested folds",
            "learners": "Many learners",
            "memory": "Memory of many models",
            "digits": "Spoken digits",
            "laser": "One step ahead in a laser",
            "rat": "A rat's decisions",
        }.items()
    },
}
