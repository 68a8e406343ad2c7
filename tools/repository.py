"""Move the book to another address.

    python tools/repository.py https://github.com/OWNER/NAME

The setting ``repository: url:`` of ``_config.yml`` is the truth. Wherever the
address is repeated, it is as OWNER/NAME, and this replaces it there.
Standard library only: it runs before anything is installed.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Every file that may say where the repository is.
PLACES = (
    "_config.yml",
    "pyproject.toml",
    "CITATION.cff",
    "README.md",
    "intro.md",
    "chapters/*.md",
    "chapters/*.ipynb",
    "chapters/source/*.md",
)
SETTING = re.compile(r"^  url: https://github\.com/(\S+)$", re.MULTILINE)
ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def current(root=ROOT):
    """OWNER/NAME, as ``_config.yml`` has it."""
    return SETTING.search((root / "_config.yml").read_text("utf-8"))[1]


def places(root=ROOT):
    """The files that may repeat the address."""
    return sorted(path for place in PLACES for path in root.glob(place))


def move(url, root=ROOT):
    """Change the address everywhere; gives back the files that changed."""
    match = ADDRESS.fullmatch(url)
    if not match:
        # Colab opens notebooks of GitHub only, and the badges lead there.
        raise SystemExit(
            f"URL is {url!r}; expected https://github.com/OWNER/NAME. "
            "Say: make repository URL=https://github.com/OWNER/NAME"
        )
    old = re.compile(rf"(?<![\w.-]){re.escape(current(root))}(?![\w-])")
    changed = []
    for path in places(root):
        text = path.read_text("utf-8")
        moved = old.sub(match[1], text)
        if moved != text:
            path.write_text(moved, "utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    for path in move("".join(sys.argv[1:])):
        print(path.relative_to(ROOT))
