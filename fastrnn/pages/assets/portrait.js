"use strict";
// Phase portraits: how each input changes a state of one number, or of two.

function shape(flat) {
  return flat && network.states.map((_, n) => flat.slice(n * network.hidden, (n + 1) * network.hidden));
}

// The change of a state of two numbers in a step with input x, on a grid.
function arrows(view, x, [x0, x1], [y0, y1]) {
  const parts = [],
    count = 11;
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++) {
      const from = [x0 + ((i + 0.5) / count) * (x1 - x0), y0 + ((j + 0.5) / count) * (y1 - y0)];
      const to = network.step(shape(from), x).state.flat();
      const [a, b] = [view.x(from[0]), view.y(from[1])],
        [dx, dy] = [view.x(to[0]) - a, view.y(to[1]) - b];
      const length = Math.hypot(dx, dy),
        scale = length > 0 ? Math.min(length, 26) / length : 0;
      const [c, d] = [a + scale * dx, b + scale * dy],
        [ex, ey] = [scale * dx * 0.25, scale * dy * 0.25];
      parts.push(
        svg("path", {
          class: "arrow",
          d: `M${a},${b}L${c},${d}M${c - ex - ey},${d - ey + ex}L${c},${d}L${c - ex + ey},${d - ey - ex}`,
        }),
      );
    }
  return parts;
}

// The change of a state of one number against the state: a curve for each input.
class Line {
  constructor(place) {
    this.drawn = svg("svg", {viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "phase portrait"});
    const legend = element(
      "div",
      {class: "legend"},
      ...DATA.portrait.labels.map((label, n) => {
        const each = element("span", {}, label);
        each.style.setProperty("--own", colour(n));
        return each;
      }),
    );
    place.append(
      element("h2", {}, "Change of the unit in a step, for each input"),
      legend,
      this.drawn,
      element(
        "p",
        {class: "note"},
        "Where a curve crosses 0 from above to below, the input has a fixed point that attracts.",
      ),
    );
  }

  show(run, step) {
    const values = run.states.map(state => state[0]),
      room = 0.1 * (Math.max(...values) - Math.min(...values)) || 1;
    const [x0, x1] = [Math.min(...values) - room, Math.max(...values) + room];
    const grid = Array.from({length: 81}, (_, n) => x0 + (n / 80) * (x1 - x0));
    const moves = DATA.portrait.inputs.map(x => grid.map(h => network.step([[h]], x).state[0][0] - h));
    const here = values.slice(1).map((after, t) => [values[t], after - values[t]]),
      all = [...moves.flat(), ...here.map(each => each[1])];
    const edge = 1.08 * Math.max(...all.map(Math.abs), 1e-9);
    const x = value => LEFT + ((value - x0) / (x1 - x0)) * (SIDE - LEFT - 6),
      y = value => TOP + ((edge - value) / (2 * edge)) * (SIDE - BOTTOM - TOP);
    const parts = [
      svg("rect", {class: "axis", x: LEFT, y: TOP, width: SIDE - LEFT - 6, height: SIDE - BOTTOM - TOP}),
      svg("line", {class: "zero", x1: LEFT, x2: SIDE - 6, y1: y(0), y2: y(0)}),
    ];
    moves.forEach((row, n) =>
      parts.push(
        svg("polyline", {
          fill: "none",
          "stroke-width": 2,
          style: `stroke:${colour(n)}`,
          points: row.map((move, k) => `${x(grid[k])},${y(move)}`).join(" "),
        }),
      ),
    );
    here
      .slice(0, step)
      .forEach(([h, move]) =>
        parts.push(svg("circle", {cx: x(h), cy: y(move), r: 2, opacity: 0.5, style: "fill:var(--soft)"})),
      );
    parts.push(svg("circle", {class: "now", cx: x(here[step][0]), cy: y(here[step][1]), r: 6}));
    for (const [value, text] of ticks(x0, x1))
      parts.push(svg("text", {class: "soft", x: x(value), y: SIDE - BOTTOM + 14, "text-anchor": "middle"}, text));
    for (const [value, text] of ticks(-edge, edge))
      parts.push(svg("text", {class: "soft", x: LEFT - 4, y: y(value) + 4, "text-anchor": "end"}, text));
    parts.push(
      svg(
        "text",
        {class: "soft", x: (SIDE + LEFT) / 2, y: SIDE - 5, "text-anchor": "middle"},
        "unit 0 before the step",
      ),
    );
    this.drawn.replaceChildren(...parts);
  }
}
