"use strict";
// Time: buttons, slider and keys that move a step on or back; and the network's run on a list of inputs.

// Everything about a run: states (the first one before any input), and z, predictions and gates of each step.
function runNetwork(inputs, initial, allowed) {
  let state = initial || network.start();
  const run = {inputs, states: [state.flat()], hidden: [], z: [], p: [], gates: []};
  inputs.forEach((x, t) => {
    const after = network.step(state, x);
    const z = allowed ? after.z.map((value, k) => (allowed[t][k] ? value : -Infinity)) : after.z;
    run.states.push(after.state.flat());
    run.hidden.push(after.state);
    run.z.push(after.z);
    run.p.push(network.predict(z));
    run.gates.push(after.gates);
    state = after.state;
  });
  return run;
}

// Rows (units, steps) of one state or gate of a run.
const overTime = (steps, n) => steps[0][n].map((_, unit) => steps.map(each => each[n][unit]));

function largestDifference(checks) {
  let largest = 0;
  for (const {run, p} of checks)
    p.forEach((row, t) =>
      row.forEach((value, k) => {
        // A number that is none must not pass for agreement.
        const difference = Math.abs(value - run.p[t][k]);
        largest = difference <= largest ? largest : difference;
      }),
    );
  return largest;
}

function showAgreement(largest, what) {
  const place = byId("agreement");
  place.dataset.difference = largest;
  place.textContent =
    `Computed again when this page was opened: the outputs for ${what} differ from Python's ` +
    `by at most ${digits(largest, 2)}.`;
}

class Player {
  constructor(place, backwards, changed) {
    Object.assign(this, {backwards, changed, step: 0, steps: 1, timer: null});
    const button = (text, label, action) => {
      const made = element("button", {type: "button", "aria-label": label, title: label}, text);
      made.addEventListener("click", action);
      return made;
    };
    this.button = button("▶ play", "play or pause (space)", () => this.toggle());
    this.button.id = "play";
    this.slider = element("input", {
      type: "range",
      min: 0,
      value: 0,
      "aria-label": "step",
      dir: backwards ? "rtl" : "ltr",
    });
    this.slider.addEventListener("input", () => {
      this.pause();
      this.go(Number(this.slider.value));
    });
    this.speed = element(
      "select",
      {"aria-label": "speed"},
      ...[
        [1400, "slow"],
        [600, "normal"],
        [150, "fast"],
      ].map(([wait, name]) => element("option", {value: wait}, name)),
    );
    this.speed.value = "600";
    const moves = [
      button("‹", "one step to the left", () => this.by(backwards ? 1 : -1)),
      button("›", "one step to the right", () => this.by(backwards ? -1 : 1)),
    ];
    place.append(this.button, ...moves, this.slider, this.speed);
    addEventListener("keydown", event => this.key(event));
    byId("keys").textContent =
      "Keys: space plays and pauses; left and right arrows move a step; Home and End go to the first and the last step.";
  }

  start(steps, step) {
    this.pause();
    this.steps = steps;
    this.slider.max = steps - 1;
    this.go(step);
  }

  go(step) {
    this.step = Math.min(this.steps - 1, Math.max(0, step));
    this.slider.value = this.step;
    this.changed(this.step);
  }

  by(count) {
    this.pause();
    this.go(this.step + count);
  }

  toggle() {
    if (this.timer !== null) return this.pause();
    if (this.step === this.steps - 1) this.go(0);
    this.button.textContent = "⏸ pause";
    const next = () => {
      this.timer = setTimeout(() => {
        this.go(this.step + 1);
        if (this.step < this.steps - 1) next();
        else this.pause();
      }, Number(this.speed.value));
    };
    next();
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = "▶ play";
  }

  key(event) {
    if (event.target.closest("input, textarea, select, summary") || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const left = this.backwards ? 1 : -1;
    const actions = {
      " ": () => event.target.closest("button") || this.toggle(),
      ArrowLeft: () => this.by(left),
      ArrowRight: () => this.by(-left),
      Home: () => this.by(-this.steps),
      End: () => this.by(this.steps),
    };
    if (!actions[event.key]) return;
    if (event.key !== " " || !event.target.closest("button")) event.preventDefault();
    actions[event.key]();
  }
}
