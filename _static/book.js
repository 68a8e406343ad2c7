// What the pages do by themselves: pictures, buttons, boxes that scroll.
// (What densenet_lib makes move has scripts of its own.)
{
  // The hidden frames of a slider are not loaded with the page, but as soon as
  // a hand or the focus comes near: then none flickers.
  const load = (group) => {
    for (const frame of group.querySelectorAll("img")) {
      frame.loading = "eager";
      frame.decoding = "sync";
    }
  };

  for (const group of document.querySelectorAll(".explore")) {
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
