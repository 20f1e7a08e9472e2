"use strict";
// A network fitted to sequences: one is played, with the predictions against the observed ones.

const MOST_NAMES = 24;
const inputNames = DATA.inputNames,
  outputNames = DATA.outputNames,
  classes = DATA.targets === "classes";
let shown = null;

const player = new Player(byId("controls"), false, step => showStep(step));
const tracks = new Tracks(
  byId("tracks"),
  false,
  step => {
    player.pause();
    player.go(step);
  },
  text => {
    byId("hover").textContent = text;
  },
);
const width = network.states.length * network.hidden;
const space = width === 1 || DATA.plane ? byId("space") : null;
const plane = width > 1 && DATA.plane ? new Plane(space, DATA.plane, null, "") : null;
const line = width === 1 ? new Line(space) : null;
byId("stage").classList.toggle("alone", !plane && !line);

function play(sequence) {
  const run = runNetwork(sequence.x, shape(sequence.initial), sequence.allowed);
  shown = {sequence, run};
  const rows = [
    {
      label: "inputs",
      kind: "heat",
      matrix: inputNames.map((_, i) => sequence.x.map(x => x[i])),
      names: inputNames.length <= MOST_NAMES ? inputNames : null,
    },
  ];
  rows.push(predictions(sequence, run));
  network.states.forEach((name, n) =>
    rows.push({label: `units ${name}`, kind: "heat", matrix: overTime(run.hidden, n)}),
  );
  if (network.gates.length > 1)
    network.gates.forEach((name, n) =>
      rows.push({label: `gate ${name}`, kind: "heat", matrix: overTime(run.gates, n)}),
    );
  const length = sequence.x.length,
    cut = sequence.steps > length ? ` (the first ${length} of ${sequence.steps} steps)` : "";
  byId("result").textContent = `${sequence.name}${cut}${score(sequence, run)}`;
  tracks.render(rows, length, 6);
  player.start(length, length - 1);
}

function predictions(sequence, run) {
  const came = t => sequence.y && sequence.y[t];
  const values = n => run.p.map(p => p[n]);
  if (classes && outputNames.length > 2)
    return {
      label: "probabilities, □ observed",
      kind: "heat",
      matrix: outputNames.map((_, n) => values(n)),
      names: outputNames.length <= MOST_NAMES ? outputNames : null,
      marks: run.p.map((_, t) => (came(t) ? came(t)[0] : -1)),
    };
  if (classes)
    return {
      label: `probability of ${outputNames[1]}, ● observed`,
      kind: "lines",
      low: 0,
      high: 1,
      series: [
        {
          name: outputNames[1],
          values: values(1),
          dots: run.p.map((_, t) => (came(t) ? came(t)[0] : null)),
        },
      ],
    };
  const series = outputNames.map((name, n) => ({
    name,
    values: values(n),
    dots: run.p.map((_, t) => (came(t) ? came(t)[n] : null)),
  }));
  if (DATA.targets === "bits") return {label: "probability of 1, ● observed", kind: "lines", low: 0, high: 1, series};
  const all = series.flatMap(each => [...each.values, ...each.dots.filter(value => value !== null)]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return {label: "prediction, ● observed", kind: "lines", low, high: high > low ? high : low + 1, series};
}

// Of classes: the mean probability of the observed ones.
function score(sequence, run) {
  if (!classes || !sequence.y) return "";
  const counted = sequence.y.map((y, t) => [y, run.p[t]]).filter(([y]) => y);
  if (!counted.length) return "";
  const right = counted.filter(([y, p]) => p.indexOf(Math.max(...p)) === y[0]).length;
  const loss = counted.reduce((sum, [y, p]) => sum - Math.log(p[y[0]]), 0) / counted.length;
  return `: ${right} of ${counted.length} steps predicted, ${digits(Math.exp(-loss))} the mean probability of the observed classes`;
}

function showStep(step) {
  if (!shown) return;
  const {sequence, run} = shown,
    x = sequence.x[step],
    p = run.p[step];
  tracks.show(step);
  const given =
    inputNames
      .slice(0, 6)
      .map((name, i) => `${name} ${digits(x[i])}`)
      .join(", ") + (x.length > 6 ? ", ..." : "");
  const order = outputNames
    .map((_, n) => n)
    .sort((a, b) => p[b] - p[a])
    .slice(0, 3);
  const told = (classes ? order : outputNames.map((_, n) => n).slice(0, 3))
    .map(n => `${outputNames[n]} ${digits(p[n], 4)}`)
    .join(", ");
  const y = sequence.y && sequence.y[step];
  const came = y ? `; observed: ${classes ? outputNames[y[0]] : y.map(value => digits(value)).join(", ")}` : "";
  byId("readout").textContent = `Step ${step + 1} of ${run.p.length}: ${given}; predicted: ${told}${came}.`;
  if (plane) {
    plane.under = width === 2 ? (view, ...ends) => arrows(view, x, ...ends) : () => [];
    plane.note.textContent = width === 2 ? "Arrows: how this step's input moves the state." : "";
    plane.show(run.states, step, null);
  }
  if (line) line.show(run, step);
}

// Lines of numbers, one for each step, or null and a message.
function typed(text) {
  const rows = text
    .trim()
    .split(/\n/)
    .map(each =>
      each
        .trim()
        .split(/[\s,;]+/)
        .map(Number),
    );
  const wrong = rows.findIndex(row => row.length !== network.inputs || row.some(value => !Number.isFinite(value)));
  if (wrong >= 0)
    return [
      null,
      `Line ${wrong + 1}: expected ${network.inputs} number${network.inputs > 1 ? "s" : ""}: ${inputNames.join(", ")}.`,
    ];
  return [{name: "typed inputs", x: rows, steps: rows.length, y: null, allowed: null, initial: null}, ""];
}

byId("title").textContent = DATA.title;
byId("about").textContent =
  "Play a sequence: inputs go in step by step, the hidden units change, and the network predicts the targets.";
byId("equation").textContent =
  `${network.equation}\nz = W_ho h' + b_o,  ` +
  {classes: "p = softmax(z)", bits: "p = sigmoid(z)", reals: "prediction = z"}[DATA.targets];
const choose = element(
  "select",
  {id: "sequence"},
  ...DATA.sequences.map((each, n) => element("option", {value: n}, each.name)),
  element("option", {value: "typed"}, "typed inputs"),
);
const text = element("textarea", {id: "inputs", spellcheck: "false", "aria-label": "inputs"});
text.value = DATA.portrait.inputs.map(row => row.join(", ")).join("\n");
const area = element("label", {class: "wide"}, `inputs, a line for each step: ${inputNames.join(", ")}`, text);
function chosen() {
  area.hidden = choose.value !== "typed";
  if (!area.hidden) {
    const [sequence, message] = typed(text.value);
    if (sequence) play(sequence);
    else byId("result").replaceChildren(element("span", {class: "wrong"}, message));
  } else play(DATA.sequences[Number(choose.value)]);
}
choose.addEventListener("change", chosen);
text.addEventListener("input", chosen);
byId("ask").addEventListener("submit", event => event.preventDefault());
byId("ask").append(element("label", {}, "sequence", choose), area);
if (DATA.sequences.length)
  showAgreement(
    largestDifference(
      DATA.sequences.map(each => ({run: runNetwork(each.x, shape(each.initial), each.allowed), p: each.p})),
    ),
    DATA.sequences.length === 1 ? "the sequence" : `${DATA.sequences.length} sequences`,
  );
chosen();
