// Bring the front ends on this page to life, where no kernel does.

const here = new URL(".", import.meta.url);

// As much of anywidget's model as a page without a kernel needs.
class Model {
  constructor(state) {
    this.values = { state };
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
  }

  on() {}

  off() {}

  save_changes() {}
}

async function mount(place) {
  const url = new URL(`${place.dataset.widget}.js`, here);
  const { default: { render } } = await import(url.href);
  const state = JSON.parse(place.querySelector("script").textContent);
  const el = document.createElement("div");
  await render({ model: new Model(state), el });
  place.querySelector(".dn-alt").replaceWith(el);
}

for (const place of document.querySelectorAll(".dn-widget[data-widget]")) {
  // What fails leaves the words that stand in its place.
  mount(place).catch((error) => console.error(error));
}
