"""What tools/front_ends.py installs, and how it stores it."""

import gzip
import json

from tools import front_ends

LOCK = json.loads((front_ends.NPM / "package-lock.json").read_text("utf-8"))
PACKAGES = {name: entry for name, entry in LOCK["packages"].items() if name}


def test_every_package_is_locked_by_its_checksum_and_by_no_address():
    for name, entry in PACKAGES.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name


def test_the_lock_is_of_the_exact_versions_that_are_asked_for():
    asked = json.loads((front_ends.NPM / "package.json").read_text("utf-8"))
    for name, version in (
        asked["dependencies"] | asked["devDependencies"]
    ).items():
        assert PACKAGES[f"node_modules/{name}"]["version"] == version


def test_what_is_packed_is_the_same_at_any_time(tmp_path):
    content = b"wasm" * 1000
    front_ends.pack(content, tmp_path / "a.wasm")
    front_ends.pack(content, tmp_path / "b.wasm")
    first, second = (
        (tmp_path / f"{name}.wasm.packed").read_bytes() for name in "ab"
    )
    assert first == second and len(first) < len(content)
    assert gzip.decompress(first) == content


def test_what_is_up_to_date_is_not_installed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(front_ends, "INSTALLED", tmp_path / "npm")
    calls = []
    monkeypatch.setattr(front_ends, "_npm", lambda *words: calls.append(words))
    folder = front_ends.install()
    assert front_ends.install() == folder == tmp_path / "npm/node_modules"
    [words] = calls
    assert words[0] == "ci" and "--ignore-scripts" in words
