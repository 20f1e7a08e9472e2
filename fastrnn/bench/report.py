"""Turns stored seconds into figures and Markdown; a table depends on the result alone."""

import json
import re
import textwrap

from fastrnn.bench.timing import UNSTABLE, median, quartile_spread, times, unstable
from fastrnn.bench.workload import Workload
from fastrnn.files import write_atomically


def work_of(row):
    """Return the Workload of a result's row."""
    return Workload(row["hidden"], row["steps"], row["batch"], row["dtype"], row["models"])


def find(result, **wanted):
    """Return the first measured row with these values, or None."""
    return next(
        (row for row in result["rows"] if row["seconds"] and all(row[key] == value for key, value in wanted.items())),
        None,
    )


def samples_a_second(row):
    """Return the samples per second, the median over rounds."""
    return work_of(row).samples / median(row["seconds"])


def gflops(row):
    """Return 1e9 counted floating-point operations per second."""
    return work_of(row).flops * samples_a_second(row) / 1e9


def peak_gflops(result, threads, dtype="float32"):
    """Return the measured peak of a number of threads, [GFLOP/s in each round], or None."""
    peak = find(result, engine="fma", threads=threads, dtype=dtype)
    return peak and [peak["flops"] / seconds / 1e9 for seconds in peak["seconds"]]


def share_of_peak(result, row):
    """Return GFLOP/s divided by the peak of as many threads: the median of the ratios within rounds, or None."""
    peaks = peak_gflops(result, row["threads"], row["dtype"])
    if peaks is None:
        return None
    work = work_of(row).flops * work_of(row).samples / 1e9
    return median([work / seconds / peak for seconds, peak in zip(row["seconds"], peaks)])


def times_row(base, row):
    """Return how many times as many samples per second as `base`, as ratios within rounds."""
    return times(*([seconds / work_of(each).samples for seconds in each["seconds"]] for each in (base, row)))


def short_rate(value):
    """Return three digits and k, M or G."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * limit:
            return f"{three_digits(value / limit)} {letter}"
    return three_digits(value)


def three_digits(value):
    """Return three digits, or all digits before the point."""
    return (
        f"{value:,.0f}"
        if value >= 99.95
        else f"{value:.1f}"
        if value >= 9.995
        else f"{value:.2f}"
        if value >= 0.01 or not value
        else f"{value:.2g}"
    )


def markdown_table(header, rows):
    """Return a Markdown table, with the first column left-aligned and the others right-aligned."""
    lines = ["| " + " | ".join(cells) + " |" for cells in [header, *rows]]
    lines.insert(1, "|---" + "|---:" * (len(header) - 1) + "|")
    return "\n".join(lines) + "\n"


def mark(row):
    """Return an asterisk for an unstable row, else ""."""
    return "\\*" if unstable(row["seconds"]) else ""


LADDER = ("engine", "threads", "batch", "samples/s", "time steps/s", "GFLOP/s", "of peak", "× scalar", "spread")


def _ladder_cells(result, rows, columns):
    """Yield the cells of some rows of a result, in columns of LADDER or of the short table."""
    base = find(result, engine="scalar")
    for row in rows:
        cells = {"engine": row["label"], "threads": str(row["threads"]), "best batch": f"{row['batch']:,}"}
        cells["batch"] = cells["best batch"] + (f" × {row['models']:,}" if row["models"] > 1 else "")
        if row["absent"]:
            cells["samples/s"] = row["absent"]
        else:
            rate = samples_a_second(row)
            cells |= {
                "samples/s": short_rate(rate) + mark(row),
                "time steps/s": short_rate(rate * row["steps"]),
                "GFLOP/s": f"{gflops(row):.3g}",
                "of peak": percent(share_of_peak(result, row)),
                "× scalar": _times(times_row(base, row)) if base else "",
                "spread": f"{100 * quartile_spread(row['seconds']):.0f} %",
            }
        yield [cells.get(column, "") for column in columns]


def ladder(result):
    """Return the table of every engine at every batch with all its figures."""
    return markdown_table(LADDER, _ladder_cells(result, _of_ladder(result), LADDER))


def _of_ladder(result):
    return [row for row in result["rows"] if row["kind"] in ("scalar", "batched", "ours", "own")]


def short_ladder(result):
    """Return a table with one line per engine: its best batch."""
    groups = _groups(result, ("scalar", "batched", "ours")).values()
    measured = [[row for row in group if row["seconds"]] for group in groups]
    best = [max(group, key=samples_a_second) for group in measured if group]
    columns = ("engine", "threads", "best batch", "samples/s", "GFLOP/s", "of peak", "× scalar")
    return markdown_table(columns, _ladder_cells(result, best, columns))


def percent(share):
    """Return two digits, or all digits before the point; "" where there is no share."""
    return "" if not share else f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def _times(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _groups(result, kinds):
    """Return {(label, threads): rows} in the order of the result."""
    groups = {}
    for row in result["rows"]:
        if row["kind"] in kinds:
            groups.setdefault((row["label"], str(row["threads"])), []).append(row)
    return groups


def batches(result):
    """Return the table of samples per second, with engines in rows and workloads in columns."""
    kinds, rows = ("scalar", "batched", "ours", "peer"), []
    works = list(dict.fromkeys(work_of(row) for row in result["rows"] if row["kind"] in kinds))
    for (label, threads), group in _groups(result, kinds).items():
        cells = {work_of(row): row["absent"] or short_rate(samples_a_second(row)) + mark(row) for row in group}
        rows.append([label, threads, *(cells.get(work, "") for work in works)])
    same = len({(work.hidden, work.steps) for work in works}) == 1
    heads = [
        (f"batch {work.batch:,}" if work.models == 1 else f"{work.models:,} models") if same else shape_of(work)
        for work in works
    ]
    return markdown_table(("samples/s", "threads", *heads), rows)


def shape_of(work):
    """Return a workload in short: hidden units, time steps, batch, and models if there are several."""
    return f"H {work.hidden}, T {work.steps}, B {work.batch:,}" + (
        f", {work.models:,} models" if work.models > 1 else ""
    )


METHOD = "Float32 (the scalar loops float64), medians of {rounds} interleaved rounds; ratios are formed within a round."


def note(result, method=METHOD):
    """Return the note below a table: where and how it was measured, and what the asterisk means."""
    machine, notes = result["machine"], []
    for threads in sorted({row["threads"] for row in result["rows"] if row.get("engine") == "fma" and row["seconds"]}):
        stream = find(result, engine="triad", threads=threads)
        notes.append(f"{threads} thread{'s' * (threads > 1)} {median(peak_gflops(result, threads)):.0f} GFLOP/s"
                     + (f" and {stream['bytes'] / median(stream['seconds']) / 1e9:.0f} GB/s" if stream else ""))
    versions = {name: version for worker in [machine, *result["versions"].values()] for name, version in worker.items()
                if name not in ("processor", "cores", "date", "system", "python", "fastrnn", "llvmlite")}
    text = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
    text += (
        ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". {method.format(rounds=result['rounds'])}"
    )
    if notes:
        text += f" Measured peak: {'; '.join(notes)}."
    if any(unstable(row["seconds"]) for row in result["rows"] if row["seconds"] and "updates" in row):
        text += f" \\* unstable: the quartiles lie more than {100 * UNSTABLE:.0f} % apart."
    return text + "\n"


def plain_ladder(result):
    """Return the ladder for a terminal of 80 columns, without columns that follow from others."""
    columns, rows = [column for column in LADDER if column not in ("threads", "time steps/s")], _of_ladder(result)
    cells = [columns, *_ladder_cells(result, rows, columns)]
    for line, row in zip(cells[1:], rows):
        line[0] += f", {row['threads']} threads" if row["threads"] != 1 else ""
    cells = [[cell.replace("\\*", "*") for cell in line] for line in cells]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in cells
    ]
    return "\n".join(lines) + "\n\n" + textwrap.fill(note(result).replace("\\*", "*"), 79, break_on_hyphens=False)


def save(result, path):
    """Write a result as JSON; an existing file is replaced."""
    text = json.dumps(result, indent=1)
    # One line for the seconds of a row, or a file of results is mostly line breaks.
    text = re.sub(r"\[\s+([-\d.eE+,\s]+?)\s+\]", lambda match: "[" + " ".join(match[1].split()) + "]", text)
    write_atomically(path, (text + "\n").encode())
