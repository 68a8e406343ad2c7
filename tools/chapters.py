"""Chapters as files: where they lie, how a source becomes a notebook."""

import json
import re
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
SOURCES = CHAPTERS / "source"

METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# What no committed output may hold: absolute paths of the machine that ran
# it, addresses of package registries, addresses of objects in memory.
FORBIDDEN = {
    "a path of this machine": re.compile(
        r"(?<![\w.])/(home|root|tmp|work|Users|usr|opt|var|mnt|private)/"
        r"|\b[A-Z]:\\Users"
    ),
    "a package registry": re.compile(r"pypi|pythonhosted|conda\.anaconda"),
    "an address in memory": re.compile(r"\bat 0x[0-9a-f]{6,}"),
}


class Refusal(Exception):
    """An output that must not be committed."""


def sources(names=()):
    """Paths of the sources of these chapters, or of all; in book order."""
    found = {path.stem: path for path in sorted(SOURCES.glob("*.md"))}
    unknown = set(map(_stem, names)) - set(found)
    if unknown:
        raise SystemExit(
            f"no chapter {', '.join(sorted(unknown))}; "
            f"there are: {', '.join(found)}"
        )
    wanted = [_stem(name) for name in names] or found
    return [found[name] for name in wanted]


def _stem(name):
    return Path(name).stem


def notebook_path(source):
    """Where the notebook of a source lies."""
    return CHAPTERS / f"{source.stem}.ipynb"


def from_source(path):
    """The notebook that a source describes, without outputs."""
    notebook = jupytext.reads(path.read_text("utf-8"), fmt="md:myst")
    notebook.metadata = nbformat.from_dict(METADATA)
    _identify(notebook.cells)
    return notebook


def _identify(cells):
    """Number the cells: the format asks for identifiers, chance gives others
    each time.
    """
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number:03d}"


def normalise(notebook):
    """Keep of an executed notebook what the next execution gives again.

    Raises:
        Refusal: an output that must not be committed.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.metadata.pop("execution", None)  # when it ran
        cell.execution_count = number
        cell.outputs = _coalesced(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
            # Views name a model in the kernel that made them. What they show
            # is in the same output as HTML.
            output.get("data", {}).pop(WIDGET_VIEW, None)
        _check(cell, f"code cell {number}")
        _describe_picture(cell, f"code cell {number}")
    return notebook


def _coalesced(outputs):
    """Neighbouring pieces of one stream as one: they arrive by chance."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if (
            last is not None
            and output.output_type == "stream" == last.output_type
            and output.name == last.name
        ):
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _check(cell, where):
    for output in cell.outputs:
        if output.output_type == "error":
            raise Refusal(f"{where} fails: {output.ename}: {output.evalue}")
        if output.get("name") == "stderr":
            raise Refusal(f"{where} writes to stderr: {output.text}")
        for kind, text in texts(output):
            for what, pattern in FORBIDDEN.items():
                match = pattern.search(text)
                if match:
                    line = text[max(0, match.start() - 60) : match.end() + 60]
                    raise Refusal(f"{where}, {kind}, shows {what}: …{line}…")


def texts(output):
    """(kind, text) of all that an output says, pictures' bytes left out."""
    if "text" in output:
        yield "stream", output.text
    for kind, value in output.get("data", {}).items():
        if kind.startswith("image/"):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        yield kind, re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,", text)


def pictures(cell):
    """Outputs of a cell that are pictures."""
    return [
        output
        for output in cell.outputs
        if any(kind.startswith("image/") for kind in output.get("data", {}))
    ]


def _describe_picture(cell, where):
    """Copy a picture's alternative text to where the book's page reads it.

    MyST-NB reads it from the cell, one for all pictures of the cell: hence
    one picture a cell.
    """
    found = pictures(cell)
    if not found:
        return
    if len(found) > 1:
        raise Refusal(f"{where} shows {len(found)} pictures: one a cell")
    alt = found[0].metadata.get("image/png", {}).get("alt")
    if not alt:
        raise Refusal(f"{where} shows a picture without alternative text")
    options = cell.metadata.setdefault("mystnb", {})
    options.setdefault("image", {})["alt"] = alt


def without_outputs(notebook, kind=None):
    """(kind, source, metadata) of each cell: what its source must equal.

    Args:
        notebook: the notebook.
        kind: "code" or "markdown" for the cells of that kind alone.
    """
    cells = []
    for cell in notebook.cells:
        if kind not in (None, cell.cell_type):
            continue
        metadata = json.loads(json.dumps(cell.metadata))
        options = metadata.get("mystnb", {})
        options.get("image", {}).pop("alt", None)
        if not options.get("image", True):
            del options["image"]
        if not metadata.get("mystnb", True):
            del metadata["mystnb"]
        cells.append((cell.cell_type, cell.source, metadata))
    return cells


def read(path):
    """The notebook in a file."""
    return nbformat.read(path, as_version=4)


def to_text(notebook):
    """The notebook as its file has it: keys sorted, a newline at the end."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"
