// Not a module: from a file, a browser runs no modules. This is what it runs.
if (location.protocol === "file:") {
  document.querySelector("#try-it [data-part='unserved']").hidden = false;
}
