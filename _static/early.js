// Before anything is drawn: light or dark, as the reader has chosen, or as
// the system is set. The theme's own script takes over when it arrives.
{
  const root = document.documentElement;
  let mode = "auto";
  try {
    mode = localStorage.getItem("mode") || mode;
  } catch {
    // The reader allows no storage.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const chosen = mode === "auto" ? (dark ? "dark" : "light") : mode;
  root.dataset.mode = mode;
  root.dataset.theme = chosen;
}

// What sphinx-togglebutton asks of the page.
var toggleHintShow = "Click to show";
var toggleHintHide = "Click to hide";
var toggleOpenOnPrint = "true";
var togglebuttonSelector = ".toggle, .admonition.dropdown";
