import {
  button, canvas, drawing, h, listed, menu, modified, s, short, status, table,
  tick, words,
} from "./common.js";

// What tells one curve from another: never the colour alone.
const COLOURS = ["blue", "orange", "green", "pink", "ink", "faint"];
const DASHES = ["", "9 4", "2 3", "9 3 2 3", "14 4", "5 5"];
const MARKS = [
  "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z", "M-4 -4H4V4H-4Z", "M0 -5L5 4H-5Z",
  "M0 -6L5 0L0 6L-5 0Z", "M-4 -4L4 4M-4 4L4 -4", "M0 -5V5M-5 0H5",
];

const X = {
  epochs: "epochs", seconds: "seconds", multiply_adds: "multiply-adds",
};
const Y = { accuracy: "accuracy", loss: "loss" };
const PARTS = {
  val_: "validation images", "": "training images", both: "both",
};
const LEFT = 54;
const BOTTOM = 44;
const TOP = 12;
const RIGHT = 16;

// Where each epoch of a run ends on the axis; one that started from another's
// weights goes on where that ended. A run records its time as a whole; its
// epochs share it as they share the multiply-adds.
export function along(run, axis) {
  const { before, multiply_adds: spent } = run;
  const rate = (run.seconds - before.seconds)
    / (spent.at(-1) - before.multiply_adds);
  return spent.map((done, epoch) => ({
    epochs: before.epochs + epoch + 1,
    seconds: before.seconds + rate * (done - before.multiply_adds),
    multiply_adds: done,
  })[axis]);
}

// The runs that all filters let through, as [index, run].
export function filtered(state, { scale, family, group, text }) {
  const members = state.groups.find((one) => one.name === group)?.runs;
  const wanted = text.toLowerCase().split(/\s+/);
  return [...state.runs.entries()].filter(([index, run]) => {
    const said = [run.name, run.about, members?.[index] ?? ""].join(" ")
      .toLowerCase();
    return (scale === "" || run.scale === scale)
      && (family === "" || run.family === family)
      && (!members || index in members)
      && wanted.every((word) => said.includes(word));
  });
}

// Round numbers that cover low to high, about `count` of them.
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 },
    (_, i) => Number(((first + i) * step).toPrecision(6)));
}

// Round numbers between low and high on a logarithmic axis.
export function logTicks(low, high) {
  const digits = high / low > 50 ? [1] : [1, 2, 5];
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high / low)) + 2 },
    (_, i) => 10 ** (Math.floor(Math.log10(low)) + i));
  return powers.flatMap((power) => digits.map((n) => n * power))
    .filter((x) => low <= x && x <= high);
}

function within(marks, low, high) {
  return marks.filter((x) => low <= x && x <= high);
}

// The same, but where these are too few: a training that went on from another
// may have less than two octaves of its own.
export function logMarks(low, high, count) {
  const marks = logTicks(low, high);
  return marks.length > 2
    ? marks : within(ticks(low, high, 2 * count), low, high);
}

function distinct(values) {
  return [...new Set(values)].sort();
}

function look(place) {
  return {
    stroke: `var(--dn-${COLOURS[place]})`, "stroke-dasharray": DASHES[place],
  };
}

function mark(place, x, y) {
  const open = place > 3; // a cross and a plus have nothing to fill
  return s("path", {
    d: MARKS[place], transform: `translate(${x} ${y})`, "stroke-width": 2,
    stroke: `var(--dn-${COLOURS[place]})`,
    fill: open ? "none" : `var(--dn-${COLOURS[place]})`,
  });
}

// The line and the mark of a curve, for the table.
function sample(place) {
  return s("svg", {
    width: 46, height: 14, viewBox: "0 0 46 14", "aria-hidden": "true",
    class: "dn-sample",
  }, s("path", { d: "M1 7H45", fill: "none", "stroke-width": 2.5,
    ...look(place) }), mark(place, 23, 7));
}

// 0.945 -> "94.5 %", and 0.94 -> "94 %".
export function rounded(share) {
  return `${Number((100 * share).toFixed(2))} %`;
}

function figure(measure, value) {
  return measure === "loss"
    ? value.toFixed(3) : `${(100 * value).toFixed(1)} %`;
}

export function render({ model, el }) {
  const state = model.get("state");
  let chosen = [...state.chosen];
  const filter = { scale: "", family: "", group: "", text: "" };
  const view = { x: "epochs", y: "accuracy", part: "val_", log: true };
  let reading = null; // { run: place among the chosen, epoch }

  const said = status();
  const found = h("p", { class: "dn-hint", "aria-live": "polite" });
  const list = h("div", { class: "dn-list" });
  const results = h("div", { class: "dn-scroll", tabindex: 0,
    role: "region", "aria-label": "Final accuracies of the chosen runs" });
  const chart = drawing(draw);

  // Which lines are drawn: [place among the chosen, measure, is training].
  function lines() {
    const parts = view.part === "both" ? ["val_", ""] : [view.part];
    return chosen.flatMap((index, place) => parts.map((part) => ({
      place, run: state.runs[index], training: part === "",
      values: state.runs[index].history[part + view.y],
    })));
  }

  function toggle(index, box) {
    if (chosen.includes(index)) {
      chosen = chosen.filter((one) => one !== index);
    } else if (chosen.length < state.most) {
      chosen = [...chosen, index];
    } else {
      box.checked = false;
      said.textContent = `${state.most} curves are the most: take one away.`;
      return;
    }
    update();
  }

  function relist() {
    const shown = filtered(state, filter);
    const group = state.groups.find((one) => one.name === filter.group);
    found.textContent = `${shown.length} of ${state.runs.length} runs. `
      + `Tick up to ${state.most} to compare.`;
    list.replaceChildren(...shown.map(([index, run]) => {
      const box = h("input", {
        type: "checkbox", checked: chosen.includes(index),
        autocomplete: "off", onchange: () => toggle(index, box),
      });
      const variant = group ? `${group.runs[index]}: ` : "";
      return h("label", { class: "dn-run" }, box, h("span", {},
        h("b", {}, run.name), ` ${variant}${run.about}`));
    }));
  }

  function update() {
    reading = null;
    for (const [place, [index]] of filtered(state, filter).entries()) {
      list.children[place].firstChild.checked = chosen.includes(index);
    }
    results.replaceChildren(chosen.length ? finals() : "");
    chart.redraw();
    said.textContent = summary();
  }

  function finals() {
    const made = table(null, [
      ["run", "epochs", "minutes", "multiply-adds", "validation", "test",
        "95 % interval"],
      ...chosen.map((index) => {
        const run = state.runs[index];
        return [
          run.name, along(run, "epochs").at(-1),
          (run.seconds / 60).toFixed(1), short(run.multiply_adds.at(-1)),
          run.validation, run.test, run.interval,
        ].map(String);
      }),
    ]);
    made.querySelectorAll("tbody th").forEach((cell, place) =>
      cell.prepend(sample(place)));
    return made;
  }

  function summary() {
    if (chosen.length === 0) {
      return "No run is chosen.";
    }
    const final = chosen.map((index) => {
      const run = state.runs[index];
      return `${run.name} ${run.test}`;
    });
    return `Accuracy on the test images, in the end: ${listed(final)}.`;
  }

  function draw(width) {
    const drawn = lines();
    const plot = scales(drawn, width);
    const guide = s("g");
    const read = () => point(guide, drawn, plot);
    const svg = canvas(width, plot.height, {
      "aria-hidden": "true", class: "dn-chart",
    }, ...grid(plot), ...drawn.map((line) => curve(line, plot)), guide);
    const hover = (event) => nearest(event, drawn, svg, plot, read);
    read();
    return h("div", {
      role: "application", tabindex: 0, "data-key": "chart",
      "aria-label": `Curves: ${Y[view.y]} over ${X[view.x]}. Left and right `
        + "go from epoch to epoch, up and down from curve to curve.",
      onkeydown: (event) => step(event, drawn, read),
      onpointermove: hover, onpointerdown: hover,
    }, svg);
  }

  function scales(drawn, width) {
    const values = drawn.flatMap((line) => line.values);
    const [xs, share] = horizontal(drawn, width);
    const height = Math.round(Math.min(380, 0.6 * width + 60));
    const base = height - BOTTOM;
    const ys = values.length
      ? ticks(Math.min(...values), Math.max(...values), 5) : [0, 1];
    const [low, high] = [ys[0], ys.at(-1)];
    return {
      width, height, base, ys, xs,
      toX: (x) => LEFT + (width - LEFT - RIGHT) * share(x),
      toY: (y) => base - (base - TOP) * (y - low) / (high - low),
    };
  }

  // The marks of the horizontal axis, and where on it, 0 to 1, a value is.
  function horizontal(drawn, width) {
    const epochs = view.x === "epochs";
    const all = drawn.map((line) => along(line.run, view.x));
    const most = Math.max(...all.map((xs) => xs.at(-1)), 2);
    const many = Math.max(3, Math.round(width / 110));
    if (view.log && !epochs) {
      const first = Math.min(...all.map((xs) => xs[0]), most / 2);
      const length = Math.log(most / first);
      return [
        logMarks(first, most, many), (x) => Math.log(x / first) / length,
      ];
    }
    const first = epochs ? 1 : 0;
    return [
      within(ticks(0, most, many), first, most),
      (x) => (x - first) / (most - first),
    ];
  }

  function grid({ width, height, base, xs, ys, toX, toY }) {
    return [
      ...ys.map((y) => s("path", { class: "dn-grid",
        d: `M${LEFT} ${toY(y)}H${width - RIGHT}` })),
      ...ys.map((y) => words(LEFT - 8, toY(y) + 4,
        view.y === "loss" ? String(y) : rounded(y), "end")),
      ...xs.map((x) => s("path", { class: "dn-grid",
        d: `M${toX(x)} ${base}v5` })),
      ...xs.map((x) => words(toX(x), base + 20, short(x), "middle")),
      words((LEFT + width - RIGHT) / 2, height - 6, X[view.x], "middle"),
    ];
  }

  function curve({ place, run, values, training }, { toX, toY }) {
    const points = along(run, view.x).map((x, i) => [toX(x), toY(values[i])]);
    // A mark at every few epochs and the last; beside the validation images'
    // curve, that of the training images is thin and has none.
    const thin = training && view.part === "both";
    const every = Math.ceil(points.length / 8);
    const last = points.length - 1;
    const marked = points.filter((_, i) => !thin && (last - i) % every === 0);
    return s("g", {},
      s("path", {
        d: `M${points.join("L")}`, fill: "none", ...look(place),
        "stroke-width": thin ? 1.2 : 2.5,
      }),
      ...marked.map(([x, y]) => mark(place, x, y)));
  }

  function point(guide, drawn, { width, base, toX, toY }) {
    if (!reading) {
      return;
    }
    const { run, values, training } = drawn[reading.line];
    const x = along(run, view.x)[reading.epoch];
    const value = figure(view.y, values[reading.epoch]);
    const [left, top] = [toX(x), toY(values[reading.epoch])];
    const [side, anchor] = left > width / 2 ? [-14, "end"] : [14, "start"];
    guide.replaceChildren(
      s("path", { class: "dn-guide", d: `M${left} ${TOP}V${base}` }),
      s("circle", { cx: left, cy: top, r: 8, class: "dn-ring" }),
      words(left + side, Math.max(top - 10, TOP + 12), value, anchor,
        { class: "dn-reading" }));
    const epoch = along(run, "epochs")[reading.epoch];
    const spent = view.x === "epochs" ? ""
      : `, after ${short(x)} ${X[view.x]}`;
    said.textContent = `${run.name}, ${training ? "training" : "validation"} `
      + `images, epoch ${epoch}${spent}: ${Y[view.y]} ${value}. `
      + `Curve ${reading.line + 1} of ${drawn.length}.`;
  }

  function step(event, drawn, read) {
    const move = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0],
      ArrowDown: [1, 0], Home: [0, -1e9], End: [0, 1e9],
    }[event.key];
    if (!move || modified(event) || drawn.length === 0) {
      return;
    }
    event.preventDefault();
    const at = reading ?? { line: 0, epoch: move[1] > 0 ? -1 : 0 };
    const line = (at.line + move[0] + drawn.length) % drawn.length;
    const last = drawn[line].values.length - 1;
    const epoch = Math.min(last, Math.max(0, at.epoch + move[1]));
    reading = { line, epoch };
    read();
  }

  function nearest(event, drawn, svg, { toX, toY }, read) {
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = 40 ** 2; // pixels: further away nothing is meant
    drawn.forEach((line, number) => {
      along(line.run, view.x).forEach((at, epoch) => {
        const away = (toX(at) - x) ** 2 + (toY(line.values[epoch]) - y) ** 2;
        if (away < best) {
          best = away;
          reading = { line: number, epoch };
        }
      });
    });
    read();
  }

  function filterMenu(label, name, pairs) {
    return menu(label, pairs, "", (value) => {
      filter[name] = value;
      relist();
    });
  }

  function viewMenu(label, name, pairs) {
    return menu(label, pairs, view[name], (value) => {
      view[name] = value;
      reading = null;
      chart.redraw();
      said.textContent = summary();
    });
  }

  const families = { densenet: "DenseNet", resnet: "ResNet" };
  const search = h("input", {
    type: "search", autocomplete: "off", size: 12,
    oninput: () => {
      filter.text = search.value;
      relist();
    },
  });
  el.append(h("div", { class: "dn dn-curves" },
    h("details", {}, h("summary", {}, `Choose among ${state.runs.length} runs`),
      h("div", { class: "dn-controls" },
        filterMenu("Scale", "scale", [["", "all"],
          ...distinct(state.runs.map((run) => run.scale)).map(
            (scale) => [scale, scale])]),
        filterMenu("Family", "family", [["", "all"],
          ...distinct(state.runs.map((run) => run.family)).map(
            (family) => [family, families[family] ?? family])]),
        filterMenu("Group of the study", "group", [["", "any"],
          ...state.groups.map(({ name }) => [name, name])]),
        h("label", { class: "dn-control" }, "Words", search),
        button(`Take the first ${state.most}`, () => {
          chosen = filtered(state, filter).slice(0, state.most)
            .map(([index]) => index);
          update();
        }),
        button("Take none", () => {
          chosen = [];
          update();
        })),
      found, list),
    h("div", { class: "dn-controls" },
      viewMenu("Over", "x", Object.entries(X)),
      viewMenu("Draw", "y", Object.entries(Y)),
      viewMenu("Of", "part", Object.entries(PARTS)),
      tick("logarithmic cost", view.log, (value) => {
        view.log = value;
        chart.redraw();
      })),
    chart.place, said, results));
  relist();
  update();
}
