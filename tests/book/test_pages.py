"""The Sphinx extension that makes the book's pages, piece by piece."""

from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

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


def test_rules_that_no_page_uses_are_cut_and_the_others_stay():
    style = (
        "a{color:red}.btn,.toast{margin:0}.toast .x{top:0}"
        "@media (min-width:1px){.carousel{top:0}.btn:not(.toast){top:0}}"
    )
    assert styles.cut(style, {"btn"}) == (
        "a{color:red}.btn,.toast{margin:0}"
        "@media (min-width:1px){.btn:not(.toast){top:0}}"
    )
