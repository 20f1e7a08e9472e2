"""Formats the result of a sweep within the 80 columns of a terminal, for any number of axes."""

from fastrnn.cli.text import shown_value

# (axis, heading, width); the figures take the rest of the line.
_AXES = (
    ("hidden_size", "hidden", 6),
    ("activation", "cell", 8),
    ("learning_rate", "rate", 8),
    ("batch_size", "batch", 6),
    ("bits", "bits", 5),
)


def table_text(table):
    """Return a line for each point: share of exact models, its 95 % interval, quartiles of the samples to exactness."""
    axes = [each for each in _AXES if each[0] == "hidden_size" or each[0] in table.grid.varied]
    head = "".join(f"{name:>{width}}" for _, name, width in axes)
    lines = [f"{head}{'exact':>7}{'interval':>13}{'25 %':>9}{'50 %':>9}{'75 %':>9}"]
    for point, summary in zip(table.points, table.summaries):
        values = "".join(f"{shown_value(point.value(axis)):>{width}}" for axis, _, width in axes)
        lines.append(f"{values}{_figures(summary)}")
    lines.append("samples until 25, 50, 75 % of all models are exact; intervals of the share: 95 %")
    never = len(table) - sum(summary.exact for summary in table.summaries)
    if never:
        diverged = sum(summary.diverged for summary in table.summaries)
        lines.append(f"never exact within {table.grid.config.max_samples:,} samples: {never:,} of {len(table):,} models"
                     + (f", {diverged:,} of them diverged" if diverged else ""))
    return "\n".join(lines)


def findings_text(found):
    """Return the smallest hidden size in words, with the figures that it is based on."""
    return "\n".join(line for finding in found.findings for line in _finding(found, finding))


def _figures(summary):
    share, interval = f"{100 * summary.share:.1f}%", _interval(summary)
    quartiles = "".join(
        f"{_samples(value):>9}" for value in (summary.first_quartile, summary.median, summary.third_quartile)
    )
    return f"{share:>7}{interval:>13}{quartiles}"


def _finding(found, finding):
    others = [
        f"{name} {shown_value(finding.others[axis])}"
        for axis, name, _ in _AXES
        if axis in finding.others and axis in found.table.grid.varied
    ]
    if others:
        yield f"{', '.join(others)}:"
    sizes = found.table.grid.hidden_size
    for wanted, evidence in (
        (f"at least {100 * found.share:g} % of the models", finding.usually),
        ("at least one model", finding.ever),
    ):
        if evidence is None:
            yield f"no hidden size from {min(sizes)} to {max(sizes)} makes {wanted} exact"
        else:
            figures = evidence.summary
            share = f"{100 * figures.share:.1f}%, interval {_interval(figures)}"
            yield (
                f"smallest hidden size that makes {wanted} exact: {evidence.hidden_size}\n"
                f"  ({figures.exact:,} of {figures.models:,}, {share})"
            )


def _interval(summary):
    return f"{100 * summary.low:.1f}-{100 * summary.high:.1f}%"


def _samples(count):
    if count is None:
        return "never"
    for unit in ("", " k", " M", " G"):
        if count < 100_000:
            return f"{count:,}{unit}"
        count = round(count / 1000)
    return f"{count:,} T"
