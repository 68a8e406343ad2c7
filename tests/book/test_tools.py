"""What tools/execute.py and tools/repository.py refuse and keep."""

import re
import shutil

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4 import new_output as output

from tools import chapters, fresh, repository

PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "A plot."}
WORDS = {"image/png": {"alt": "A plot."}}


def _normalised(*outputs, **metadata):
    cell = new_code_cell("1", outputs=list(outputs), metadata=metadata)
    return chapters.normalise(new_notebook(cells=[cell])).cells[0]


def _stream(text, name="stdout"):
    return output("stream", name=name, text=text)


@pytest.mark.parametrize(
    ("unwanted", "reason"),
    [
        (output("error", ename="KeyError", evalue="k"), "fails: KeyError"),
        (_stream("careful", "stderr"), "writes to stderr: careful"),
        (_stream("saved to /opt/x.png"), "a path of this machine"),
        (_stream("from pythonhosted.org/packages"), "a package registry"),
        (_stream("<object at 0x7f0a12cd>"), "an address in memory"),
        (output("display_data", PICTURE), "without alternative text"),
        (
            output("display_data", {"text/html": "see /opt/x"}),
            "text/html, shows a path",
        ),
    ],
)
def test_what_must_not_be_committed_is_refused(unwanted, reason):
    with pytest.raises(chapters.Refusal, match=reason):
        _normalised(unwanted)


def test_two_pictures_in_a_cell_are_refused():
    picture = output("display_data", PICTURE, metadata=WORDS)
    with pytest.raises(chapters.Refusal, match="2 pictures"):
        _normalised(picture, picture)


def test_fractions_and_relative_paths_are_no_paths_of_a_machine():
    _normalised(_stream("images/s 3/4 data/runs/opt/x and/or"))


def test_the_picture_s_words_reach_the_page():
    picture = output("display_data", PICTURE, metadata=WORDS)
    cell = _normalised(picture, mystnb={"image": {"width": "50%"}})
    expected = {"image": {"width": "50%", "alt": "A plot."}}
    assert cell.metadata["mystnb"] == expected


def test_what_changes_from_run_to_run_is_dropped():
    view = {"text/plain": "x", chapters.WIDGET_VIEW: {"model_id": "17"}}
    cell = _normalised(
        _stream("a"),
        _stream("b"),
        output("display_data", view),
        execution={"iopub.status.busy": "now"},
    )
    assert [dict(o) for o in cell.outputs] == [
        {"output_type": "stream", "name": "stdout", "text": "ab"},
        {"output_type": "display_data", "data": {"text/plain": "x"}}
        | {"metadata": {}},
    ]
    assert cell.metadata == {}


def test_a_source_and_its_notebook_are_compared_without_what_was_added():
    bare = new_notebook(cells=[new_markdown_cell("a"), new_code_cell("b")])
    words = {"mystnb": {"image": {"alt": "A plot."}}}
    full = new_notebook(
        cells=[new_markdown_cell("a"), new_code_cell("b", metadata=words)]
    )
    assert chapters.without_outputs(full) == chapters.without_outputs(bare)
    full.cells[1].source = "c"
    assert chapters.without_outputs(full) != chapters.without_outputs(bare)


def test_the_back_ends_are_tested_with_the_versions_of_the_lock():
    locked = _pins("requirements.lock")
    pinned = _pins("requirements-backends.txt")
    assert pinned["keras"] == locked["keras"]
    assert pinned["numpy"] <= locked["numpy"]


def _pins(name):
    """The versions that a file of requirements names for each package."""
    pins = {}
    text = (repository.ROOT / name).read_text("utf-8")
    for package, version in re.findall(r"^([\w-]+)==(\S+)", text, re.M):
        pins.setdefault(package, set()).add(version)
    return pins


@pytest.fixture
def copy(tmp_path):
    """The files that say where the repository is."""
    for path in repository.places():
        target = tmp_path / path.relative_to(repository.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def test_moving_changes_the_address_everywhere(copy):
    old = repository.current(copy)
    before = {path: path.read_text() for path in repository.places(copy)}
    repository.move("https://github.com/ada/book-2", copy)
    assert repository.current(copy) == "ada/book-2"
    for path, text in before.items():
        assert old not in path.read_text()
        assert path.read_text().count("ada/book-2") == text.count(old)


def test_moving_back_leaves_no_trace(copy):
    old = repository.current(copy)
    before = {path: path.read_text() for path in repository.places(copy)}
    repository.move("https://github.com/ada/book.git/", copy)
    repository.move(f"https://github.com/{old}", copy)
    assert before == {p: p.read_text() for p in repository.places(copy)}


@pytest.mark.parametrize(
    "url", ["", "ada/book", "https://example.org/ada/book", "http://x"]
)
def test_an_address_that_colab_cannot_open_is_refused(url, copy):
    with pytest.raises(SystemExit, match="expected https://github.com/"):
        repository.move(url, copy)


@pytest.mark.parametrize(
    "place", ["_config.yml", "pyproject.toml", "CITATION.cff", "README.md"]
)
def test_the_address_is_the_same_in_all_places(place):
    address = f"https://github.com/{repository.current()}"
    assert address in (repository.ROOT / place).read_text("utf-8")


def test_the_address_is_in_no_place_that_moving_would_miss():
    known = set(repository.places())
    address = repository.current().encode()
    for folder in ("", "chapters", *OTHER_FOLDERS):
        depth = "**/*" if folder in OTHER_FOLDERS else "*"
        for path in (repository.ROOT / folder).glob(depth):
            if path.is_file() and path not in known:
                assert address not in path.read_bytes(), path


OTHER_FOLDERS = (
    ".ci",
    ".github",
    "_extra",
    "_static",
    "api",
    "benchmarks",
    "data",
    "densenet_lib",
    "tests",
    "tools",
)


def test_what_is_made_of_the_same_files_is_not_made_again(tmp_path):
    source, folder, calls = tmp_path / "a", tmp_path / "made", []
    source.write_text("1")
    for _ in range(2):
        fresh.made(folder, [source], lambda: calls.append(folder.is_dir()))
    assert calls == [True]
    source.write_text("2")
    fresh.made(folder, [source], lambda: calls.append("again"))
    assert calls == [True, "again"]


def test_what_failed_is_made_again(tmp_path):
    source, calls = tmp_path / "a", []
    source.write_text("1")
    with pytest.raises(ZeroDivisionError):
        fresh.made(tmp_path / "made", [source], lambda: 1 / 0)
    fresh.made(tmp_path / "made", [source], lambda: calls.append(1))
    assert calls == [1]
