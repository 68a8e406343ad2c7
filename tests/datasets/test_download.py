"""Downloads, from a server on this machine that may misbehave."""

import hashlib
import http.server
import os
import re
import threading

import pytest

from densenet_lib.datasets import cats_vs_dogs
from densenet_lib.datasets.download import (
    MICROSOFT,
    File,
    download,
    download_folder,
    fetch,
)
from densenet_lib.errors import InputError

CONTENT = bytes(range(256)) * 4000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's content, as its settings say."""

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers["Range"])
        if server.failures:
            return self.send_error(server.failures.pop(0))
        content, start = server.content, 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if match and server.knows_ranges:
            start = int(match[1])
            self.send_response(206)
            self.send_header(
                "Content-Range",
                f"bytes {start}-{len(content) - 1}/{len(content)}",
            )
        else:
            self.send_response(200)
        rest = content[start:]
        if server.says_length:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        stop = server.breaks_after.pop(0) if server.breaks_after else None
        self.wfile.write(rest[:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content = CONTENT
    server.knows_ranges = server.says_length = True
    server.breaks_after, server.failures, server.requests = [], [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def file(server):
    return File(
        f"http://127.0.0.1:{server.server_port}/folder/cats.zip",
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cats.zip"


def get(file, path, **options):
    return fetch(file, path, pause=0, **options)


def part_of(path):
    return path.with_name("cats.zip.part")


def test_a_whole_file(file, path, server):
    assert get(file, path) == path
    assert path.read_bytes() == CONTENT
    assert server.requests == [None]
    assert not part_of(path).exists()


def test_a_file_that_is_there_is_checked_and_not_fetched(file, path, server):
    path.write_bytes(CONTENT)
    assert get(file, path) == path
    assert server.requests == []


def test_what_an_earlier_call_has_left_is_gone_on_with(file, path, server):
    part_of(path).write_bytes(CONTENT[:1000])
    get(file, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


def test_a_complete_part_needs_no_network(file, path, server):
    part_of(path).write_bytes(CONTENT)
    assert get(file, path).read_bytes() == CONTENT
    assert server.requests == []


def test_a_server_that_ignores_ranges_starts_anew(file, path, server):
    server.knows_ranges = False
    part_of(path).write_bytes(CONTENT[:1000])
    get(file, path)
    assert path.read_bytes() == CONTENT


def test_a_connection_that_breaks_off_is_taken_up_again(file, path, server):
    server.breaks_after = [300_000, 200_000]
    get(file, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=500000-"]


def test_without_a_length_a_break_is_noticed_too(file, path, server):
    server.says_length = False
    server.breaks_after = [300_000]
    get(file, path)
    assert path.read_bytes() == CONTENT


def test_one_that_keeps_breaking_off_leaves_the_part_for_later(
    file, path, server
):
    server.breaks_after = [1000] * 3
    with pytest.raises(InputError, match="broken off at 3000.*goes on"):
        get(file, path, attempts=3)
    assert part_of(path).read_bytes() == CONTENT[:3000]
    assert not path.exists()
    assert get(file, path).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(file, path, server):
    server.failures = [503, 429]
    assert get(file, path).read_bytes() == CONTENT


def test_a_file_that_is_gone_is_not_asked_for_again(file, path, server):
    server.failures = [404]
    with pytest.raises(InputError, match="404.*moved"):
        get(file, path)
    assert len(server.requests) == 1


def test_no_server_at_all(file, path, server):
    closed = File("http://127.0.0.1:9/cats.zip", file.size, file.sha256)
    with pytest.raises(InputError, match="refused.*Check the connection"):
        get(closed, path, attempts=2)


def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    file, path, server
):
    server.content = b"<html>Sign in to this network</html>"
    with pytest.raises(InputError, match=f"size.*{len(CONTENT)} bytes"):
        get(file, path)
    assert not part_of(path).exists()


def test_a_wrong_file_of_the_right_size_is_put_aside(file, path, server):
    server.content = CONTENT[::-1]
    with pytest.raises(InputError, match="SHA-256.*Fetch it again"):
        get(file, path)
    assert not path.exists() and not part_of(path).exists()
    assert path.with_name("cats.zip.wrong").exists()
    server.content = CONTENT
    assert get(file, path).read_bytes() == CONTENT


def test_a_spoilt_file_at_the_end_of_the_way_is_put_aside(file, path):
    path.write_bytes(b"spoilt")
    with pytest.raises(InputError, match="SHA-256"):
        get(file, path)
    assert get(file, path).read_bytes() == CONTENT


def test_microsoft_s_zip_goes_where_the_loader_looks(
    server, file, monkeypatch
):
    monkeypatch.setattr("densenet_lib.datasets.download.MICROSOFT", file)
    assert download() == download_folder() / "cats.zip"
    assert cats_vs_dogs.find() is not None


def test_microsoft_s_zip_is_the_one_that_is_known():
    assert MICROSOFT.name == "kagglecatsanddogs_5340.zip"
    assert MICROSOFT.size == 824_887_076
    assert MICROSOFT.sha256.startswith("b7974bd0")


def test_an_unknown_origin_is_refused(tmp_path):
    with pytest.raises(InputError, match="'microsoft', 'kaggle'"):
        download(tmp_path, origin="elsewhere")


# --- Kaggle's client, played by a script ----------------------------------


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A function that puts a program `kaggle` on the path."""

    def install(script):
        program = tmp_path / "bin" / "kaggle"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    programs = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", programs)
    return install


def test_kaggle_s_client_is_asked_for_the_competition(client, tmp_path):
    client('echo "$@" > "$6/dogs-vs-cats.zip"')
    path = download(tmp_path, origin="kaggle")
    assert path == tmp_path / "dogs-vs-cats.zip"
    assert path.read_text().split() == [
        *("competitions", "download"),
        *("-c", "dogs-vs-cats"),
        *("-p", str(tmp_path)),
    ]


def test_what_kaggle_s_client_complains_of_is_passed_on(client, tmp_path):
    client("echo '403 - Forbidden'; exit 1")
    with pytest.raises(
        InputError, match="403 - Forbidden.*accepted the rules"
    ):
        download(tmp_path, origin="kaggle")


def test_without_kaggle_s_client_the_other_origin_is_named(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="pip install kaggle.*microsoft"):
        download(tmp_path, origin="kaggle")
