// A dense block, layer by layer: who feeds it, with how many channels.

import {
  button, canvas, choosable, drawing, fill, grouped, h, hatching, including,
  listed, modified, s, slider, status, table, words,
} from "./common.js";

const COUNTS = [2, 3, 4, 5, 6, 7, 8];
const RATES = [4, 8, 12, 16, 24, 32];
const ENTERING = [8, 16, 24, 32, 64];
const STACKS = 220; // pixels, for all channels that leave the block
const COLOURS = ["blue", "orange", "green", "pink"];
const LOW = "₀₁₂₃₄₅₆₇₈";

const mapName = (index) => `x${LOW[index]}`;

export function render({ model, el }) {
  const block = { ...model.get("state") };
  let made = 1; // layers so far
  let chosen = 1; // the layer looked at; 0 is the block's input

  const said = status();
  const ledger = h("div", { class: "dn-scroll" });
  const picture = drawing((width) =>
    drawBlock(width, block, made, chosen, choose));
  const back = button("◂ Back", () => step(-1));
  const forward = button("Next layer ▸", () => step(1));

  function step(by) {
    made = Math.min(block.num_layers, Math.max(0, made + by));
    chosen = made;
    update(by > 0);
  }

  function choose(layer) {
    chosen = layer;
    update(false);
  }

  function change(changes) {
    Object.assign(block, changes);
    made = Math.min(made, block.num_layers);
    chosen = Math.min(chosen, made);
    update(false);
  }

  function update(isNew) {
    back.setAttribute("aria-disabled", String(made === 0));
    forward.setAttribute("aria-disabled", String(made === block.num_layers));
    said.textContent = sentence(block, made, chosen);
    ledger.replaceChildren(table(null, lines(block, made)));
    picture.place.classList.toggle("dn-grows", isNew);
    picture.redraw();
  }

  // Arrows step wherever the focus is in the picture.
  picture.place.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by !== undefined && !modified(event)) {
      event.preventDefault();
      step(by);
      picture.place.querySelector(`[data-key="${chosen}"]`).focus();
    }
  });

  update(false);
  el.replaceChildren(h("div", {
    class: "dn", role: "group", "aria-label": "A dense block, step by step",
  },
  h("div", { class: "dn-controls" },
    slider("layers L", COUNTS, block.num_layers,
      (count) => change({ num_layers: count })),
    slider("growth rate k", including(RATES, block.growth_rate),
      block.growth_rate, (rate) => change({ growth_rate: rate })),
    slider("channels that enter k₀", including(ENTERING, block.channels),
      block.channels, (channels) => change({ channels }))),
  h("div", { class: "dn-controls" }, back, forward),
  said, picture.place,
  h("p", { class: "dn-note" },
    "Each column is all that the block holds after a layer: what the layer " +
    "read and, with the thick edge, what it added; the number is their sum, " +
    "in channels. Arcs: who feeds the layer " +
    "that is chosen, and with how many channels. Choose another with a " +
    "click or with Tab and Enter; the arrow keys step."),
  h("details", {}, h("summary", {}, "The ledger so far"), ledger)));
}

const reads = ({ channels, growth_rate: k }, layer) =>
  channels + k * (layer - 1);

function sentence(block, made, chosen) {
  const { channels, growth_rate: k, num_layers: all } = block;
  const sum = (made * (made + 1)) / 2;
  const terms = Array.from({ length: made }, (_, index) => index + 1);
  const [so, of] = made === all ? ["In the whole block", ""]
    : ["So far", `, of ${(all * (all + 1)) / 2} in the whole block`];
  const count = made < 2 ? String(sum)
    : `${terms.join(" + ")} = ${made} · ${made + 1} / 2 = ${sum}`;
  const connections = `${so} ${count} connection${sum === 1 ? "" : "s"}${of}.`;
  if (chosen === 0) {
    return `${mapName(0)} is what enters: ${channels} channels. ` +
      connections;
  }
  const sources = Array.from({ length: chosen }, (_, index) =>
    mapName(index));
  const arithmetic = chosen === 1 ? ""
    : `${channels} + ${k} · ${chosen - 1} = `;
  return `Layer ${chosen} reads ${arithmetic}` +
    `${grouped(reads(block, chosen))} channels, from ${listed(sources)}, ` +
    `and adds ${k}: ${mapName(chosen)}. ${connections}`;
}

function lines(block, made) {
  const rows = Array.from({ length: made }, (_, index) => {
    const layer = index + 1;
    return [
      `layer ${layer}`, grouped(reads(block, layer)),
      String(block.growth_rate), grouped(reads(block, layer + 1)),
      String(layer), String((layer * (layer + 1)) / 2),
    ];
  });
  const heading = ["", "reads", "adds", "then there are", "is fed by",
    "connections in all"];
  return [heading, ...rows];
}

function drawBlock(width, block, made, chosen, choose) {
  const count = block.num_layers + 1;
  const pitch = width / count;
  const arcs = Math.min(120, 30 + 16 * block.num_layers);
  const all = reads(block, count);
  const geometry = {
    pitch, arcs,
    layers: block.num_layers,
    wide: Math.min(64, pitch - 8),
    centre: (index) => pitch * (index + 0.5),
    bottom: arcs + 44 + STACKS,
    scale: STACKS / all,
  };
  const textures = Array.from({ length: count }, (_, index) => {
    const turn = index % COLOURS.length;
    // Finer the second time, coarser the third.
    const gap = [8, 4, 12][Math.floor(index / COLOURS.length)];
    return hatching(`var(--dn-${COLOURS[turn]})`, 45 * turn, gap);
  });
  const columns = Array.from({ length: count }, (_, index) => (
    index <= made
      ? column(block, index, { made, chosen, geometry, textures, choose })
      : outline(index, geometry)));
  return canvas(width, geometry.bottom + 26, {
    role: "group",
    "aria-label": `A dense block after ${made} of ${block.num_layers} ` +
      "layers",
  },
  s("defs", {}, ...textures.map(([definition]) => definition)),
  ...faintArcs(made, chosen, geometry),
  ...feedingArcs(block, chosen, geometry),
  ...columns);
}

// All that there is after a layer, the newest on top.
function column(block, index, { made, chosen, geometry, textures, choose }) {
  const { wide, centre, bottom, scale, arcs } = geometry;
  const x = centre(index) - wide / 2;
  let y = bottom;
  const segments = Array.from({ length: index + 1 }, (_, source) => {
    const tall = scale * (source ? block.growth_rate : block.channels);
    y -= tall;
    const isNew = source === index;
    return segment({ x, y, wide, tall }, source, textures, isNew);
  });
  const fresh = index === made && index > 0;
  const label = index === 0
    ? `What enters: ${block.channels} channels`
    : `Layer ${index}: reads ${reads(block, index)} channels, adds ` +
      `${block.growth_rate}`;
  return fill(choosable(label, index === chosen, String(index),
    () => choose(index),
    s("rect", { x: x - 3, y: arcs + 2, width: wide + 6,
      height: bottom - arcs + 20, fill: "transparent", class: "dn-hit" }),
    node(index, geometry, index === chosen),
    words(centre(index), y - 6, grouped(reads(block, index + 1)), "middle"),
    ...segments.flat(),
    words(centre(index), bottom + 18, index ? `layer ${index}` : "input",
      "middle", pitchFits(geometry, index)),
  ), fresh ? { "data-fresh": true } : {}, []);
}

function pitchFits({ pitch }, index) {
  return pitch < 52 && index > 0 ? { "font-size": "12", textLength: pitch - 4,
    lengthAdjust: "spacingAndGlyphs" } : {};
}

function segment({ x, y, wide, tall }, source, textures, isNew) {
  const parts = [s("rect", {
    x, y, width: wide, height: tall, class: isNew ? "dn-new" : "dn-edge",
    fill: textures[source][1],
  })];
  if (tall >= 14) {
    // A plate under the name, so that the texture does not run through it.
    parts.push(
      s("rect", { x: x + wide / 2 - 11, y: y + tall / 2 - 7, width: 22,
        height: 14, rx: 3, fill: "var(--dn-paper)" }),
      words(x + wide / 2, y + tall / 2 + 4, mapName(source), "middle"));
  }
  return parts;
}

function node(index, { centre, arcs }, isChosen) {
  return s("g", {},
    s("circle", { cx: centre(index), cy: arcs + 14, r: 11,
      class: isChosen ? "dn-node dn-node-chosen" : "dn-node" }),
    words(centre(index), arcs + 18, mapName(index), "middle",
      isChosen ? { class: "dn-on-fill" } : {}));
}

function outline(index, { wide, centre, bottom, arcs }) {
  return s("g", { class: "dn-to-come" },
    s("circle", { cx: centre(index), cy: arcs + 14, r: 11 }),
    s("rect", { x: centre(index) - wide / 2, y: bottom - 40, width: wide,
      height: 40 }));
}

function arc(from, to, { centre, arcs, layers }) {
  const [a, b] = [centre(from), centre(to)];
  // Long arcs rise higher, the longest to the top of the picture.
  const rise = 20 + ((arcs - 34) * (to - from)) / layers;
  const top = arcs + 2;
  return {
    d: `M${a},${top}C${a},${top - 1.3 * rise} ${b},${top - 1.3 * rise} ` +
      `${b},${top}`,
    middle: [(a + b) / 2, top - 0.975 * rise],
  };
}

function faintArcs(made, chosen, geometry) {
  const drawn = [];
  for (let to = 1; to <= made; to += 1) {
    for (let from = 0; from < to; from += 1) {
      if (to !== chosen) {
        const { d } = arc(from, to, geometry);
        drawn.push(s("path", { d, class: "dn-arc" }));
      }
    }
  }
  return drawn;
}

function feedingArcs(block, chosen, geometry) {
  const sources = Array.from({ length: chosen }, (_, from) => from);
  const paths = sources.map((from) => {
    const { d } = arc(from, chosen, geometry);
    return s("path", { d, class: "dn-arc dn-arc-chosen" });
  });
  const numbers = sources.flatMap((from) => {
    const { middle: [x, y] } = arc(from, chosen, geometry);
    const count = String(from ? block.growth_rate : block.channels);
    const wide = 8 * count.length + 6;
    return [
      s("rect", { x: x - wide / 2, y: y - 8, width: wide, height: 16, rx: 3,
        fill: "var(--dn-paper)" }),
      words(x, y + 4, count, "middle"),
    ];
  });
  return [...paths, ...numbers];
}
