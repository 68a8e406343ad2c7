"""What tools/prose.py finds, what it lets pass, and the book's own prose."""

import pytest

from tools import chapters, prose

CITED = "{cite}`huang2017densenet`"


@pytest.fixture
def found(tmp_path):
    """A function from a page's text to its faults, as "kind: what"."""

    def read(text, *, title="# A page\n\n## Part\n\n"):
        path = tmp_path / f"page{len(list(tmp_path.iterdir()))}.md"
        path.write_text(title + text + "\n", "utf-8")
        return [f"{fault.kind}: {fault.what}" for fault in prose.faults(path)]

    return read


def _cell(code):
    return f"```{{code-cell}} python3\n{code}\n```\n\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("It reaches 94.25 % there.", "number: 94.25 %"),
        ("It has 7,978,856 parameters.", "number: 7,978,856"),
        ("It takes 0.8 of them.", "number: 0.8"),
        ("It is 31 times as much.", "number: 31"),
        (_cell("x = 0.91") + "It reaches 94 %.", "number: 94 %"),
        (_cell("x = 31") + "## Next\n\nThere are 31.", "number: 31"),
        (
            "<!-- number 32: of a later page -->\nThere are 31.",
            "number: 31",
        ),
        ("See [there](nowhere.md).", "link: no file nowhere.md"),
        (
            "See [there](#nothing-of-the-kind).",
            "link: no anchor #nothing-of-the-kind",
        ),
        ("As is known {cite}`nobody2000`.", "citation: nobody2000"),
        ("See {eq}`nobody`.", "equation: no nobody"),
        ("$$\na\n$$ (unused)", "equation: nothing refers to unused"),
        (
            "$$\na\n$$ (a)\n\n$$\nb\n$$ (a)\n\nSee {eq}`a`.",
            "equation: twice: a",
        ),
        ("$$\na\n$$ (depth)", "equation: twice: depth"),
        ("#### Deep\n\nText.", "heading: level 4 after level 2: Deep"),
        ("## Part\n\nText.", "heading: twice: Part"),
        ("# Another\n\nText.", "heading: second title: Another"),
        ("word " * 20, "line: 99 columns"),
    ],
)
def test_a_planted_fault_is_found(text, fault, found):
    assert fault in found(text.rstrip())


@pytest.mark.parametrize(
    "text",
    [
        "There are 12 of them, in chapters 3 and 27, and in Table 14.",
        "DenseNet-121 and ResNet-1001 read 1x1 and CIFAR-10.",
        "The sum is $13 \\cdot 14 = 182$, and `range(99)` counts.",
        "They are $13 \\cdot 14 = 182$, so 182 in all.",
        f"The paper has 27.2 million {CITED}.",
        f"The paper has:\n{CITED}\n\n| a | 27.2 |\n|---|---|",
        "[Elsewhere](https://example.org) 27.2 were counted.",
        "$$\na\n$$ (used)\n\nSee {eq}`used`, and {eq}`depth` elsewhere.",
        f"{CITED} say\n$$\na\n$$\n\nmakes 27.2.",
        f"{CITED} say\n$$\na\n$$ (b)\n\nmakes 27.2, says {{eq}}`b`.",
        _cell("x = 0.9425") + "It reaches 94.25 %, or 94 %.",
        _cell("x = 7_978_856") + "That is 7,978,856, or 8.0 million.",
        "```{admonition} Predict\nIs it 20, 50 or 99?\n```",
        "## Exercises\n\n**1.1 (recall).** Take 512 channels.",
        "<!-- number 31: as the page of the contest says -->\nIt has 31.",
        "See [above](#part).",
    ],
)
def test_what_is_carried_passes(text, found):
    assert found(text) == []


def test_an_output_carries_a_number():
    (source,) = chapters.sources(["08_cats_and_dogs"])
    assert 825 in prose.parse(source).all_numbers


def test_rounding_is_to_the_digits_that_are_shown():
    assert prose._is_rounding("0.70", None, [0.7012])
    assert not prose._is_rounding("0.70", None, [0.7061])
    assert prose._is_rounding("17,000", None, [16_998.0])
    assert not prose._is_rounding("17,100", None, [16_998.0])


def test_misspelt_and_american_words_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Colour\n\nThe color was recieved.\n`color` may be.\n")
    found = [str(fault.what) for fault in prose.misspellings([page])]
    assert found == ["color ==> colour", "recieved ==> received"]


@pytest.mark.parametrize("path", prose.pages(), ids=lambda path: path.stem)
def test_the_book_s_prose_has_no_fault(path):
    assert list(map(str, prose.faults(path))) == []


def test_the_book_s_words_are_spelt_as_in_british_english():
    assert list(map(str, prose.misspellings(prose.pages()))) == []
