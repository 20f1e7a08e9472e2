"""Results in one line, and as small tables and curves in notebooks: __repr__ and _repr_html_ of the results of
training.

Functions here take the object whose method they are. A curve is SVG within the page, in the colour of its text, and
needs no other library.
"""

from collections import Counter
from html import escape

import numpy as np

from fastrnn.arguments import is_integer
from fastrnn.wording import counted

# Rows of a table, and points of a curve, at most.
MOST_ROWS, CURVE_POINTS = 10, 200
CURVE_WIDTH, CURVE_HEIGHT = 360, 130


def network(cell):
    """Return `elman of 16 units`."""
    return f"{cell.name or type(cell).__name__} of {counted(cell.hidden_size, 'unit')}"


def ends(stopped):
    """Return `exact: 95, samples: 5`: how many models ended for each reason."""
    return ", ".join(f"{end}: {count:,}" for end, count in Counter(stopped).items())


def html_table(columns, rows, left_out=0):
    """Return an HTML table of values, numbers with four digits; left_out: the number of rows that are not shown."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_shown(value)}</td>' for value in row)}</tr>" for row in rows)
    more = f"<p>and {counted(left_out, 'more row')}</p>" if left_out else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _shown(value):
    if value is None or isinstance(value, float) and value != value:
        return "–"
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return f"{value:,}" if is_integer(value) else escape(str(value))


def curves(x, lines, xlabel, ylabel):
    """Return SVG of lines {name: values} against x, which begins at 0; logarithmic where all values are above 0.

    Values that are not finite are left out; "" where no line has two of them.
    """
    x, points = np.asarray(x, float), {}
    for name, values in lines.items():
        values = np.asarray(values, float)
        finite = np.flatnonzero(np.isfinite(values))
        finite = finite[np.unique(np.linspace(0, len(finite) - 1, min(len(finite), CURVE_POINTS)).astype(int))]
        if len(finite) > 1:
            points[name] = x[finite], values[finite]
    if not points:
        return ""
    every = np.concatenate([values for _, values in points.values()])
    low, high, last = every.min(), every.max(), max(own.max() for own, _ in points.values())
    scale = np.log if low > 0 else np.array
    span = float(scale(high) - scale(low)) or 1.0
    parts = []
    for (name, (own, values)), dashes in zip(points.items(), ("", "5 3", "1 3")):
        across = 50 + own / (last or 1) * (CURVE_WIDTH - 60)
        down = CURVE_HEIGHT - 25 - (scale(values) - scale(low)) / span * (CURVE_HEIGHT - 40)
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down))
        parts.append(f'<polyline fill="none" stroke="currentColor" stroke-dasharray="{dashes}" points="{path}">'
                     f"<title>{escape(name)}</title></polyline>")
    texts = [
        (45, 20, "end", f"{high:.3g}"),
        (45, CURVE_HEIGHT - 22, "end", f"{low:.3g}"),
        (50, CURVE_HEIGHT - 8, "start", "0"),
        (CURVE_WIDTH - 10, CURVE_HEIGHT - 8, "end", f"{last:,.0f} {xlabel}"),
        (50, 9, "start", f"{ylabel}: {', '.join(points)}"),
    ]
    parts += [f'<text x="{a}" y="{b}" text-anchor="{anchor}">{escape(text)}</text>' for a, b, anchor, text in texts]
    return (f'<svg width="{CURVE_WIDTH}" height="{CURVE_HEIGHT}" '
            f'viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}" role="img" font-size="9" '
            f'font-family="sans-serif"><g fill="currentColor">{"".join(parts)}</g></svg>')


def _page(result, *parts):
    return f"<div><code>{escape(repr(result))}</code>{''.join(parts)}</div>"


def model(self):
    """Return one line for a Model."""
    task = f"; {self.task.described()}" if self.task else ""
    sizes = f"{counted(self.input_size, 'input')}, {counted(self.output_size, 'output')}"
    return f"Model({network(self.cell)}; {sizes}{task}; {self.dtype})"


def model_html(self):
    """Return the names, shapes and ranges of its weights."""
    rows = [(name, "×".join(map(str, w.shape)), float(w.min()), float(w.max())) for name, w in self.weights.items()]
    return _page(self, html_table(("weights", "shape", "smallest", "largest"), rows))


def run_line(self):
    """Return one line for a Run."""
    task = self.model.task.described() if self.model.task else "arrays"
    return (f"Run({network(self.model.cell)}; {task}; {self.stopped} after {counted(self.samples, 'sample')}; "
            f"{self.seconds:.3g} s)")


def run_html(self):
    """Return its learning curve, and what was verified and proved."""
    found, tried = [], self.verification
    if tried is not None:
        wrong = f"{tried.wrong:,} of {counted(tried.samples, 'sample')} wrong at {tried.bits:,} bits"
        found.append(("verification", wrong))
    if self.certification is not None:
        found.append(("certification", self.certification))
    return _page(self, html_table(("", ""), found) if found else "",
                 curves(self.history.samples, {"training": self.history.loss}, "samples", "loss per sample"))


def many_run(self):
    """Return one line for a ManyRun."""
    task = self.task.described() if self.task else "arrays"
    models = f"{counted(len(self), 'model')}; {network(self.cell)}"
    return f"ManyRun({models}; {task}; {ends(self.stopped)}; {self.seconds:.3g} s)"


def many_run_html(self):
    """Return the models that became exact first."""
    order = sorted(range(len(self)), key=lambda i: (self.samples_to_exact[i] < 0, self.samples_to_exact[i], i))
    rows = [
        (i, self.seeds[i], self.stopped[i], self.samples[i],
         None if self.samples_to_exact[i] < 0 else self.samples_to_exact[i], float(self.loss[i]))
        for i in order[:MOST_ROWS]
    ]
    columns = ("model", "seed", "stopped", "samples", "samples to exact", "loss")
    return _page(self, html_table(columns, rows, len(self) - len(rows)))


def fit_html(self):
    """Return the losses and the learning curves of a Fit."""
    roles = self.loss._fields
    rows = [("loss", *self.loss), ("accuracy", *self.accuracy)]
    history = self.history
    lines = {name: history["loss"][:, n] for n, name in enumerate(roles)}
    return _page(self, html_table(("", *roles), rows), curves(history["epoch"], lines, "epochs", "loss per step"))


def fits_html(self):
    """Return the models of Fits with the lowest losses, and the learning curves of the best."""
    chosen = np.argsort(self.selection_loss, kind="stable")[:MOST_ROWS]
    groups = [(name, values) for name, values in self.groups.items()]
    columns = ("model", *(name for name, _ in groups), "seed", "units", "stopped", "epochs", "training loss",
               "validation loss", "test loss")
    rows = [
        (i, *(values[i] for _, values in groups), self.seeds[i], self.hidden_size[i], self.stopped[i], self.epochs[i],
         *map(float, self.loss[i]))
        for i in chosen
    ]
    history = self.history(int(chosen[0]))
    lines = {name: history["loss"][:, n] for n, name in enumerate(("train", "validation", "test"))}
    return _page(self, html_table(columns, rows, len(self) - len(rows)),
                 curves(history["epoch"], lines, "epochs", f"loss per step of model {chosen[0]}"))


def sweep_table(self):
    """Return one line for a Table."""
    exact = sum(each.exact for each in self.summaries)
    return (f"Table({counted(len(self.points), 'point')} of {counted(self.grid.seeds, 'seed')}: "
            f"{counted(len(self), 'model')}, {exact:,} exact)")


def sweep_table_html(self, axes):
    """Return the points with the largest shares of exact models, by those axes in which the points differ."""
    summaries = self.summaries
    varied = [axis for axis in axes if len({str(point.value(axis)) for point in self.points}) > 1]
    order = sorted(range(len(self.points)), key=lambda n: (-summaries[n].share, n))[:MOST_ROWS]
    rows = [
        (*(self.points[n].value(axis) for axis in varied), summaries[n].models, summaries[n].exact,
         summaries[n].diverged, summaries[n].median)
        for n in order
    ]
    columns = (*varied, "models", "exact", "diverged", "median samples to exact")
    return _page(self, html_table(columns, rows, len(self.points) - len(rows)))


def certification(self):
    """Return one line for a Certification."""
    return f"Certification({self})"


def certification_html(self):
    """Return the facts of the proof."""
    rows = [("status", self.status), ("task", self.task.name), ("boxes", self.graph.nodes), ("margin", self.margin),
            ("seconds", self.seconds)]
    return _page(self, html_table(("", ""), rows))
