// Typeset TeX with MathJax: JSON in on stdin, JSON out on stdout.
//
//   in:  [[tex, display], ...]
//   out: { html: [...], css: "..." }
//
// The style sheet holds what these formulas need, and no more.

const [es5, fonts] = process.argv.slice(2);

const settings = {
  loader: {
    load: ["input/tex-full", "output/chtml", "adaptors/liteDOM",
      "a11y/assistive-mml"],
    paths: { mathjax: es5 },
  },
  // MathJax remarks on stdout that a component of its own tells no version.
  options: { enableMenu: false },
  chtml: { fontURL: fonts, adaptiveCSS: true },
};
settings.loader.versionWarnings = false;

require(`${es5}/node-main.js`).init(settings).then((MathJax) => {
  const { adaptor } = MathJax.startup;
  const input = JSON.parse(require("fs").readFileSync(0, "utf-8"));
  const html = input.map(([tex, display]) =>
    adaptor.outerHTML(MathJax.tex2chtml(tex, { display })));
  const css = adaptor.textContent(MathJax.chtmlStylesheet());
  process.stdout.write(JSON.stringify({ html, css }));
}).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
