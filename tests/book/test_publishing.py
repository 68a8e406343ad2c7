"""Workflows, the change log and what a release is made of."""

import hashlib
import re
import zipfile

import pytest
import yaml

from tools import release, repository

ROOT = repository.ROOT
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What no make target can do, and why.
ONLY_THERE = {"gh release create": "publishes on GitHub, with its token"}
OFFICIAL = "actions/"


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request):
    # YAML 1.1 reads the key "on" as true.
    return yaml.safe_load(request.param.read_text("utf-8"))


def _steps(workflow):
    return [s for job in workflow["jobs"].values() for s in job["steps"]]


def _targets():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_there_are_workflows_for_all_that_is_published():
    names = {path.stem for path in WORKFLOWS}
    assert names == {"test", "weekly", "pages", "release"}


def test_whatever_a_workflow_runs_is_a_target_of_the_makefile(workflow):
    for step in _steps(workflow):
        command = step.get("run")
        if command is None or command.startswith(tuple(ONLY_THERE)):
            continue
        assert "\n" not in command.strip()
        target = re.fullmatch(r"make ([a-z-]+)( [A-Z]+=\S.*)?", command)
        assert target and target[1] in _targets(), command


def test_actions_are_github_s_own_at_a_major_version(workflow):
    used = [step["uses"] for step in _steps(workflow) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(rf"{OFFICIAL}[\w-]+@v\d+", action)


def test_a_workflow_may_only_read_and_a_job_writes_what_it_has_to(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    writing = {
        (job, scope)
        for job, body in workflow["jobs"].items()
        for scope, level in body.get("permissions", {}).items()
        if level == "write"
    }
    allowed = {"release": {"contents"}, "deploy": {"pages", "id-token"}}
    assert all(scope in allowed.get(job, ()) for job, scope in writing)


def test_a_workflow_has_an_end_and_does_not_run_beside_itself(workflow):
    assert workflow["concurrency"]["group"]
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_what_comes_from_outside_reaches_no_command_line(workflow):
    for step in _steps(workflow):
        for found in re.findall(r"\$\{\{\s*([\w.]+)", step.get("run", "")):
            assert found.startswith("matrix."), step["run"]


def test_the_change_log_begins_with_the_version_that_there_is():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## (\S+)", text, re.MULTILINE)[1]
    assert first == release.version()
    assert release.notes(first, text)


def test_the_citation_is_of_the_version_that_there_is():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == release.version()


LOG = (
    "# Changes\n\n## 0.2.0\n\n- new\n\n### More\n\n- x\n\n## 0.1.0\n\n- old\n"
)


def test_the_notes_are_those_of_one_version():
    assert release.notes("0.2.0", LOG) == "- new\n\n### More\n\n- x\n"
    assert release.notes("0.1.0", LOG) == "- old\n"


def test_a_version_without_notes_is_not_released():
    with pytest.raises(SystemExit, match="no notes under '## 0.3.0'"):
        release.notes("0.3.0", LOG)


def test_a_tag_of_another_version_is_refused():
    with pytest.raises(SystemExit, match="the tag is v9.9.9"):
        release.main(["--tag", "v9.9.9"])


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "html"
    (folder / "chapters").mkdir(parents=True)
    (folder / "index.html").write_text("<p>A book.</p>")
    (folder / "chapters" / "a.html").write_text("<p>A chapter.</p>")
    return folder


def test_the_archive_holds_the_book_and_is_the_same_each_time(book, tmp_path):
    made = []
    for folder in ("one", "two"):
        path = tmp_path / folder / "densenet-book-0.1.0.zip"
        path.parent.mkdir()
        release.archive(book, path)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            "densenet-book-0.1.0/chapters/a.html",
            "densenet-book-0.1.0/index.html",
        ]


def test_whoever_unpacks_the_archive_others_may_read_it(book, tmp_path):
    path = tmp_path / "densenet-book-0.1.0.zip"
    release.archive(book, path)
    with zipfile.ZipFile(path) as archive:
        modes = {entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {0o644}


def test_an_unfinished_training_is_not_released(tmp_path):
    release.expect_finished(tmp_path)
    (tmp_path / "cpu/densenet/unfinished").mkdir(parents=True)
    with pytest.raises(
        SystemExit, match="not trained to the end: cpu/densenet;"
    ):
        release.expect_finished(tmp_path)


def test_no_book_no_archive(tmp_path):
    with pytest.raises(SystemExit, match="make book first"):
        release.archive(tmp_path, tmp_path / "book.zip")


def test_the_checksums_are_those_of_the_files(tmp_path):
    path = tmp_path / "a.whl"
    path.write_bytes(b"wheel")
    expected = hashlib.sha256(b"wheel").hexdigest()
    assert release.checksums([path]) == f"{expected}  a.whl\n"
