"""Progress: on a terminal a line that ends at the total, else nothing."""

import pytest

from densenet_lib.progress import Progress


@pytest.fixture
def terminal(capsys, monkeypatch):
    # After capsys, which puts its own stream in place.
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)


def test_a_terminal_sees_the_total_at_the_end(terminal, capsys):
    with Progress("fetching", 3_000_000, scale=1e6, unit="MB") as progress:
        for done in range(0, 3_000_001, 1000):
            progress.update(done)
    lines = capsys.readouterr().err.split("\r")
    assert lines[-1] == "fetching: 3 of 3 MB\n"
    assert len(lines) < 100  # not one for each of 3,000 updates


def test_elsewhere_there_is_silence(capsys):
    with Progress("fetching", 2) as progress:
        progress.update(2)
    assert capsys.readouterr() == ("", "")
