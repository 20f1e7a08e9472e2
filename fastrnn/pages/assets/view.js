"use strict";
// What all parts of the page use: elements, colours, and tracks, rows with a cell for each step.

const byId = name => document.getElementById(name);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const GAP = 6;
const COLOURS = ["--blue", "--red", "--green", "--purple", "--orange", "--sky"];
const colour = n => `var(${COLOURS[n % COLOURS.length]})`;

// Round numbers within limits, some four of them, as [value, text].
function ticks(low, high) {
  const rough = (high - low) / 4,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough),
    found = [];
  const places = Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-9)));
  for (let n = Math.ceil(low / step); n * step <= high; n++)
    found.push([n * step, (n * step).toFixed(places).replace("-", "−")]);
  return found;
}

function digits(value, places = 3) {
  if (value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 1e5))
    return String(Number(value.toPrecision(places)));
  return value.toExponential(places - 1);
}

// Limits of colours and axes that hold all values: 0 to 1, -1 to 1, or what the values need.
function limits(rows) {
  let low = 0,
    high = 1;
  for (const row of rows)
    for (const value of row) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  if (high > 1 || low < -1) high = Math.max(high, -low);
  return [low < 0 ? -high : 0, high];
}

// Rows over time. A row is {label, kind: "text", values, wrong}, {label, kind: "heat", matrix, names, marks} or
// {label, kind: "lines", series: [{name, values, dots}], low, high}; matrix and series are by unit, then by step.
class Tracks {
  constructor(place, backwards, chosen, pointed) {
    Object.assign(this, {place, backwards, chosen, pointed, rows: [], steps: 1, step: 0, wish: 0});
    const redraw = () => this.render(this.rows, this.steps, this.wish);
    for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
    addEventListener("resize", redraw);
  }

  column(step) {
    return this.backwards ? this.steps - 1 - step : step;
  }

  render(rows, steps, wish) {
    Object.assign(this, {rows, steps, wish});
    const labels = element("div", {class: "labels"}),
      inner = element("div", {class: "inner"});
    const scroll = element("div", {class: "scroll", tabindex: "-1"}, inner);
    this.place.replaceChildren(labels, scroll);
    const free = scroll.clientWidth || 600;
    this.cell = Math.min(44, Math.max(wish, Math.floor((free / steps) * 4) / 4));
    inner.style.width = `${this.cell * steps}px`;
    this.places = [];
    let top = 0;
    for (const row of rows) {
      const height = Tracks.height(row),
        label = element("div", {}, row.label);
      label.style.height = `${height}px`;
      if (row.kind === "heat") label.append(...Tracks.legend(row, height));
      labels.append(label);
      const drawn = {text: Tracks.text, heat: Tracks.heat, lines: Tracks.lines}[row.kind](this, row, height);
      inner.append(drawn);
      this.places.push({row, top, height});
      top += height;
    }
    this.future = element("div", {class: "future"});
    this.cursor = element("div", {class: "cursor"});
    inner.append(this.future, this.cursor);
    this.scroll = scroll;
    inner.addEventListener("pointerdown", event => this.chosen(this.stepAt(event)));
    inner.addEventListener("pointermove", event => {
      if (event.buttons) this.chosen(this.stepAt(event));
      this.point(event);
    });
    this.show(Math.min(this.step, steps - 1));
  }

  stepAt(event) {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    return this.column(Math.min(this.steps - 1, Math.max(0, Math.floor(x / this.cell))));
  }

  point(event) {
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top,
      step = this.stepAt(event);
    const here = this.places.find(each => y >= each.top && y < each.top + each.height);
    if (!here) return;
    const {row} = here;
    if (row.kind === "text") return this.pointed(`${row.label}, step ${step + 1}: ${row.values[step] ?? ""}`);
    const parts = row.matrix || row.series.map(each => each.values);
    const names =
      row.names || (row.series && row.series.map(each => each.name)) || parts.map((_, n) => `unit ${n}`);
    const unit = row.matrix ? Tracks.unitAt(row, y - here.top, here.height) : 0;
    const shown = row.matrix ? [unit] : parts.map((_, n) => n);
    this.pointed(
      `${row.label}, step ${step + 1}: ` + shown.map(n => `${names[n]} = ${digits(parts[n][step], 5)}`).join(", "),
    );
  }

  // Put the cursor on a step; what comes after it is pale.
  show(step) {
    this.step = step;
    const left = this.column(step) * this.cell,
      width = this.cell * this.steps;
    Object.assign(this.cursor.style, {left: `${left - 1}px`, width: `${this.cell + 2}px`});
    const [from, to] = this.backwards ? [0, left - 1] : [left + this.cell + 1, width];
    Object.assign(this.future.style, {left: `${from}px`, width: `${Math.max(0, to - from)}px`});
    const {scrollLeft, clientWidth} = this.scroll;
    if (left < scrollLeft || left + this.cell > scrollLeft + clientWidth)
      this.scroll.scrollLeft = left - clientWidth / 2;
  }

  static height(row) {
    if (row.kind === "text") return 22;
    if (row.kind === "lines") return 110;
    const units = row.matrix.length,
      each = row.names || units <= 8 ? 14 : units <= 24 ? 10 : units <= 64 ? 5 : 3;
    return Tracks.head(row) + GAP + Math.max(28, units * each);
  }

  // Room for the label above the names of a heat map's rows.
  static head(row) {
    return row.names ? (row.label.length > 12 ? 32 : 18) : 0;
  }

  // The unit at a height within a heat map.
  static unitAt(row, y, height) {
    const share = (y - Tracks.head(row)) / (height - Tracks.head(row) - GAP);
    return Math.min(row.matrix.length - 1, Math.max(0, Math.floor(share * row.matrix.length)));
  }

  static legend(row, height) {
    if (row.names) {
      const names = element("div", {class: "names"}, ...row.names.map(name => element("span", {}, name)));
      names.style.height = `${height - GAP - Tracks.head(row)}px`;
      names.style.gridTemplateRows = `repeat(${row.names.length}, 1fr)`;
      return [names];
    }
    const [low, high] = limits(row.matrix);
    return [
      element("span", {class: "scale"}, digits(low), element("i", {class: low < 0 ? "two" : "one"}), digits(high)),
    ];
  }

  static text(tracks, row, height) {
    const drawn = svg("svg", {width: tracks.cell * tracks.steps, height});
    row.values.forEach((value, step) =>
      drawn.append(
        svg(
          "text",
          {
            x: (tracks.column(step) + 0.5) * tracks.cell,
            y: 16,
            "text-anchor": "middle",
            class: row.wrong && row.wrong[step] ? "wrong" : row.small ? "soft" : "",
          },
          value,
        ),
      ),
    );
    return drawn;
  }

  static heat(tracks, row, height) {
    const canvas = element("canvas"),
      sharp = window.devicePixelRatio || 1,
      {cell, steps} = tracks;
    const top = Tracks.head(row),
      inside = height - GAP - top,
      each = inside / row.matrix.length,
      gap = cell > 8 && each > 6 ? 1 : 0;
    canvas.width = Math.min(32000, cell * steps * sharp);
    canvas.height = height * sharp;
    Object.assign(canvas.style, {width: `${cell * steps}px`, height: `${height}px`});
    const context = canvas.getContext("2d"),
      style = getComputedStyle(document.documentElement);
    const [positive, negative] = ["--blue", "--red"].map(name => style.getPropertyValue(name));
    const edge = Math.max(...limits(row.matrix));
    context.scale(canvas.width / (cell * steps), sharp);
    row.matrix.forEach((values, unit) =>
      values.forEach((value, step) => {
        context.globalAlpha = Math.min(1, 0.04 + (0.96 * Math.abs(value)) / edge);
        context.fillStyle = value < 0 ? negative : positive;
        context.fillRect(tracks.column(step) * cell, top + unit * each, cell - gap, each - gap);
        if (row.marks && row.marks[step] === unit) {
          context.globalAlpha = 1;
          context.strokeStyle = style.getPropertyValue("--ink");
          context.lineWidth = 1.5;
          context.strokeRect(
            tracks.column(step) * cell + 1,
            top + unit * each + 1,
            Math.max(1, cell - gap - 2),
            each - gap - 2,
          );
        }
      }),
    );
    return canvas;
  }

  static lines(tracks, row, height) {
    const width = tracks.cell * tracks.steps,
      drawn = svg("svg", {width, height});
    const y = value => 6 + (height - 18) * (1 - (value - row.low) / (row.high - row.low));
    const x = step => (tracks.column(step) + 0.5) * tracks.cell;
    for (const value of [row.low, (row.low + row.high) / 2, row.high]) {
      drawn.append(svg("line", {class: "axis", x1: 0, x2: width, y1: y(value), y2: y(value)}));
      // The topmost number stands below its line, where it is seen whole.
      drawn.append(svg("text", {class: "soft", x: 2, y: y(value) + (value === row.high ? 11 : -2)}, digits(value, 2)));
    }
    row.series.forEach((series, n) => {
      const points = series.values.map((value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
      drawn.append(
        svg("polyline", {points: points.join(" "), fill: "none", style: `stroke:${colour(n)}`, "stroke-width": 1.6}),
      );
      (series.dots || []).forEach(
        (value, step) =>
          value === null ||
          drawn.append(
            svg("circle", {
              cx: x(step),
              cy: y(value),
              r: Math.min(3.5, Math.max(1.5, tracks.cell / 3)),
              style: `fill:${colour(n)}`,
            }),
          ),
      );
    });
    return drawn;
  }
}
