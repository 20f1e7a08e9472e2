"use strict";
// A task on numbers: their bits go in, the lowest first, and the network's bits come out.

const task = DATA.task,
  MOST_STEPS = 512;
const fields = Array.from({length: network.inputs}, (_, n) =>
  element("input", {
    type: "text",
    inputmode: "numeric",
    id: `operand${n}`,
    value: (task.examples[0] || ["", []])[1][n] || "0",
  }),
);
let shown = null;

const place = new Plane(byId("space"), DATA.plane, DATA.boxes, task.stateName);
const player = new Player(byId("controls"), true, step => showStep(step));
const tracks = new Tracks(
  byId("tracks"),
  true,
  step => {
    player.pause();
    player.go(step);
  },
  text => {
    byId("hover").textContent = text;
  },
);

// The numbers that are typed in, or null and a message.
function typed() {
  const numbers = [];
  for (const field of fields) {
    const text = field.value.replace(/[\s,_']/g, "");
    if (!/^[0-9]+$/.test(text)) return [null, `"${field.value}" is no whole number of at least 0.`];
    numbers.push(BigInt(text));
  }
  const longest = Math.max(...numbers.map(number => (number === 0n ? 0 : number.toString(2).length)));
  const steps = Math.max(task.bits, task.headroom + longest);
  return steps > MOST_STEPS ? [null, `These numbers have more than ${MOST_STEPS} bits.`] : [{numbers, steps}, ""];
}

// The right bits and the machine's states, from the task's tables.
function machine(inputs) {
  const states = [0],
    bits = [];
  for (const x of inputs) {
    const symbol = x.reduce((sum, bit, i) => sum + (bit << i), 0),
      state = states[states.length - 1];
    bits.push(task.outputs[state][symbol][0]);
    states.push(task.following[state][symbol]);
  }
  return {states, bits};
}

const asNumber = bits => bits.reduceRight((sum, bit) => 2n * sum + BigInt(bit), 0n);

function spell(bits) {
  if (task.oneWord) return task.oneWord[bits[bits.length - 1]];
  return task.asBits ? [...bits].reverse().join("") : String(asNumber(bits));
}

function equation(numbers, answer, steps) {
  let text = task.equation.replace("{modulus}", 2n ** BigInt(steps));
  numbers.forEach((number, n) => {
    text = text.replace(`{${n}}`, number);
  });
  return text.replace("{answer}", answer);
}

function compute() {
  const [given, message] = typed(),
    result = byId("result");
  if (!given) {
    result.replaceChildren(element("span", {class: "wrong"}, message));
    return;
  }
  const {numbers, steps} = given;
  const inputs = Array.from({length: steps}, (_, t) => numbers.map(number => Number((number >> BigInt(t)) & 1n)));
  const run = runNetwork(inputs),
    truth = machine(inputs),
    bits = run.z.map(z => (z[0] > 0 ? 1 : 0));
  const boxes = [0];
  if (DATA.boxes)
    for (const x of inputs)
      boxes.push(DATA.boxes.following[boxes[boxes.length - 1]][x.reduce((sum, bit, i) => sum + (bit << i), 0)]);
  shown = {numbers, steps, run, truth, bits, boxes};
  const answer = spell(bits),
    right = spell(truth.bits),
    same = answer === right;
  result.replaceChildren(
    `The network: ${equation(numbers, answer, steps)} `,
    element(
      "span",
      {class: same ? "right" : "wrong", id: "verdict"},
      same ? `✓ exact arithmetic: ${right}` : `✗ exact arithmetic: ${right}`,
    ),
  );
  const wide = steps <= 24,
    rows = inputs[0].map((_, i) => ({label: `number ${i + 1}`, kind: "text", values: inputs.map(x => String(x[i]))}));
  rows.push({
    label: `${task.stateName} before`,
    kind: "text",
    small: true,
    values: truth.states.slice(0, -1).map(String),
  });
  network.states.forEach((name, n) =>
    rows.push({label: `units ${name}`, kind: "heat", matrix: overTime(run.hidden, n)}),
  );
  if (network.gates.length > 1)
    network.gates.forEach((name, n) =>
      rows.push({label: `gate ${name}`, kind: "heat", matrix: overTime(run.gates, n)}),
    );
  rows.push({
    label: "logit",
    kind: "text",
    small: true,
    values: run.z.map(z => (wide ? z[0].toFixed(1) : z[0] > 0 ? "+" : "−")),
  });
  rows.push({
    label: "network's bit",
    kind: "text",
    values: bits.map(String),
    wrong: bits.map((bit, t) => bit !== truth.bits[t] && (!task.lastOnly || t === steps - 1)),
  });
  rows.push({
    label: "right bit",
    kind: "text",
    small: true,
    values: truth.bits.map((bit, t) => (task.lastOnly && t < steps - 1 ? "·" : String(bit))),
  });
  tracks.render(rows, steps, wide ? 30 : 16);
  player.start(steps, steps - 1);
}

function showStep(step) {
  if (!shown) return;
  const {run, truth, bits, boxes} = shown;
  tracks.show(step);
  place.show(
    run.states.map(state => state.slice(0, network.hidden)),
    step,
    DATA.boxes ? boxes[step + 1] : null,
  );
  byId("readout").textContent =
    `Step ${step + 1} of ${shown.steps}: bits ${run.inputs[step].join(" and ")} go in, ${task.stateName} ` +
    `${truth.states[step]} before and ${truth.states[step + 1]} after; logit ${run.z[step][0].toFixed(3)}, output ` +
    `${digits(run.p[step][0], 4)}, bit ${bits[step]}.`;
  if (DATA.boxes) {
    const box = boxes[step + 1],
      state = run.hidden[step].flat();
    const inside = state.every((value, k) => value >= DATA.boxes.low[box][k] && value <= DATA.boxes.high[box][k]);
    place.note.textContent =
      `The state is ${inside ? "inside" : "OUTSIDE"} box ${box} of ${DATA.boxes.low.length}. ` +
      "The certificate proves that no sequence of any length leaves the boxes. " +
      "Small squares are boxes too small to see: zoom in.";
    place.note.dataset.inside = inside;
  }
}

// Of two units: the line on which the output changes from 0 to 1.
function border(plane, [x0, x1], [y0, y1]) {
  const logit = (x, y) => network.readout([x, y])[0],
    [a, b, c] = [logit(0, 0), logit(1, 0), logit(0, 1)];
  const [wx, wy] = [b - a, c - a],
    points = [];
  for (const x of [x0, x1]) if (wy !== 0) points.push([x, -(a + wx * x) / wy]);
  if (wy === 0) for (const y of [y0, y1]) points.push([-a / wx, y]);
  const [[p, q], [r, s]] = points;
  return [svg("line", {class: "zero", id: "border", x1: plane.x(p), y1: plane.y(q), x2: plane.x(r), y2: plane.y(s)})];
}

function fill(numbers) {
  numbers.forEach((number, n) => {
    fields[n].value = number;
  });
  compute();
}

byId("title").textContent = DATA.title;
byId("about").textContent =
  "Type numbers. Each step reads one bit of each, the lowest first, so time runs from right to left, " +
  "as in addition on paper. " +
  "The network remembers what it needs in its hidden units; its output is above 0 for bit 1, below 0 for bit 0.";
byId("equation").textContent = `${network.equation}\nz = W_ho h' + b_o,  output = sigmoid(z)`;
const choose = element(
  "select",
  {id: "examples"},
  element("option", {value: ""}, "choose"),
  ...task.examples.map(([name], n) => element("option", {value: n}, name)),
);
choose.addEventListener("change", () => {
  if (choose.value !== "") fill(task.examples[choose.value][1]);
});
const random = element("button", {type: "button", id: "random"}, "random numbers");
random.addEventListener("click", () =>
  fill(fields.map(() => Math.floor(Math.random() * 2 ** Math.min(30, task.bits - task.headroom)))),
);
byId("ask").append(
  ...fields.map((field, n) => element("label", {}, fields.length > 1 ? `number ${n + 1}` : "number", field)),
  element("button", {type: "submit", id: "run"}, "run"),
  random,
  element("label", {}, "hard cases", choose),
);
byId("ask").addEventListener("submit", event => {
  event.preventDefault();
  compute();
});
fields.forEach(field => field.addEventListener("input", compute));
if (network.hidden === 2 && network.outputs === 1) place.under = border;
showAgreement(
  largestDifference(DATA.check.x.map((x, n) => ({run: runNetwork(x), p: DATA.check.p[n]}))),
  `${DATA.check.x.length} random sequences`,
);
fill(task.name === "addition" && network.inputs === 2 ? [9, 60] : fields.map(field => field.value));
