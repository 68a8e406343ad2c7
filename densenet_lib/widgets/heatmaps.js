import { h, menu, percent, slider, status, unique } from "./common.js";

// Where in a picture's sheet a map lies, and its side. The order is that of
// explained.py: method, layer, class.
export function locate(state, picture, method, layer, target) {
  let start = 0;
  for (const [index, { layered }] of state.methods.entries()) {
    const sides = layered
      ? picture.layers.map(({ side }) => side) : [picture.side];
    const wanted = index === method ? (layered ? layer : 0) : sides.length;
    for (const side of sides.slice(0, wanted)) {
      start += state.classes.length * side * side;
    }
    if (index === method) {
      return { start: start + target * sides[wanted] ** 2,
        side: sides[wanted] };
    }
  }
  throw new RangeError("no such method");
}

// A square map, bilinearly at another side: both cover the same square, and
// beyond the outermost centres the value stays that of the edge.
export function enlarge(map, side, size) {
  const weights = Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * side / size - 0.5;
    const at = Math.min(side - 1, Math.max(0, centre));
    const low = Math.min(Math.floor(at), Math.max(side - 2, 0));
    return [low, Math.min(low + 1, side - 1), at - low];
  });
  const large = new Float32Array(size * size);
  weights.forEach(([top, bottom, down], row) => {
    weights.forEach(([left, right, along], column) => {
      const between = (line) => (1 - along) * map[line * side + left]
        + along * map[line * side + right];
      large[row * size + column] = (1 - down) * between(top)
        + down * between(bottom);
    });
  });
  return large;
}

// A map as attribution.explain gives it: enlarged, its largest value 1.
export function heatOf(map, side, size) {
  const large = enlarge(map, side, size);
  const peak = large.reduce((most, value) => Math.max(most, value), 0);
  return peak > 0 ? large.map((value) => value / peak) : large;
}

// The picture in grey with the heat laid over it, as attribution.overlay:
// rgba bytes from rgba bytes.
export function overlay(image, heat, colours, luma, strength) {
  const mixed = new Uint8ClampedArray(image.length);
  heat.forEach((value, i) => {
    const share = strength * value;
    const colour = 3 * Math.min(255, Math.floor(256 * value));
    let grey = 0;
    for (let c = 0; c < 3; c += 1) {
      grey += luma[c] * image[4 * i + c];
    }
    for (let c = 0; c < 3; c += 1) {
      mixed[4 * i + c] = (1 - share) * grey + share * colours[colour + c];
    }
    mixed[4 * i + 3] = 255;
  });
  return mixed;
}

// The share of the heat that lies where the mask is set, and of the picture
// that the mask covers.
export function inside(heat, mask) {
  let [all, within, covered] = [0, 0, 0];
  heat.forEach((value, i) => {
    all += value;
    within += mask[i] ? value : 0;
    covered += mask[i] ? 1 : 0;
  });
  return { heat: within / all, area: covered / heat.length };
}

// "upper left", for the largest value of a map.
export function strongest(heat, size) {
  const at = heat.indexOf(Math.max(...heat));
  const third = (place) => Math.min(2, Math.floor(3 * place / size));
  const row = ["upper", "middle", "lower"][third(Math.floor(at / size))];
  const column = ["left", "centre", "right"][third(at % size)];
  return row === "middle" && column === "centre"
    ? "in the centre" : `at the ${row} ${column}`;
}

// The pixels of a PNG in a data URL: rgba bytes.
async function pixels(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = h("canvas", { width: image.width, height: image.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data;
}

async function firstChannel(url) {
  const data = await pixels(url);
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}

async function unpacked(picture) {
  const [image, sheet, mask] = await Promise.all([
    pixels(picture.picture), firstChannel(picture.sheet),
    picture.mask && firstChannel(picture.mask),
  ]);
  // Some browsers blur what is read from a canvas, against fingerprinting.
  if (sheet.reduce((sum, value) => sum + value, 0) !== picture.sum) {
    throw new Error(`the maps of ${picture.name} cannot be read here`);
  }
  return { ...picture, image, sheet, mask };
}

function paint(canvas, bytes, size) {
  canvas.width = size;
  canvas.height = size;
  canvas.getContext("2d").putImageData(new ImageData(bytes, size, size), 0, 0);
}

// Radio buttons: items [text, element above it]; arrow keys go through them.
function choice(title, kind, items, chosen, onchange) {
  const name = unique();
  return h("fieldset", { class: kind }, h("legend", {}, title),
    ...items.map(([text, ...above], index) => h("label", {}, ...above,
      h("span", {}, h("input", {
        type: "radio", name, checked: index === chosen, autocomplete: "off",
        onchange: () => onchange(index),
      }), text))));
}

export async function render({ model, el }) {
  const state = model.get("state");
  const colours = Uint8Array.from(atob(state.colours), (c) => c.charCodeAt(0));
  const pictures = await Promise.all(state.pictures.map(unpacked));
  const at = { picture: 0, method: 0, target: 0, layer: 0, strength: 0.6 };
  at.layer = pictures[0].layers.length - 1;
  at.target = Number(pictures[0].logit > 0);

  const words = status();
  const plain = h("canvas", { role: "img", class: "dn-picture" });
  const heated = h("canvas", { role: "img", class: "dn-picture" });
  const strip = h("div");
  const note = h("p", { class: "dn-hint" });

  const picture = () => pictures[at.picture];
  const method = () => state.methods[at.method];

  function mapAt(layer) {
    const { start, side } = locate(state, picture(), at.method, layer,
      at.target);
    return { side, map: picture().sheet.slice(start, start + side * side) };
  }

  function heatAt(layer) {
    const { map, side } = mapAt(layer);
    return heatOf(map, side, picture().side);
  }

  // Each layer's map as it is, pixel by pixel: how coarse it is can be seen.
  function thumbnail(layer) {
    const { map, side } = mapAt(layer);
    const bytes = new Uint8ClampedArray(4 * side * side);
    map.forEach((value, i) => {
      bytes.set([...colours.slice(3 * value, 3 * value + 3), 255], 4 * i);
    });
    const canvas = h("canvas", { "aria-hidden": "true" });
    paint(canvas, bytes, side);
    return canvas;
  }

  function restrip() {
    note.textContent = method().note;
    strip.replaceChildren(method().layered
      ? choice("Layer, from the first to the last", "dn-layers",
        picture().layers.map(({ name, side }, layer) =>
          [` ${name}, ${side} × ${side}`, thumbnail(layer)]),
        at.layer, (layer) => {
          at.layer = layer;
          draw();
        })
      : "");
  }

  function draw() {
    const { image, name, side, mask } = picture();
    const heat = heatAt(at.layer);
    const target = state.classes[at.target];
    paint(plain, image, side);
    paint(heated, overlay(image, heat, colours, state.luma, at.strength),
      side);
    plain.setAttribute("aria-label", name);
    heated.setAttribute("aria-label",
      `${name} in grey, under the heat that speaks for ${target}`);
    words.textContent = inWords(heat, target, mask);
  }

  function inWords(heat, target, mask) {
    const { layers, logit, side } = picture();
    const where = method().layered ? ` at ${layers[at.layer].name}` : "";
    const text = [`${method().name}${where}, for ${target}:`];
    if (heat.some((value) => value > 0)) {
      text.push(`the strongest place is ${strongest(heat, side)}.`);
      if (mask) {
        const share = inside(heat, mask);
        text.push(`${percent(share.heat)} of the heat lies on the animal, `
          + `which fills ${percent(share.area)} of the picture.`);
      }
    } else {
      text.push("the map is empty, nothing speaks for it.");
    }
    text.push(`The network says ${state.classes[Number(logit > 0)]}: `
      + `logit ${String(logit).replace("-", "−")}.`);
    return text.join(" ");
  }

  function change(name, value) {
    at[name] = value;
    at.layer = Math.min(at.layer, picture().layers.length - 1);
    restrip();
    draw();
  }

  // A layer of the same name, or the last one, when the picture changes.
  function changePicture(index) {
    const { name } = picture().layers[at.layer];
    at.picture = index;
    const same = picture().layers.findIndex((layer) => layer.name === name);
    change("layer", same < 0 ? picture().layers.length - 1 : same);
  }

  const numbered = (items) => items.map(({ name }, index) => [index, name]);
  const tenths = Array.from({ length: 11 }, (_, i) => i / 10);
  el.append(h("div", { class: "dn dn-heatmaps" },
    h("div", { class: "dn-controls" },
      menu("Picture", numbered(pictures), 0, changePicture),
      menu("Method", numbered(state.methods), 0,
        (value) => change("method", value)),
      slider("Strength of the heat", tenths, at.strength, (value) => {
        at.strength = value;
        draw();
      })),
    choice("What speaks for", "dn-choice",
      state.classes.map((name) => [` ${name}`]), at.target,
      (value) => change("target", value)),
    note,
    h("div", { class: "dn-boards" },
      h("div", { class: "dn-panel" },
        h("div", { class: "dn-title" }, "The picture"), plain),
      h("div", { class: "dn-panel" },
        h("div", { class: "dn-title" }, "The heat over it"), heated)),
    h("div", { class: "dn-scale" }, "0 ",
      ramp(colours),
      " 1, each map's largest value"),
    words, strip));
  restrip();
  draw();
}

// The colours from 0 to 1.
function ramp(colours) {
  const bytes = new Uint8ClampedArray(4 * 256).fill(255);
  for (let value = 0; value < 256; value += 1) {
    bytes.set(colours.slice(3 * value, 3 * value + 3), 4 * value);
  }
  const canvas = h("canvas", {
    class: "dn-ramp", width: 256, height: 1, "aria-hidden": "true",
  });
  canvas.getContext("2d").putImageData(new ImageData(bytes, 256, 1), 0, 0);
  return canvas;
}
