// What the front ends share: elements, controls, numbers in words.

export const SVG = "http://www.w3.org/2000/svg";

// An HTML element. A property that starts with "on" is a listener; all others
// are attributes, of which false, null and undefined are left out.
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// An SVG element, in the same way.
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

export function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (name === "style") {
      // A strict Content-Security-Policy forbids the attribute, not this.
      element.style.cssText = value;
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// 7978856 -> "7,978,856"
export function grouped(number) {
  return number.toLocaleString("en-GB", { maximumFractionDigits: 0 });
}

// 7978856 -> "7.98 M"; three digits.
export function short(number) {
  const units = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
  const [size, unit] = units.find(([size]) => number >= size) ?? [1, ""];
  return `${Number((number / size).toPrecision(3))}${unit}`;
}

// A labelled slider over a list of values; onchange is called with the value.
export function slider(label, values, value, onchange) {
  // The slider says its value; said twice, it would be in the way.
  const output = h("output", { "aria-live": "off" }, String(value));
  const input = h("input", {
    type: "range", min: 0, max: values.length - 1, step: 1,
    value: values.indexOf(value), autocomplete: "off",
    "aria-valuetext": String(value),
    oninput: () => {
      const chosen = values[Number(input.value)];
      output.textContent = String(chosen);
      input.setAttribute("aria-valuetext", String(chosen));
      onchange(chosen);
    },
  });
  return h("label", { class: "dn-control" }, label, input, output);
}

// A labelled menu over [value, text] pairs.
export function menu(label, pairs, value, onchange) {
  const select = h("select", {
    autocomplete: "off",
    onchange: () => onchange(pairs[select.selectedIndex][0]),
  }, ...pairs.map(([item, text]) =>
    h("option", { selected: item === value }, text)));
  return h("label", { class: "dn-control" }, label, select);
}

// A labelled box to tick.
export function tick(label, value, onchange) {
  const input = h("input", {
    type: "checkbox", checked: value, autocomplete: "off",
    onchange: () => onchange(input.checked),
  });
  return h("label", { class: "dn-control" }, input, label);
}

// Words that a screen reader says when they change.
export function status() {
  return h("p", { class: "dn-status", role: "status" });
}

// A button.
export function button(label, onclick) {
  return h("button", { type: "button", onclick }, label);
}

// A labelled field for a whole number; what is out of its range waits.
export function field(label, value, [min, max], onchange) {
  const input = h("input", {
    type: "number", min, max, step: 1, value, autocomplete: "off",
    oninput: () => {
      if (input.value !== "" && input.checkValidity()) {
        onchange(Number(input.value));
      }
    },
  });
  return h("label", { class: "dn-control" }, label, input);
}

// A table of text: the first row and the first cell of each row are headings,
// but for an empty one in the corner, which heads nothing.
export function table(caption, [heading, ...rows]) {
  return h("table", {},
    caption && h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...heading.map((text) =>
      text ? h("th", { scope: "col" }, text) : h("td")))),
    h("tbody", {}, ...rows.map(([first, ...cells]) => h("tr", {},
      h("th", { scope: "row" }, first),
      ...cells.map((text) => h("td", {}, text))))));
}

// Pixels: in a place narrower than that there is nothing to be seen.
const LEAST = 160;

// A place for a drawing that depends on the width: draw(width) gives the
// elements, again after redraw() and whenever the width changes. The focus
// stays on the element with the same data-key.
export function drawing(draw) {
  const place = h("div", { class: "dn-drawing" });
  let width = 0;
  const redraw = () => {
    if (width < LEAST) {
      return; // not on the page yet, or being laid out
    }
    const active = place.getRootNode().activeElement;
    const key = place.contains(active) ? active.dataset.key : undefined;
    place.replaceChildren(...[draw(width)].flat());
    if (key !== undefined) {
      place.querySelector(`[data-key="${key}"]`)?.focus();
    }
  };
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now !== width) {
      width = now;
      redraw();
    }
  }).observe(place);
  return { place, redraw };
}

// The root of a drawing: as many units as it has pixels.
export function canvas(width, height, properties, ...children) {
  return s("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, ...properties,
  }, ...children);
}

// Words in a drawing; anchor is "start", "middle" or "end".
export function words(x, y, text, anchor = "start", properties = {}) {
  return s("text", { x, y, "text-anchor": anchor, ...properties }, text);
}

// A part of a drawing that can be chosen by mouse, by Tab, Enter and Space.
// Its words are drawn beside the button, not in it: the label says more than
// they do, and a button should not be called two things.
export function choosable(label, pressed, key, choose, ...children) {
  const button = s("g", {
    class: "dn-choosable", role: "button", tabindex: 0, "data-key": key,
    "aria-label": label, "aria-pressed": String(pressed),
    onclick: choose,
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose();
      }
    },
  }, ...children);
  const texts = [...button.querySelectorAll("text")];
  return s("g", {}, button,
    s("g", { class: "dn-caption", "aria-hidden": "true" }, ...texts));
}

// A name that nothing else on the page has, not even in another front end.
export function unique() {
  return `dn-${Math.random().toString(36).slice(2)}`;
}

// Whether a key is meant for the browser: Alt and an arrow, say, goes back.
export function modified(event) {
  return event.altKey || event.ctrlKey || event.metaKey;
}

// The values of a slider, with one more if it is not among them.
export function including(values, value) {
  return [...new Set([...values, value])].sort((a, b) => a - b);
}

// Oblique lines to fill with, so that colour is not all that tells; gives
// [definition, what to fill with].
export function hatching(colour, angle = 45, gap = 6) {
  const id = unique();
  const definition = s("pattern", {
    id, width: gap, height: gap, patternUnits: "userSpaceOnUse",
    patternTransform: `rotate(${angle})`,
  },
  s("rect", { width: gap, height: gap, fill: "var(--dn-paper)" }),
  s("rect", { width: gap / 2, height: gap, fill: colour }));
  return [definition, `url(#${id})`];
}

// 12, 3, 7 -> "12, 3 and 7"
export function listed(items) {
  const all = items.map(String);
  const last = all.pop();
  return all.length === 0 ? last : `${all.join(", ")} and ${last}`;
}

// 0.4213 -> "42 %"
export function percent(share) {
  if (share > 0 && share < 0.001) {
    return "under 0.1 %";
  }
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}
