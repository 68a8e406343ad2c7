"""Put MathJax where the book's build takes it from: _build/extra/mathjax.

    python tools/mathjax.py

A page that loads its mathematics from another host shows raw LaTeX without
one. The package django-static-mathjax carries MathJax's files (Apache 2.0);
nothing else of it is used.
"""

import shutil
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = "django-static-mathjax"
INSIDE = "mathjax/static/mathjax/es5"
# The component that reads TeX and writes HTML, what it loads for rarer
# macros, and its fonts.
PARTS = ("tex-mml-chtml.js", "input/tex/extensions", "output/chtml/fonts")
TARGET = Path(__file__).resolve().parent.parent / "_build/extra/mathjax"


def main():
    """Copy the parts."""
    source = Path(distribution(PACKAGE).locate_file(INSIDE))
    for part in PARTS:
        target = TARGET / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / part, target)


if __name__ == "__main__":
    main()
