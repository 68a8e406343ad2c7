"""One output with a front end: for a kernel, for the page, in words."""

import json
import re
import sys

import pytest

from densenet_lib import widgets
from densenet_lib.errors import InputError
from densenet_lib.widgets import frontend

STATE = {"count": 3}


@pytest.fixture
def shown(monkeypatch):
    """(bundle, metadata) of what was displayed."""
    calls = []
    monkeypatch.setattr(
        frontend,
        "display",
        lambda bundle, metadata, raw: calls.append((bundle, metadata)),
    )
    return calls


def _data(text):
    """The state that a page holds, read as a browser would."""
    inside = re.search(
        r'<script type="application/json">(.*?)</script>', text, re.DOTALL
    )
    return json.loads(inside[1])


def test_one_output_has_a_live_form_a_page_and_words(shown):
    widgets.show("stepper", STATE, alt="A block.")
    ((bundle, _),) = shown
    assert set(bundle) == {frontend.WIDGET_VIEW, "text/html", "text/plain"}
    assert bundle["text/plain"] == "A block."
    assert _data(bundle["text/html"]) == STATE


def test_the_live_form_holds_the_same_state_and_module(shown):
    from ipywidgets.widgets.widget import _instances

    widgets.show("stepper", STATE, alt="A block.")
    live = _instances[shown[0][0][frontend.WIDGET_VIEW]["model_id"]]
    assert live.state == STATE
    assert live._esm == widgets.module("stepper")
    assert live._css == widgets.style()


def test_without_anywidget_the_page_is_left(shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widgets.show("stepper", STATE, alt="A block.")
    ((bundle, metadata),) = shown
    assert set(bundle) == {"text/html", "text/plain"}
    assert metadata == {}


def test_the_page_is_the_same_whatever_the_order_of_the_state():
    first = widgets.page("stepper", {"a": 1, "b": 2}, alt="A block.")
    second = widgets.page("stepper", {"b": 2, "a": 1}, alt="A block.")
    assert first == second


def test_words_are_escaped():
    text = widgets.page("stepper", STATE, alt='<b> & "c"')
    assert '<p class="dn-alt">&lt;b&gt; &amp; &quot;c&quot;</p>' in text


@pytest.mark.parametrize("words", ["</script><p>", "</SCRIPT >", "<!--"])
def test_no_word_of_the_state_ends_or_opens_a_script(words):
    text = widgets.page("stepper", {words: words}, alt="A block.")
    assert text.lower().count("</script") == 1
    assert text.count("<!--") == 0
    assert _data(text) == {words: words}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        widgets.page("stepper", {"number": number}, alt="A block.")


def test_a_module_stands_alone_with_one_export():
    assert {"composite", "explorer", "stepper"} <= set(widgets.names())
    for name in widgets.names():
        code = widgets.module(name)
        assert not re.search(r"^import\b", code, re.MULTILINE), name
        assert re.findall(r"^export .*$", code, re.MULTILINE) == [
            "export default { render };"
        ]


def test_what_two_modules_call_alike_is_told_apart(tmp_path, monkeypatch):
    sources = {
        "shared": "function own() { return 1; }\n"
        "export function one() { return own(); }\n",
        "front": 'import { one } from "./shared.js";\n'
        "function own() { return 2; }\n"
        "export function render() { return [one(), own()]; }\n",
    }
    for name, code in sources.items():
        (tmp_path / f"{name}.js").write_text(code)
    monkeypatch.setattr(frontend, "FOLDER", tmp_path)
    assert widgets.names() == ("front",)
    code = frontend.module.__wrapped__("front")
    assert code.index("function one") < code.index("[one(), own()]")
    assert "const { one } = sharedModule;" in code
    assert code.count("return { one };") == 1


def test_everything_that_the_page_loads_is_written(tmp_path):
    folder = tmp_path / "new" / "widgets"
    widgets.write(folder)
    written = {path.name for path in folder.iterdir()}
    modules = {f"{name}.js" for name in widgets.names()}
    assert written == modules | {"mount.js", "widgets.css"}
    for name in widgets.names():
        text = (folder / f"{name}.js").read_text("utf-8")
        assert text == widgets.module(name)


def test_nothing_that_the_page_loads_names_another_host(tmp_path):
    widgets.write(tmp_path)
    for path in tmp_path.iterdir():
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path.name


@pytest.mark.parametrize("start", ["densenet40", ""])
def test_an_unknown_net_is_an_input_error(start):
    with pytest.raises(InputError, match="start is"):
        widgets.explorer(start)


@pytest.mark.parametrize("num_layers", [1, 9])
def test_a_block_that_does_not_fit_is_an_input_error(num_layers):
    with pytest.raises(InputError, match="num_layers is"):
        widgets.stepper(num_layers)


@pytest.mark.parametrize(
    "front_end", [widgets.composite, widgets.explorer, widgets.stepper]
)
def test_what_is_shown_is_the_same_each_time(front_end, shown):
    for _ in range(2):
        front_end()
    (first, _), (second, _) = shown
    for bundle in (first, second):
        del bundle[frontend.WIDGET_VIEW]
    assert first == second
    assert len(first["text/plain"]) > 100  # words that stand for it
