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
  const units = [[1e9, " G"], [1e6, " M"], [1e3, " k"]];
  const [size, unit] = units.find(([size]) => number >= size) ?? [1, ""];
  return `${Number((number / size).toPrecision(3))}${unit}`;
}

// A labelled slider over a list of values; onchange is called with the value.
export function slider(label, values, value, onchange) {
  const output = h("output", {}, String(value));
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
