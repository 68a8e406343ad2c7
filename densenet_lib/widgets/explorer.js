// The architecture explorer: change a DenseNet, see it, and what it costs.

import {
  button, drawing, field, grouped, h, including, menu, short, slider, status,
  table, tick,
} from "./common.js";
import {
  budget, depth, smallestSide, stemChannels, total, trainingBytes,
} from "./budget.js";
import {
  drawNet, drawShares, inWords, legend, partsOf,
} from "./net.js";
import { drawScatter } from "./scatter.js";

const RATES = [4, 8, 12, 16, 20, 24, 32, 40, 48, 64];
const SHARES = [0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const SIDES = [32, 64, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512];
const CLASSES = [1, 2, 10, 100, 1000];
const MOST_BLOCKS = 5;
const MOST_LAYERS = 64;
const STEMS = [
  ["imagenet", "7 × 7, pooling: side / 4"],
  ["light", "3 × 3: side / 2"],
  ["cifar", "3 × 3: the whole side"],
];
const OWN = "own";

export function render({ model, el }) {
  const state = model.get("state");
  const find = (name) => state.nets.find((net) => net.name === name);
  let reference = find(state.start);
  let net = { ...reference };
  let chosen = "block1";

  const controls = h("div", {});
  const said = status();
  const detail = h("p", { class: "dn-detail" });
  const note = h("p", { class: "dn-note" });
  const numbers = h("div", { class: "dn-scroll" });
  const ledger = h("div", {
    class: "dn-scroll dn-tall", role: "region", tabindex: 0,
    "aria-label": "Channels, layer by layer",
  });
  let rows;
  let parts;
  const pictures = [
    drawing((width) => drawNet(width, net, parts, chosen, choose)),
    drawing((width) => drawShares(width, parts, chosen)),
    drawing((width) => drawScatter(width, points())),
  ];

  const presets = menu("Start from", [
    ...state.nets.map(({ name, label }) => [name, label]),
    [OWN, "your own"],
  ], net.name, (name) => {
    if (name !== OWN) {
      reference = find(name);
      net = { ...reference };
      chosen = "block1";
      refill();
    }
    update(); // of "your own", too, which is one of the paper's for now
  });

  // A new control for everything; the focus stays at the one in its place.
  function refill() {
    const all = () => [...controls.querySelectorAll("input, select, button")];
    const at = all().indexOf(controls.getRootNode().activeElement);
    controls.replaceChildren(...controlsFor(net, change, changeBlocks));
    all()[at]?.focus();
  }

  function change(changes) {
    net = { ...net, ...changes };
    const smallest = smallestSide(net);
    if (net.size < smallest) {
      net.size = SIDES.find((side) => side >= smallest);
      refill();
    }
    update();
  }

  function changeBlocks(blocks, focus) {
    change({ blocks });
    refill();
    controls.querySelectorAll("button")[focus].focus();
  }

  function choose(name) {
    chosen = name;
    detail.textContent = inWords(partNamed(name), net, rows);
    pictures[0].redraw();
    pictures[1].redraw();
  }

  function partNamed(name) {
    return parts.find((part) => part.name === name) ?? parts[1];
  }

  function update() {
    rows = budget(net);
    parts = partsOf(net, rows);
    chosen = partNamed(chosen).name;
    const same = isSame(net, reference);
    const select = presets.querySelector("select");
    const names = [...state.nets.map(({ name }) => name), OWN];
    select.selectedIndex = names.indexOf(same ? reference.name : OWN);
    said.textContent = sentence(net, reference, rows, same);
    note.textContent = legend(net);
    numbers.replaceChildren(table(null, costsOf(net, reference, state)));
    ledger.replaceChildren(table(null, ledgerOf(parts, net)));
    detail.textContent = inWords(partNamed(chosen), net, rows);
    pictures.forEach((picture) => picture.redraw());
  }

  function points() {
    const others = state.nets.map((other) => pointOf(
      other, other.label.replace("DenseNet-", ""), other.stem));
    return [...others, pointOf(net, "yours", "own")];
  }

  refill();
  update();
  el.replaceChildren(h("div", {
    class: "dn", role: "group", "aria-label": "Architecture explorer",
  },
  h("div", { class: "dn-controls" }, presets), controls, said,
  pictures[0].place, detail, note, pictures[1].place, numbers,
  h("p", { class: "dn-note" },
    "Multiply-adds and activations, the numbers that the layers put out: " +
    "for one image. Training memory: what a step on " +
    `${state.batch} images needs for its activations in float32; linear ` +
    "if most of them are computed a second time."),
  h("p", { class: "dn-note" },
    "Parameters across, multiply-adds up. Circles: the paper's nets for " +
    "224 × 224 pixels and 1,000 classes. Squares: those for 32 × 32 and 10 " +
    "classes. Star: yours."),
  pictures[2].place,
  h("details", {}, h("summary", {}, "Channels, layer by layer"), ledger)));
}

function controlsFor(net, change, changeBlocks) {
  return [
    blocksControl(net, change, changeBlocks),
    h("div", { class: "dn-controls" },
      slider("growth rate k", including(RATES, net.growth_rate),
        net.growth_rate, (rate) => change({ growth_rate: rate })),
      slider("compression θ", including(SHARES, net.theta), net.theta,
        (theta) => change({ theta })),
      tick("bottleneck, 1 × 1 to 4k", net.bottleneck !== null,
        (has) => change({ bottleneck: has ? 4 : null }))),
    h("div", { class: "dn-controls" },
      menu("stem", STEMS, net.stem, (stem) => change({ stem })),
      menu("its channels", [[null, "2k"], [16, "16"]], net.stem_filters,
        (filters) => change({ stem_filters: filters })),
      slider("image side", including(SIDES, net.size), net.size,
        (size) => change({ size })),
      menu("classes", CLASSES.map((count) => [count, grouped(count)]),
        net.classes, (classes) => change({ classes }))),
  ];
}

function blocksControl(net, change, changeBlocks) {
  const blocks = [...net.blocks];
  const fields = blocks.map((layers, index) =>
    field(`block ${index + 1}`, layers, [1, MOST_LAYERS], (count) => {
      blocks[index] = count;
      change({ blocks: [...blocks] });
    }));
  const add = button("Add a block", () =>
    changeBlocks([...blocks, blocks.at(-1)], 0));
  const remove = button("Remove one", () =>
    changeBlocks(blocks.slice(0, -1), 1));
  setOff(add, blocks.length === MOST_BLOCKS);
  setOff(remove, blocks.length === 1);
  return h("fieldset", {}, h("legend", {}, "Layers in each block"),
    h("div", { class: "dn-controls" }, ...fields, add, remove));
}

// Off, but still where the focus can be: it may just have been pressed.
function setOff(element, off) {
  element.setAttribute("aria-disabled", String(off));
  if (off) {
    element.addEventListener("click", (event) => {
      event.stopImmediatePropagation();
    }, { capture: true });
  }
}

function isSame(net, reference) {
  return Object.keys(reference).every(
    (key) => String(net[key]) === String(reference[key]));
}

function sentence(net, reference, rows, same) {
  const counts = `${depth(net)} layers deep, ` +
    `${grouped(total(rows, "parameters"))} parameters, ` +
    `${grouped(total(rows, "multiply_adds"))} multiply-adds for an image`;
  if (same) {
    return `${reference.label}: ${counts}.`;
  }
  const old = budget(reference);
  return `Your net: ${counts}. That is ` +
    `${ratio(rows, old, "parameters")} times the parameters of ` +
    `${reference.label}, and ${ratio(rows, old, "multiply_adds")} times ` +
    "its multiply-adds.";
}

function ratio(rows, old, quantity) {
  return twoDigits(total(rows, quantity) / total(old, quantity));
}

function twoDigits(number) {
  return number < 0.1 ? number.toPrecision(2) : number.toFixed(2);
}

const bytes = (number) => `${short(number)}B`;

// The table of costs: the reader's net beside the one started from.
function costsOf(net, reference, state) {
  const own = quantities(net, state);
  const others = quantities(reference, state);
  const lines = own.map(([label, number, say], index) => {
    const other = others[index][1];
    return [label, say(number), say === bytes ? bytes(other) : short(other),
      twoDigits(number / other)];
  });
  return [["", "your net", reference.label, "ratio"], ...lines];
}

function quantities(net, state) {
  const rows = budget(net);
  const memory = (how) => trainingBytes(
    rows, state.batch, how, state.working_maps[how]);
  return [
    ["parameters", total(rows, "parameters"), grouped],
    ["… trainable", total(rows, "trainable"), grouped],
    ["multiply-adds", total(rows, "multiply_adds"), short],
    ["activations", total(rows, "activations"), short],
    ["training memory", memory("naive"), bytes],
    ["… if linear", memory("linear"), bytes],
  ];
}

function ledgerOf(parts, net) {
  const k = net.growth_rate;
  const lines = parts.flatMap((part) => {
    const [height, width, channels] = part.left;
    const side = width ? `${height} × ${width}` : "1 × 1";
    if (part.layers === 0) {
      const came = part.name === "stem" ? 3 : part.entered[2];
      const left = channels ?? net.classes;
      return [[part.label, grouped(came), "", grouped(left), side]];
    }
    return Array.from({ length: part.layers }, (_, layer) => {
      const reads = part.entered[2] + k * layer;
      return [
        `${part.label}, layer ${layer + 1}`, grouped(reads), String(k),
        grouped(reads + k), side,
      ];
    });
  });
  return [["", "reads", "adds", "leaves", "map"], ...lines];
}

function pointOf(net, label, kind) {
  const rows = budget(net);
  const shape = kind === "light" ? "imagenet" : kind;
  return {
    label,
    kind: shape,
    x: total(rows, "parameters"),
    y: total(rows, "multiply_adds"),
  };
}
