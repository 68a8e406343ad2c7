"""What holds for every chapter that is committed."""

import copy
import re

import pytest
import yaml

from tools import chapters, repository

SETUP = """\
try:
    import densenet_lib
except ImportError:  # alone, as in Colab: install what the chapters share
    %pip install --quiet "densenet-lib @ git+https://github.com/{address}"
    import densenet_lib"""
BADGE = (
    "[![Open in Colab](images/open-in-colab.svg)]"
    "(https://colab.research.google.com/github/{address}"
    "/blob/main/chapters/{name}.ipynb)"
)
KINDS = {
    "text/plain",
    "text/html",
    "text/markdown",
    "text/latex",
    "image/png",
}
MAX_SIZE = 4e6  # bytes: what a reader on a phone may be asked to load

SOURCES = chapters.sources()
PATHS = [chapters.notebook_path(source) for source in SOURCES]


def _name(path):
    return path.stem


# Each is read once, for the tests of one chapter follow one another.
@pytest.fixture(scope="module", params=PATHS, ids=_name)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(path):
    return chapters.read(path)


@pytest.fixture(scope="module")
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_sources_and_notebooks_are_the_same_chapters():
    assert sorted(PATHS) == sorted(chapters.CHAPTERS.glob("*.ipynb"))


def test_the_table_of_contents_names_every_chapter_once():
    toc = yaml.safe_load((chapters.ROOT / "_toc.yml").read_text("utf-8"))
    items = [item for part in toc["parts"] for item in part["chapters"]]
    listed = [
        item["file"] for item in items if item["file"].startswith("chapters/")
    ]
    pages = [*chapters.CHAPTERS.glob("*.md"), *PATHS]
    assert sorted(listed) == sorted(f"chapters/{page.stem}" for page in pages)


def test_the_notebook_says_what_its_source_says(path, notebook):
    source = chapters.SOURCES / f"{path.stem}.md"
    expected = chapters.without_outputs(chapters.from_source(source))
    assert chapters.without_outputs(notebook) == expected


def test_the_notebook_is_as_execution_writes_it(path, notebook):
    # Fails, too, on errors, stderr, paths of a machine, pictures without
    # alternative text and two pictures in a cell: normalise refuses them.
    text = chapters.to_text(chapters.normalise(copy.deepcopy(notebook)))
    assert path.read_text("utf-8") == text


def test_every_cell_has_been_executed(code):
    assert [cell.execution_count for cell in code] == [
        *range(1, 1 + len(code))
    ]


def test_pictures_are_drawings(path, code):
    kinds = {
        kind
        for cell in code
        for output in cell.outputs
        for kind in output.get("data", {})
    }
    assert kinds <= KINDS
    assert "data:image/jpeg" not in path.read_text("utf-8")


def test_a_phone_can_load_it(path):
    assert path.stat().st_size < MAX_SIZE


def test_the_badge_leads_to_the_chapter(path, notebook):
    badge = BADGE.format(address=repository.current(), name=path.stem)
    assert badge in notebook.cells[0].source
    assert (chapters.CHAPTERS / "images" / "open-in-colab.svg").is_file()


def test_the_first_code_is_the_common_setup(code):
    assert code[0].source == SETUP.format(address=repository.current())


def test_lines_of_code_fit_the_page(code):
    too_long = [
        line
        for cell in code[1:]
        for line in cell.source.splitlines()
        if len(line) > 79
    ]
    assert not too_long


def test_whatever_is_not_compared_is_checked_otherwise(code):
    for cell, following in zip(code, [*code[1:], None], strict=True):
        tags = cell.metadata.get("tags", [])
        assert not {"nbval-skip", "nbval-raises-exception"} & set(tags)
        assert "NBVAL_" not in cell.source
        if "nbval-ignore-output" in tags:
            assert re.search(r"\bassert", following.source), cell.source


def test_frames_of_sliders_have_words(code):
    for cell in code:
        for output in cell.outputs:
            page = output.get("data", {}).get("text/html", "")
            for tag in re.findall(r"<img\b[^>]*>", page):
                assert re.search(r'alt="[^"]+"', tag)
