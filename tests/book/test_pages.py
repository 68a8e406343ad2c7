"""The Sphinx extension that makes the book's pages, piece by piece."""

from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from tools.pages import address, finish, mathematics, styles


def _soup(text):
    return BeautifulSoup(text, "html.parser")


def _config(url, baseurl=""):
    return SimpleNamespace(
        html_theme_options={"repository_url": url},
        html_baseurl=baseurl,
        html_title="A book",
    )


def test_the_book_is_published_where_its_repository_is():
    config = _config("https://github.com/Someone/a-book")
    address.derive(None, config)
    assert config.html_baseurl == "https://someone.github.io/a-book/"
    assert config.ogp_site_url == config.html_baseurl


def test_an_address_of_its_own_stays():
    config = _config("https://github.com/a/b", "https://book.example/")
    address.derive(None, config)
    assert config.ogp_site_url == "https://book.example/"


def test_what_a_script_would_write_is_in_the_page():
    soup = _soup(
        "<p><script>document.write(`<b>here</b>`);</script></p>"
        '<button onclick="window.print()">P</button>'
        '<script type="application/json">{"a": 1}</script>'
    )
    finish.write_out(soup)
    assert str(soup.p) == "<p><b>here</b></p>"
    assert soup.button["data-action"] == "print"
    assert [script["type"] for script in soup.find_all("script")] == [
        "application/json"
    ]


def test_a_header_cell_without_a_word_is_a_plain_cell():
    soup = _soup("<table><tr><th></th><th>layer</th></tr></table>")
    finish.mend_lists_and_tables(soup)
    assert [cell.name for cell in soup.tr] == ["td", "th"]


@pytest.fixture(scope="module")
def typeset():
    return mathematics.typeset([(r"x_\ell", False), ("k", True)])


def test_formulas_become_html_with_mathml_beside(typeset):
    html, style = typeset
    inline = _soup(html[r"x_\ell", False])
    assert inline.find("math").get_text() == "xℓ"
    assert _soup(html["k", True]).find(display="true")
    assert 'url("mathematics/' in style


def test_an_error_in_a_formula_is_shown_in_its_place():
    html, _ = mathematics.typeset([(r"\nosuchcommand", False)])
    assert "nosuchcommand" in _soup(*html.values()).get_text()


FIRST = "# First\n\n$$\na\n$$ (one)\n\n$$\nb\n$$\n\nSee {eq}`two`.\n"
SECOND = "# Second\n\n$$\nc\n$$ (two)\n\nSee {eq}`one`.\n"
CONTENTS = """
# A book

```{toctree}
:numbered:
first
second
```
"""


@pytest.fixture
def build(tmp_path):
    """A function that builds a book of two chapters; gives back a page."""
    pages = {"index": CONTENTS, "first": FIRST, "second": SECOND}
    for name, text in pages.items():
        (tmp_path / f"{name}.md").write_text(text, "utf-8")
    settings = {
        "extensions": [
            "myst_parser",
            "tools.pages.equations",
            "tools.pages.mathematics",
        ],
        "html_math_renderer": "typeset",
        "html_theme": "basic",
        "myst_enable_extensions": ["dollarmath"],
        "numfig": True,
    }
    out = tmp_path / "out"

    def page(name):
        Sphinx(
            tmp_path, None, out, tmp_path / "trees", "html", settings, None
        ).build()
        return _soup((out / f"{name}.html").read_text("utf-8"))

    return page


def _references(soup):
    return [link.get_text() for link in soup.select("p a[href*=equation]")]


def test_an_equation_with_a_label_has_its_number_behind_it(build):
    numbered, plain = build("first").select("div.math")
    link = numbered.find_all(recursive=False)[-1]
    assert link.get_text() == "(1.1)"
    assert link["href"] == f"#{numbered['id']}"
    assert link["aria-label"] == "Link to equation (1.1)"
    assert "numbered" in numbered["class"]
    assert "numbered" not in plain["class"] and not plain.find("a")


def test_a_reference_shows_the_number_that_the_equation_has_now(
    build, tmp_path
):
    assert _references(build("first")) == ["(2.1)"]
    before = "# First\n\n$$\nz\n$$ (zero)"
    (tmp_path / "first.md").write_text(FIRST.replace("# First", before))
    assert _references(build("second")) == ["(1.2)"]


def test_rules_that_no_page_uses_are_cut_and_the_others_stay():
    style = (
        "a{color:red}.btn,.toast{margin:0}.toast .x{top:0}"
        "@media (min-width:1px){.carousel{top:0}.btn:not(.toast){top:0}}"
    )
    assert styles.cut(style, {"btn"}) == (
        "a{color:red}.btn,.toast{margin:0}"
        "@media (min-width:1px){.btn:not(.toast){top:0}}"
    )
