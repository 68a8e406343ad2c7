// The drawing of a DenseNet to scale, and where its cost lies.

import {
  canvas, choosable, grouped, hatching, listed, percent, s, words,
} from "./common.js";
import { stemChannels, total } from "./budget.js";

const QUANTITIES = [
  ["parameters", "parameters"],
  ["multiply_adds", "multiply-adds"],
];
const TALLEST = 130; // pixels, for the maps of the first block

// The rows of a budget summed over the parts of the net, from stem to head.
export function partsOf(net, rows) {
  const parts = [];
  rows.forEach((row, index) => {
    const word = row.name.split("_")[0];
    const name = ["final", "pool", "logits"].includes(word) ? "head" : word;
    if (parts.at(-1)?.name !== name) {
      parts.push({ name, entered: rows[index - 1]?.shape, rows: [] });
    }
    parts.at(-1).rows.push(row);
  });
  return parts.slice(1).map((part) => ({
    ...part,
    label: labelOf(part.name),
    layers: layersOf(net, part.name),
    left: part.rows.at(-1).shape,
    parameters: total(part.rows, "parameters"),
    multiply_adds: total(part.rows, "multiply_adds"),
  }));
}

function labelOf(name) {
  return name.replace(/^(block|transition)/, "$1 ")
    .replace(/^./, (letter) => letter.toUpperCase());
}

function layersOf(net, name) {
  return name.startsWith("block") ? net.blocks[name.slice(5) - 1] : 0;
}

// A part in words; rows are those of the whole net.
export function inWords(part, net, rows) {
  return `${part.label}: ${what(part, net)} ${costs(part, rows)}`;
}

function what(part, net) {
  const [height, width, channels] = part.left;
  const left = grouped(channels ?? 0);
  if (part.name === "head") {
    return "normalisation, ReLU, the mean of each map, and a matrix for " +
      `${grouped(net.classes)} class${net.classes === 1 ? "" : "es"}.`;
  }
  if (part.name === "stem") {
    return `from the image, ${net.size} × ${net.size}, to ${left} ` +
      `channels on ${height} × ${width}.`;
  }
  const came = grouped(part.entered[2]);
  if (part.layers === 0) {
    return `${came} channels are mixed to ${left}, and sides of ` +
      `${part.entered[0]} are halved to ${height}.`;
  }
  return `${part.layers} layers on maps of ${height} × ${width}; ${came} ` +
    `channels come in, ${left} leave.`;
}

function costs(part, rows) {
  const shares = QUANTITIES.map(([quantity, word]) =>
    `${percent(part[quantity] / total(rows, quantity))} of the ${word}`);
  return `It has ${listed(shares)}.`;
}

// The net from left to right. What is chosen is a part's name.
export function drawNet(width, net, parts, chosen, choose) {
  const fixed = width < 500 ? 14 : 34;
  const blocks = parts.filter((part) => part.layers > 0);
  const channels = blocks.reduce((sum, part) => sum + part.left[2], 0);
  const scale = {
    across: (width - 4 - fixed * (parts.length - blocks.length)) / channels,
    down: TALLEST / blocks[0].left[0],
    axis: 34 + TALLEST / 2,
  };
  const [hatch, fill] = hatching("var(--dn-orange)");
  let x = 2;
  const drawn = parts.map((part) => {
    const wide = part.layers > 0 ? part.left[2] * scale.across : fixed;
    const box = { x, wide, fill, scale };
    x += wide;
    return choosable(
      inWords(part, net, parts.flatMap((p) => p.rows)),
      part.name === chosen, part.name, () => choose(part.name),
      ...drawPart(part, net, box));
  });
  return canvas(width, TALLEST + 92, {
    role: "group",
    "aria-label": "The net, from the image on the left to the classes; " +
      "choose a part to read about it",
  }, s("defs", {}, hatch), ...drawn);
}

function drawPart(part, net, box) {
  const draw = part.layers > 0 ? drawBlock : drawBetween;
  const { x, wide, scale } = box;
  const bottom = scale.axis + TALLEST / 2;
  const [first, ...more] = captions(part, net);
  return [
    // All of the height can be hit, however small the map.
    s("rect", { x, y: 2, width: wide, height: TALLEST + 86,
      class: "dn-hit", fill: "transparent" }),
    ...draw(part, net, box),
    caption(first, box, 18),
    // All of them or none: a line alone would puzzle.
    ...(more.every((text) => fits(text, wide)) ? more : []).map(
      (text, line) => caption(text, box, bottom + 20 + 17 * line)),
  ];
}

function captions(part, net) {
  if (part.layers === 0) {
    return [part.name.startsWith("transition") ? "" : part.label];
  }
  const [height, , leave] = part.left;
  return [
    part.label,
    `${part.layers} layers`,
    `${grouped(part.entered[2])} → ${grouped(leave)}`,
    `${height} × ${height}`,
  ];
}

function fits(text, wide) {
  return 7.2 * text.length <= wide - 4;
}

// Words under a part, unless they would run into its neighbours'.
function caption(text, { x, wide }, y) {
  const short = text.startsWith("Block") ? text.slice(6) : "";
  const said = [text, short].find((one) => fits(one, wide)) ?? "";
  return words(x + wide / 2, y, said, "middle");
}

// Channels across, the side of the map down, both to scale: what came in is
// plain, and each layer is a stripe of its own.
function drawBlock(part, net, { x, wide, scale }) {
  const tall = part.left[0] * scale.down;
  const y = scale.axis - tall / 2;
  const came = part.entered[2] * scale.across;
  const k = net.growth_rate * scale.across;
  const stripes = Array.from({ length: part.layers }, (_, layer) =>
    s("rect", {
      x: x + came + k * layer, y, width: k, height: tall,
      fill: "var(--dn-blue)", "fill-opacity": layer % 2 ? 0.55 : 1,
    }));
  return [
    s("rect", { x, y, width: came, height: tall, fill: "var(--dn-shade)" }),
    ...stripes,
    s("rect", {
      x, y, width: wide, height: tall, fill: "none", class: "dn-edge",
    }),
  ];
}

// Stem, transitions and head: from one height to another, not to scale
// across; the image, in front of the stem, would be out of the picture.
function drawBetween(part, net, { x, wide, fill, scale }) {
  const side = (shape) => Math.min(
    TALLEST + 20, Math.max(2, (shape[1] ? shape[0] : 0) * scale.down)) / 2;
  const left = side(part.entered ?? [net.size, net.size]);
  const right = side(part.left);
  const corners = [
    [x, scale.axis - left], [x + wide, scale.axis - right],
    [x + wide, scale.axis + right], [x, scale.axis + left],
  ];
  return [s("polygon", {
    points: corners.map((corner) => corner.join()).join(" "),
    class: "dn-edge",
    fill: fillOf(part, fill),
  })];
}

// Two bars: how parameters and multiply-adds are shared among the parts.
export function drawShares(width, parts, chosen) {
  const [hatch, fill] = hatching("var(--dn-orange)");
  const bars = QUANTITIES.flatMap(([quantity, word], line) => [
    words(2, 16 + 52 * line, `Where the ${word} are`),
    ...drawBar(parts, quantity, {
      width: width - 4, y: 24 + 52 * line, fill, chosen,
    }),
  ]);
  const largest = QUANTITIES.map(([quantity, word]) => {
    const [most] = [...parts].sort((a, b) => b[quantity] - a[quantity]);
    return `${most.label} has the most ${word}`;
  });
  return canvas(width, 102, {
    role: "img", "aria-label": `${listed(largest)}.`,
  }, s("defs", {}, hatch), ...bars);
}

function drawBar(parts, quantity, { width, y, fill, chosen }) {
  const all = total(parts, quantity);
  let x = 2;
  return parts.flatMap((part) => {
    const wide = (width * part[quantity]) / all;
    const at = { x, y, width: wide, height: 20 };
    x += wide;
    const label = part.layers > 0 ? part.label.slice(6) : part.label;
    const said = part.name.startsWith("transition") ? "" : label;
    return [
      s("rect", { ...at, class: "dn-edge", fill: fillOf(part, fill) }),
      part.name === chosen
        ? s("path", { d: `M${at.x},${y + 24}h${wide}`, class: "dn-mark" })
        : null,
      words(at.x + wide / 2, y + 15,
        fits(said, wide) ? said : "", "middle",
        part.layers > 0 ? { class: "dn-on-fill" } : {}),
    ];
  });
}

function fillOf(part, hatched) {
  if (part.layers > 0) {
    return "var(--dn-blue)";
  }
  return part.name.startsWith("transition") ? hatched : "var(--dn-shade)";
}

// What the widths of the first block's colours mean, for the legend.
export function legend(net) {
  return `Width: channels; height: the side of the maps. Of a block, the ` +
    `plain part came in (${stemChannels(net)} channels for the first), and ` +
    `each stripe is one layer's ${net.growth_rate} new channels. Hatched: ` +
    "transitions, their width not to scale.";
}
