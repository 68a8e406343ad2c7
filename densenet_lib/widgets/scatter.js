// Nets as points: parameters across, multiply-adds up, both logarithmic.

import { canvas, s, short, words } from "./common.js";

const MARGIN = { left: 46, right: 12, top: 14, bottom: 40 };
// [dx, dy, anchor]: where a point's words may stand, the best first.
const PLACES = [
  [9, 4, "start"], [-9, 4, "end"], [0, -9, "middle"], [0, 19, "middle"],
  [7, -8, "start"], [-7, -8, "end"], [7, 17, "start"], [-7, 17, "end"],
];

// points: { label, x, y, kind } with kind "imagenet", "cifar" or "own".
export function drawScatter(width, points) {
  const height = Math.min(300, 0.7 * width + 60);
  const across = axis(points.map((p) => p.x), [1e5, 1e8],
    [MARGIN.left, width - MARGIN.right]);
  const up = axis(points.map((p) => p.y), [1e8, 1e11],
    [height - MARGIN.bottom, MARGIN.top]);
  const placed = points.map((point) => ({
    ...point, x: across.place(point.x), y: up.place(point.y),
  }));
  const taken = placed.map(({ x, y }) => [x - 7, y - 7, x + 7, y + 7]);
  // The reader's own name first, so that it is never left out.
  const order = [...placed].reverse();
  const names = order.map((point) => name(point, taken, width));
  return canvas(width, height, {
    role: "img",
    "aria-label": "Multiply-adds over parameters: the paper's nets, and " +
      "yours.",
  },
  ...grid(across, up, width, height),
  ...placed.map(mark),
  ...names.filter((text) => text !== null));
}

function axis(values, [low, high], [from, to]) {
  const first = Math.floor(Math.log10(Math.min(low, ...values)));
  const last = Math.ceil(Math.log10(Math.max(high, ...values)));
  const decades = Array.from(
    { length: last - first + 1 }, (_, step) => 10 ** (first + step));
  const place = (value) =>
    from + ((to - from) * (Math.log10(value) - first)) / (last - first);
  return { decades, place };
}

function grid(across, up, width, height) {
  const bottom = height - MARGIN.bottom;
  const right = width - MARGIN.right;
  const vertical = across.decades.flatMap((value, index) => {
    const x = across.place(value);
    const isLast = index === across.decades.length - 1;
    return [
      s("path", { d: `M${x},${MARGIN.top}V${bottom}`, class: "dn-grid" }),
      words(isLast ? right : x, bottom + 16, short(value),
        isLast ? "end" : "middle"),
    ];
  });
  const horizontal = up.decades.flatMap((value) => {
    const y = up.place(value);
    return [
      s("path", { d: `M${MARGIN.left},${y}H${right}`, class: "dn-grid" }),
      words(MARGIN.left - 5, y + 4, short(value), "end"),
    ];
  });
  const middle = (MARGIN.left + right) / 2;
  return [
    ...vertical, ...horizontal,
    words(middle, height - 6, "parameters", "middle"),
    words(MARGIN.left + 6, MARGIN.top + 14, "multiply-adds"),
  ];
}

function mark({ x, y, kind }) {
  if (kind === "imagenet") {
    return s("circle", { cx: x, cy: y, r: 5, fill: "var(--dn-blue)" });
  }
  if (kind === "cifar") {
    return s("rect", {
      x: x - 4.5, y: y - 4.5, width: 9, height: 9, fill: "var(--dn-green)",
    });
  }
  const star = Array.from({ length: 10 }, (_, tip) => {
    const radius = tip % 2 ? 5 : 12;
    const angle = (Math.PI * tip) / 5;
    return [x + radius * Math.sin(angle), y - radius * Math.cos(angle)];
  });
  return s("polygon", {
    points: star.map((corner) => corner.join()).join(" "), class: "dn-own",
  });
}

// The words at a point, at the first place that is free; null for none.
function name({ label, x, y, kind }, taken, width) {
  const long = 7.2 * label.length;
  for (const [dx, dy, anchor] of PLACES) {
    const far = kind === "own" ? 1.6 : 1;
    const at = [x + far * dx, y + dy * (dy === 4 ? 1 : far)];
    const start = at[0] - { start: 0, middle: long / 2, end: long }[anchor];
    const box = [start, at[1] - 11, start + long, at[1] + 3];
    const inside = box[0] > MARGIN.left && box[2] < width;
    const free = taken.every((other) =>
      box[2] < other[0] || box[0] > other[2] ||
      box[3] < other[1] || box[1] > other[3]);
    if (inside && free) {
      taken.push(box);
      return words(...at, label, anchor,
        kind === "own" ? { "font-weight": "bold" } : {});
    }
  }
  return null;
}
