// What the pages do by themselves: sliders, buttons, boxes that scroll.
// (densenet_lib.widgets has its own modules.)
{
  // The controls of notebook.explore, and the frame that they choose. The
  // frames lie in the order of a product: the last control runs fastest.
  const choose = (group) => {
    let index = 0;
    for (const control of group.querySelectorAll("input, select")) {
      const value = Number(control.value);
      index = index * Number(control.dataset.count) + value;
      const said = JSON.parse(control.dataset.labels)[value];
      const output = control.parentElement.querySelector("output");
      if (output) {
        output.textContent = said;
        control.setAttribute("aria-valuetext", said);
      }
    }
    group.querySelectorAll("img").forEach((frame, number) => {
      frame.hidden = number !== index;
    });
  };

  // Hidden frames are not loaded with the page, but as soon as a hand or the
  // focus comes near: then none flickers.
  const load = (group) => {
    for (const frame of group.querySelectorAll("img")) {
      frame.loading = "eager";
      frame.decoding = "sync";
    }
  };

  for (const group of document.querySelectorAll(".explore")) {
    group.addEventListener("input", () => choose(group));
    for (const near of ["pointerenter", "focusin", "touchstart"]) {
      const options = { once: true, passive: true };
      group.addEventListener(near, () => load(group), options);
    }
  }

  const actions = {
    print: () => window.print(),
    fullscreen: () =>
      document.fullscreenElement
        ? document.exitFullscreen()
        : document.documentElement.requestFullscreen(),
  };
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }

  // What scrolls sideways can be reached, and pushed, with the keyboard.
  const boxes = document.querySelectorAll(
    "article pre, article div.math, mjx-container, .cell_output, " +
      ".pst-scrollable-table-container, .output",
  );
  const reach = () => {
    for (const box of boxes) {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };
  new ResizeObserver(reach).observe(document.body);
}
