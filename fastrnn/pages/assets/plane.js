"use strict";
// The plane of hidden states: boxes of a certificate, states that were met, and the current one on its way.

const SIDE = 420,
  LEFT = 62,
  BOTTOM = 34,
  TOP = 8;
// States of the way to the current one that are drawn, and the least side of a box, in pixels.
const TRAIL = 12,
  LEAST = 7;

class Plane {
  constructor(place, plane, boxes, stateName) {
    Object.assign(this, {plane, boxes, zoom: 1, path: [], step: 0, under: () => []});
    this.drawn = svg("svg", {viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "plane of hidden states"});
    const zoom = element(
      "select",
      {"aria-label": "zoom"},
      ...[1, 10, 100, 1000, 10000].map(factor =>
        element("option", {value: factor}, factor === 1 ? "everything" : `${factor} ×, around the state`),
      ),
    );
    zoom.addEventListener("change", () => {
      this.zoom = Number(zoom.value);
      this.draw();
    });
    const legend = element("div", {class: "legend"}),
      labels = [...new Set(plane.labels || [])].sort((a, b) => a - b);
    for (const label of labels.slice(0, 8)) {
      const each = element("span", {}, `${stateName} ${label}`);
      each.style.setProperty("--own", colour(label));
      legend.append(each);
    }
    this.note = element("p", {class: "note"});
    place.append(
      element("h2", {}, "Hidden states"),
      legend,
      this.drawn,
      element("label", {class: "zoom"}, "zoom", zoom),
      this.note,
    );
  }

  project(state) {
    return this.plane.directions.map(direction => direction.reduce((sum, factor, k) => sum + factor * state[k], 0));
  }

  // path: the states from the first one on; box: the number of the current box, or null.
  show(path, step, box) {
    Object.assign(this, {path: path.map(state => this.project(state)), step, box});
    this.draw();
  }

  bounds() {
    const here = this.path[this.step + 1],
      all = [...this.plane.cloud, ...this.path];
    if (this.boxes) for (const outline of this.boxes.outlines) all.push(...outline);
    return [0, 1].map(d => {
      let low = Infinity,
        high = -Infinity;
      for (const point of all) {
        low = Math.min(low, point[d]);
        high = Math.max(high, point[d]);
      }
      const room = 0.06 * (high - low) || 1;
      if (this.zoom === 1) return [low - room, high + room];
      const half = (high - low + 2 * room) / 2 / this.zoom;
      return [here[d] - half, here[d] + half];
    });
  }

  draw() {
    const [[x0, x1], [y0, y1]] = this.bounds();
    this.x = value => LEFT + ((value - x0) / (x1 - x0)) * (SIDE - LEFT - 6);
    this.y = value => SIDE - BOTTOM - ((value - y0) / (y1 - y0)) * (SIDE - BOTTOM - TOP);
    const at = point => [this.x(point[0]), this.y(point[1])];
    const inside = ([x, y]) => x > LEFT - 40 && x < SIDE + 40 && y > -40 && y < SIDE + 40;
    const parts = [
      svg(
        "defs",
        {},
        svg(
          "clipPath",
          {id: "frame"},
          svg("rect", {x: LEFT, y: TOP, width: SIDE - LEFT - 6, height: SIDE - BOTTOM - TOP}),
        ),
      ),
    ];
    const content = svg("g", {"clip-path": "url(#frame)"}, ...this.under(this, [x0, x1], [y0, y1]));
    if (this.boxes)
      this.boxes.outlines.forEach((outline, n) => {
        if (n === 0) return;
        const own = colour(this.boxes.labels[n]);
        const style = `stroke:${n === this.box ? "var(--ink)" : own};fill:${own}`;
        const points = outline.map(at).map(point => point.map(value => Math.min(1e5, Math.max(-1e5, value))));
        const [xs, ys] = [0, 1].map(d => points.map(point => point[d])),
          [left, top] = [Math.min(...xs), Math.min(...ys)];
        const [wide, high] = [Math.max(...xs) - left, Math.max(...ys) - top],
          about = {class: n === this.box ? "box here" : "box", style};
        content.append(
          wide < LEAST && high < LEAST
            ? svg("rect", {
                x: left + (wide - LEAST) / 2,
                y: top + (high - LEAST) / 2,
                width: LEAST,
                height: LEAST,
                ...about,
              })
            : svg("polygon", {
                points: points.map(point => point.map(value => value.toFixed(2)).join(",")).join(" "),
                ...about,
              }),
        );
      });
    this.plane.cloud.forEach((point, n) => {
      const place = at(point),
        label = this.plane.labels ? this.plane.labels[n] : 0;
      if (!inside(place)) return;
      content.append(
        label % 2
          ? svg("path", {
              d: `M${place[0] - 2.5},${place[1]}h5m-2.5,-2.5v5`,
              opacity: 0.7,
              style: `stroke:${colour(label)}`,
            })
          : svg("circle", {cx: place[0], cy: place[1], r: 1.8, opacity: 0.55, style: `fill:${colour(label)}`}),
      );
    });
    const way = this.path
        .slice(0, this.step + 2)
        .slice(-TRAIL)
        .map(at),
      [x, y] = way[way.length - 1];
    way
      .slice(1)
      .forEach((point, n) =>
        content.append(
          svg("line", {
            class: "trail",
            opacity: (n + 1) / way.length,
            x1: way[n][0],
            y1: way[n][1],
            x2: point[0],
            y2: point[1],
          }),
        ),
      );
    content.append(svg("circle", {class: "now", cx: x, cy: y, r: 6}));
    parts.push(content, ...this.axes([x0, x1], [y0, y1]));
    this.drawn.replaceChildren(...parts);
  }

  axes([x0, x1], [y0, y1]) {
    const base = SIDE - BOTTOM,
      parts = [svg("rect", {class: "axis", x: LEFT, y: TOP, width: SIDE - LEFT - 6, height: base - TOP})];
    for (const [x, text] of ticks(x0, x1))
      parts.push(svg("text", {class: "soft", x: this.x(x), y: base + 14, "text-anchor": "middle"}, text));
    for (const [y, text] of ticks(y0, y1))
      parts.push(svg("text", {class: "soft", x: LEFT - 4, y: this.y(y) + 4, "text-anchor": "end"}, text));
    parts.push(
      svg("text", {class: "soft", x: (SIDE + LEFT) / 2, y: SIDE - 5, "text-anchor": "middle"}, this.plane.axes[0]),
    );
    parts.push(
      svg(
        "text",
        {class: "soft", x: 11, y: base / 2, "text-anchor": "middle", transform: `rotate(-90 11 ${base / 2})`},
        this.plane.axes[1],
      ),
    );
    return parts;
  }
}
