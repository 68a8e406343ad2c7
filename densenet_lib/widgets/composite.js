// A bench for the composite function: the values after each of its steps.

import {
  canvas, drawing, h, menu, percent, s, slider, status, table, words,
} from "./common.js";
import { sample, summary, through } from "./values.js";

const MEANS = [-3, -2, -1, 0, 1, 2, 3];
const SPREADS = [0.25, 0.5, 1, 2, 4];
const LAWS = [
  ["bell", "a bell"],
  ["skewed", "skewed"],
  ["outliers", "a bell with outliers"],
];
const NAMES = { norm: "BN", relu: "ReLU", conv: "Conv" };
const TITLES = {
  "pre-activation": "Convolution last, as in DenseNet",
  "post-activation": "Convolution first, as in networks before",
};
const EDGE = 6; // values beyond are counted in the outermost bars
const BINS = 48;
const TALL = 84;

export function render({ model, el }) {
  const state = model.get("state");
  const input = { shape: "bell", mean: 1, spread: 1 };
  const said = status();
  let benches;

  const rows = state.orders.map(([order, steps]) => {
    const numbers = h("div", { class: "dn-scroll" });
    const picture = drawing((width) =>
      drawRow(width, labels(steps), benches[order]));
    return { order, steps, numbers, picture };
  });

  function change(changes) {
    Object.assign(input, changes);
    update();
  }

  function update() {
    const values = sample(state, input.shape, input.mean, input.spread);
    benches = Object.fromEntries(rows.map(({ order, steps }) =>
      [order, through(values, steps, state)]));
    for (const { order, steps, numbers, picture } of rows) {
      numbers.replaceChildren(
        table(null, linesOf(labels(steps), benches[order])));
      picture.redraw();
    }
    said.textContent = sentence(input, benches);
  }

  update();
  el.replaceChildren(h("div", {
    class: "dn", role: "group",
    "aria-label": "Bench of the composite function",
  },
  h("div", { class: "dn-controls" },
    slider("mean of the input", MEANS, input.mean, (mean) =>
      change({ mean })),
    slider("its spread", SPREADS, input.spread, (spread) =>
      change({ spread })),
    menu("its shape", LAWS, input.shape, (shape) => change({ shape }))),
  said,
  ...rows.map(({ order, numbers, picture }) => h("section", {},
    h("p", { class: "dn-title" }, TITLES[order]), picture.place, numbers)),
  h("p", { class: "dn-note" },
    `From ${state.channels} channels to ${state.filters}; the weights are ` +
    "random and stay the same. Grey bars: values that are exactly zero. " +
    `Values beyond ${EDGE} are counted in the outermost bars. The last ` +
    "panel, with the thick frame, is what a dense layer appends.")));
}

function labels(steps) {
  return ["input", ...steps.map((step) => NAMES[step])];
}

function linesOf(names, states) {
  const lines = states.map((state, index) => {
    const { mean, std, zeros } = summary(state);
    return [names[index], twoPlaces(mean), twoPlaces(std), percent(zeros)];
  });
  // A column a step, as the panels stand.
  const heading = ["", "mean", "spread", "zeros"];
  return heading.map((first, row) =>
    [first, ...lines.map((line) => line[row])]);
}

// 0.00 without a sign; a proper minus before what is negative.
function twoPlaces(number) {
  const text = number.toFixed(2);
  return Number(text) === 0 ? "0.00" : text.replace("-", "−");
}

function sentence({ shape, mean, spread }, benches) {
  const last = (order) => summary(benches[order].at(-1));
  const pre = last("pre-activation");
  const post = last("post-activation");
  const first = summary(benches["post-activation"][1]);
  const [, law] = LAWS.find(([name]) => name === shape);
  const middle = String(mean).replace("-", "−");
  return `The input is ${law} of mean ${middle} and spread ${spread}. ` +
    `With the convolution last, what is appended has both ` +
    `signs, mean ${twoPlaces(pre.mean)} and spread ${twoPlaces(pre.std)}. ` +
    `With ReLU last, ${percent(post.zeros)} of it is zero and nothing is ` +
    `negative. The convolution that comes first gives a spread of ` +
    `${twoPlaces(first.std)}: it has met the input as it was.`;
}

// Panels from left to right, or two by two where it is narrow.
function drawRow(width, names, states) {
  const columns = width < 560 ? 2 : 4;
  const gap = 26;
  const wide = (width - gap * (columns - 1) - 4) / columns;
  const pitch = TALL + 44;
  const panels = states.map((state, index) => {
    const x = 2 + (index % columns) * (wide + gap);
    const y = pitch * Math.floor(index / columns);
    const isLast = index === states.length - 1;
    return s("g", { transform: `translate(${x},${y})` },
      words(0, 15, names[index]),
      ...histogram(state, wide),
      s("rect", { x: 0, y: 22, width: wide, height: TALL,
        class: isLast ? "dn-frame-last" : "dn-frame-panel" }),
      ...ticks(wide),
      isLast ? null : s("path", { class: "dn-arrow",
        d: `M${wide + 7},${22 + TALL / 2}h12m-5,-5l5,5l-5,5` }));
  });
  return canvas(width, pitch * Math.ceil(states.length / columns), {
    role: "img",
    "aria-label": `Distributions of the values: ${names.join(", then ")}. ` +
      "The table below gives mean, spread and zeros of each.",
  }, ...panels);
}

function histogram({ values }, wide) {
  const counts = new Array(BINS).fill(0);
  let zeros = 0;
  for (const value of values) {
    if (value === 0) {
      zeros += 1;
    } else {
      const bin = Math.floor(((value + EDGE) / (2 * EDGE)) * BINS);
      counts[Math.min(BINS - 1, Math.max(0, bin))] += 1;
    }
  }
  const highest = Math.max(...counts);
  const step = wide / BINS;
  const bars = counts.map((count, bin) => {
    const tall = (0.92 * TALL * count) / highest;
    return s("rect", { x: bin * step, y: 22 + TALL - tall, width: step + 0.3,
      height: tall, fill: "var(--dn-blue)" });
  });
  if (zeros > 0) {
    const tall = Math.min(1, zeros / highest) * 0.92 * TALL;
    bars.push(
      s("rect", { x: wide / 2 - 6, y: 22 + TALL - tall, width: 6,
        height: tall, fill: "var(--dn-faint)" }),
      words(wide / 2 - 10, 40, percent(zeros / values.length), "end"),
      words(wide / 2 - 10, 55, "zero", "end"));
  }
  return bars;
}

function ticks(wide) {
  const at = (value) => (wide * (value + EDGE)) / (2 * EDGE);
  return [-4, 0, 4].map((value) => words(at(value), 22 + TALL + 16,
    String(value).replace("-", "−"), "middle"));
}
