import {
  button, fill, h, menu, modified, s, slider, status, table,
} from "./common.js";

const CELL = 36; // pixels of an input or output cell
const SMALL = CELL / 2; // two of them are as wide as the output they led to

// What a pooling gives to the four cells of a window: their shares of the
// output, and so of the gradient on its way back. Of equal largest values
// the first one takes all, as in TensorFlow.
const SHARES = {
  average: () => [0.25, 0.25, 0.25, 0.25],
  max: (values) => {
    const first = values.indexOf(Math.max(...values));
    return values.map((value, index) => (index === first ? 1 : 0));
  },
};

// The cells [row, column] of an output's window, row by row.
export function windowOf(row, column) {
  return [[0, 0], [0, 1], [1, 0], [1, 1]].map(
    ([down, right]) => [2 * row + down, 2 * column + right],
  );
}

// A map pooled by windows of 2x2, two apart; an odd last line is left out.
export function pool(map, kind) {
  return overWindows(map, (values, shares) =>
    values.reduce((sum, value, i) => sum + shares[i] * value, 0), kind);
}

// What a gradient of the pooled map is at the map itself.
export function backward(map, kind, gradient) {
  const back = map.map((line) => line.map(() => 0));
  overWindows(map, (values, shares, row, column) => {
    windowOf(row, column).forEach(([r, c], i) => {
      back[r][c] = shares[i] * gradient[row][column];
    });
  }, kind);
  return back;
}

function overWindows(map, visit, kind) {
  const lines = Math.floor(map.length / 2);
  const columns = Math.floor(map[0].length / 2);
  return Array.from({ length: lines }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      const values = windowOf(row, column).map(([r, c]) => map[r][c]);
      return visit(values, SHARES[kind](values), row, column);
    }));
}

// Every value moved one column to the right; the last becomes the first.
export function moved(map) {
  return map.map((line) => [line.at(-1), ...line.slice(0, -1)]);
}

export function summary(map) {
  const values = map.flat();
  const sum = values.reduce((a, b) => a + b, 0);
  return { sum, mean: sum / values.length, largest: Math.max(...values) };
}

function row(name, map) {
  const { sum, mean, largest } = summary(map);
  return [name, ...[sum, mean, largest].map(said)];
}

// At most two digits after the point: quarters are exact.
function said(value) {
  return String(Number(value.toFixed(2)));
}

function share(value) {
  return { 0: "0", 0.25: "¼", 1: "1" }[value];
}

// A grid of cells that the arrow keys walk through. Options: size of a cell,
// say(value) for its text, top for the value of the darkest shade, and the
// listeners onkey(event, row, column), onvisit(row, column).
function board(label, map, options) {
  const { size, say, top } = options;
  const rows = map.length;
  const columns = map[0].length;
  let here = [0, 0];
  const cells = map.map((line, row) => line.map((_, column) =>
    cell(row, column)));
  const outline = s("rect", {
    width: options.frame * size, height: options.frame * size,
    class: "dn-frame",
  });
  const element = s("svg", {
    role: "grid", "aria-label": label, class: "dn-board",
    width: columns * size + 4, height: rows * size + 4,
    viewBox: `-2 -2 ${columns * size + 4} ${rows * size + 4}`,
    onkeydown: press,
  }, ...cells.map((line) => s("g", { role: "row" },
    ...line.map((one) => one.group))), outline);

  function cell(row, column) {
    const [x, y] = [column * size, row * size];
    const paint = s("rect", {
      x, y, width: size, height: size, class: "dn-cell",
    });
    const text = s("text", {
      x: x + size / 2, y: y + size / 2, "text-anchor": "middle",
      "dominant-baseline": "central",
    });
    const group = s("g", {
      role: "gridcell", tabindex: row + column ? -1 : 0,
      onfocus: () => visit(row, column),
    }, paint, text);
    return { group, paint, text };
  }

  function visit(row, column) {
    cells[here[0]][here[1]].group.setAttribute("tabindex", -1);
    here = [row, column];
    cells[row][column].group.setAttribute("tabindex", 0);
    options.onvisit(row, column);
  }

  function press(event) {
    const step = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0],
      ArrowLeft: [0, -1], ArrowRight: [0, 1],
    }[event.key];
    if (step && modified(event)) {
      return;
    }
    if (step) {
      event.preventDefault();
      const row = Math.min(rows - 1, Math.max(0, here[0] + step[0]));
      const column = Math.min(columns - 1, Math.max(0, here[1] + step[1]));
      cells[row][column].group.focus();
    } else {
      options.onkey?.(event, ...here);
    }
  }

  // The values, and the window's cell [row, column] that the frame is at.
  function update(map, [row, column]) {
    map.forEach((line, r) => line.forEach((value, c) => {
      const { group, paint, text } = cells[r][c];
      paint.setAttribute("fill-opacity", 0.55 * Math.min(1, value / top));
      text.textContent = say(value);
      text.setAttribute("class", value ? "" : "dn-zero");
      group.setAttribute("aria-label",
        `row ${r + 1}, column ${c + 1}: ${say(value)}`);
    }));
    outline.setAttribute("x", column * size * options.frame);
    outline.setAttribute("y", row * size * options.frame);
  }

  // The cell under a pointer; null beside the grid.
  function under(event) {
    const box = element.getBoundingClientRect();
    const unit = (columns * size + 4) / box.width;
    const column = Math.floor(((event.clientX - box.left) * unit - 2) / size);
    const row = Math.floor(((event.clientY - box.top) * unit - 2) / size);
    const inside = row in cells && column in cells[row];
    return inside ? [row, column] : null;
  }

  const focus = (row, column) => cells[row][column].group.focus();
  return { element, update, under, focus };
}

// Draw with a pointer: paint(row, column, value) for every cell it crosses.
function paintable(input, valueAt, paint) {
  let value = null; // what is being drawn; null while nothing is
  let first = null; // the cell where it begins, until that is painted
  const begin = () => {
    if (first) {
      input.focus(...first);
      paint(...first, value);
      first = null;
    }
  };
  fill(input.element, {
    onpointerdown: (event) => {
      const at = input.under(event);
      if (at && event.button === 0) {
        event.preventDefault(); // do not select text
        value = valueAt(...at);
        first = at;
        // A finger may mean to scroll: then its pointer is cancelled.
        if (event.pointerType !== "touch") {
          begin();
        }
      }
    },
    onpointermove: (event) => {
      const at = value === null ? null : input.under(event);
      if (at) {
        begin();
        paint(...at, value);
      }
    },
    onpointerup: begin,
  }, []);
  for (const name of ["pointerup", "pointerleave", "pointercancel"]) {
    input.element.addEventListener(name, () => {
      value = null;
      first = null;
    });
  }
}

function panel(title, ...children) {
  return h("div", { class: "dn-panel" },
    h("div", { class: "dn-title" }, title), ...children);
}

const KINDS = [["average", "Average"], ["max", "Max"]];

export function render({ model, el }) {
  const { presets, top } = model.get("state");
  let map = presets[0].map.map((line) => [...line]);
  let chosen = [1, 2]; // the output whose window is looked at
  let brush = top;
  let way = "none";

  const words = status();
  const sums = h("div");
  const input = board("The map, editable", map, {
    size: CELL, say: said, top, frame: 2, onkey: edit,
    onvisit: (row, column) => choose(row >> 1, column >> 1),
  });
  paintable(input, (row, column) => toggled(row, column), set);
  const outputs = KINDS.map(([kind, name]) => makeOutput(kind, name));

  function makeOutput(kind, name) {
    const pooled = board(`${name} pooling`, pool(map, kind), {
      size: CELL, say: said, top, frame: 1, onvisit: choose,
    });
    pooled.element.addEventListener("pointerdown", (event) => {
      const at = pooled.under(event);
      if (at) {
        event.preventDefault();
        pooled.focus(...at);
      }
    });
    const back = board(`${name}: the gradient's way back`, map, {
      size: SMALL, say: share, top: 1, frame: 2,
      onvisit: (row, column) => choose(row >> 1, column >> 1),
    });
    const below = panel("Way back", back.element);
    return {
      kind, name, pooled, back, below,
      element: h("div", { class: "dn-column" },
        panel(`${name} pooling`, pooled.element), below),
    };
  }

  function choose(row, column) {
    chosen = [row, column];
    draw();
  }

  function set(row, column, value) {
    map[row][column] = value;
    choose(row >> 1, column >> 1);
  }

  function toggled(row, column) {
    return map[row][column] === brush ? 0 : brush;
  }

  function edit(event, row, column) {
    const value = map[row][column];
    const next = {
      " ": toggled(row, column), "+": value + 1, "-": value - 1,
      Delete: 0, Backspace: 0,
    }[event.key] ?? (/^[0-9]$/.test(event.key) ? Number(event.key) : null);
    if (next !== null && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      set(row, column, Math.min(top, Math.max(0, next)));
    }
  }

  function start(preset) {
    map = preset.map.map((line) => [...line]);
    draw();
  }

  // The gradient that arrives at the outputs.
  function arriving(lines) {
    return lines.map((line, row) => line.map((_, column) =>
      Number(way === "all" || (row === chosen[0] && column === chosen[1]))));
  }

  function draw() {
    input.update(map, chosen);
    const rows = [["of", "sum", "mean", "largest"], row("the map", map)];
    for (const { kind, name, pooled, back, below } of outputs) {
      const values = pool(map, kind);
      pooled.update(values, chosen);
      back.update(backward(map, kind, arriving(values)), chosen);
      below.hidden = way === "none";
      rows.push(row(`${name.toLowerCase()} pooling`, values));
    }
    sums.replaceChildren(table("Sums and means", rows));
    words.textContent = inWords(map, chosen, way);
  }

  el.append(h("div", { class: "dn dn-transition" },
    h("div", { class: "dn-controls" },
      menu("Start from", presets.map((one) => [one, one.name]), presets[0],
        start),
      slider("Brush", Array.from({ length: top + 1 }, (_, i) => i), brush,
        (value) => { brush = value; }),
      button("Move one column right", () => { map = moved(map); draw(); }),
      menu("Gradient's way back", [
        ["none", "hidden"], ["one", "of the framed output"],
        ["all", "of all outputs"],
      ], way, (value) => { way = value; draw(); })),
    h("p", { class: "dn-hint" }, "Click or drag to draw. With the keyboard: "
      + "arrows move, a digit sets the cell, + and \u2212 change it by one, "
      + "space draws or clears."),
    h("div", { class: "dn-boards" },
      panel("The map", input.element),
      ...outputs.map((output) => output.element)),
    words, sums));
  draw();
}

// The framed window, the two outputs, and where their gradients go.
export function inWords(map, [row, column], way) {
  const cells = windowOf(row, column);
  const values = cells.map(([r, c]) => map[r][c]);
  const [average, max] = KINDS.map(([kind]) => pool(map, kind));
  const [low, high] = [average, max].map((one) => said(summary(one).mean));
  const text = [
    `The framed window, rows ${2 * row + 1} and ${2 * row + 2}, columns `
    + `${2 * column + 1} and ${2 * column + 2}, holds ${values.join(", ")}: `
    + `average ${said(average[row][column])}, `
    + `maximum ${said(max[row][column])}.`,
    `The map's mean is ${said(summary(map).mean)}; average pooling leaves it `
    + `at ${low}, max pooling ${low === high ? "too" : `makes it ${high}`}.`,
  ];
  if (way !== "none") {
    const [r, c] = cells[SHARES.max(values).indexOf(1)];
    const ties = values.filter((value) => value === max[row][column]).length;
    text.push("Of a gradient of 1 at this output, the average sends a quarter "
      + `to each cell, the maximum all to row ${r + 1}, column ${c + 1}`
      + `${ties > 1 ? ", the first of the equal largest" : ""}.`);
  }
  return text.join(" ");
}
