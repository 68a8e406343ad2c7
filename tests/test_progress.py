"""Progress: on a terminal a line that ends at the total, else nothing."""

import contextlib
import io

import pytest

from densenet_lib.progress import Progress, Watched


@pytest.fixture(autouse=True)
def nobody_has_said_no(monkeypatch):
    monkeypatch.delenv("DENSENET_PROGRESS", raising=False)


class Terminal(io.StringIO):
    """What is printed, as a terminal would get it."""

    def isatty(self):
        return True


def count_to_three_million():
    with Progress("fetching", 3_000_000, scale=1e6, unit="MB") as progress:
        for done in range(0, 3_000_001, 1000):
            progress.update(done)


def test_a_terminal_sees_the_total_at_the_end():
    with contextlib.redirect_stderr(Terminal()) as terminal:
        count_to_three_million()
    lines = terminal.getvalue().split("\r")
    assert lines[-1] == "fetching: 3 of 3 MB\n"
    assert len(lines) < 100  # not one for each of 3,000 updates


def test_elsewhere_there_is_silence():
    with contextlib.redirect_stderr(io.StringIO()) as pipe:
        count_to_three_million()
    assert pipe.getvalue() == ""


def test_a_notebook_sees_it_too():
    # ipykernel's stream says of itself that it is no terminal.
    watched = type("OutStream", (io.StringIO,), {})
    watched.__module__ = "ipykernel.iostream"
    with contextlib.redirect_stderr(watched()) as stream:
        count_to_three_million()
    assert "3 of 3 MB" in stream.getvalue()


def test_whoever_says_no_is_not_shown_any(monkeypatch):
    monkeypatch.setenv("DENSENET_PROGRESS", "0")
    with contextlib.redirect_stderr(Terminal()) as terminal:
        count_to_three_million()
    assert terminal.getvalue() == ""


def test_a_reader_s_place_is_shown_and_the_items_are_the_same():
    with contextlib.redirect_stderr(Terminal()) as terminal:
        with Progress("reading", 3, unit="pages") as progress:
            watched = Watched("abc", progress)
            assert len(watched) == 3
            assert [watched[place] for place in range(3)] == ["a", "b", "c"]
    assert terminal.getvalue().endswith("reading: 3 of 3 pages\n")
