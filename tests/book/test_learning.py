"""What every chapter gives a reader to do, and what it never gives away."""

import ast
import re

import pytest

from tools import chapters, prose

SOLUTIONS = chapters.SOURCES / "solutions.md"
SOURCES = [path for path in chapters.sources() if path != SOLUTIONS]
KINDS = {"recall", "change", "build"}
LABEL = re.compile(r"\*\*(\d+)\.(\d+) \((\w+)\)\.\*\*")


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def source(request):
    return request.param


@pytest.fixture(scope="module")
def cells(source):
    return chapters.from_source(source).cells


def _exercises(cells):
    """(chapter, number, kind) -> the code cells that belong to each."""
    found, current = {}, None
    for cell in cells:
        label = LABEL.search(cell.source)
        if cell.cell_type == "markdown" and label:
            current = (int(label[1]), int(label[2]), label[3])
            found[current] = []
        elif cell.cell_type == "markdown" and "\n## " in f"\n{cell.source}":
            current = None
        elif cell.cell_type == "code" and current:
            found[current].append(cell)
    return found


def _checks(code):
    """The calls of notebook.check in a cell."""
    return [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "notebook.check"
    ]


def test_it_says_first_what_its_reader_will_be_able_to_do(source):
    opening, _, _ = source.read_text("utf-8").partition("\n## ")
    goals = re.search(
        r"After this chapter you (?:can|will be able to)\n\n((?:[-] .*\n"
        r"|  .*\n)+)",
        opening,
    )
    assert goals and goals[1].count("- ") >= 3


def test_it_asks_for_a_prediction_before_what_answers_it(source, cells):
    asked = [
        index
        for index, cell in enumerate(cells)
        if cell.cell_type == "markdown"
        and re.search(r"\{admonition\} Predict\b", cell.source)
    ]
    assert len(asked) >= 3
    for index in asked:
        # What answers comes after: in a cell, or in words after the box.
        _, _, after = cells[index].source.partition("{admonition} Predict")
        in_words = re.split(r"^(?:```|:::)\s*$", after, flags=re.M)[1:]
        following = cells[index + 1 : index + 3]
        in_code = any(cell.cell_type == "code" for cell in following)
        assert in_code or "".join(in_words).strip()


def test_its_exercises_are_numbered_and_of_all_three_kinds(source, cells):
    labels = list(_exercises(cells))
    number = int(source.stem[:2])
    expected = [(number, place) for place in range(1, 1 + len(labels))]
    assert [label[:2] for label in labels] == expected
    assert len(labels) >= 3
    assert {kind for _, _, kind in labels} == KINDS


def test_each_exercise_waits_for_an_answer_and_checks_it(cells):
    for label, code in _exercises(cells).items():
        text = "\n".join(cell.source for cell in code)
        assert re.search(r"^answer = None\b", text, re.M), label
        (check,) = _checks(text)
        hints = [word for word in check.keywords if word.arg == "hint"]
        assert len(ast.literal_eval(hints[0].value)) >= 20, label


def test_no_check_spells_the_answer_out(cells):
    for label, code in _exercises(cells).items():
        text = "\n".join(cell.source for cell in code)
        (check,) = _checks(text)
        assert not _compares_with_a_literal(check.args[1]), label


def _compares_with_a_literal(condition):
    """Whether a lambda says "a == 78", with the answer there to be read."""
    if not isinstance(condition, ast.Lambda):
        return False
    name = condition.args.args[0].arg
    for node in ast.walk(condition.body):
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
            continue
        if not isinstance(node.ops[0], (ast.Eq, ast.Is)):
            continue
        sides = [node.left, node.comparators[0]]
        bare = [ast.unparse(side) for side in sides]
        answers = {name, f"tuple({name})", f"list({name})", f"set({name})"}
        if answers & set(bare) and any(map(_is_literal, sides)):
            return True
    return False


def _is_literal(node):
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("lambda a: a == 78", True),
        ("lambda a: tuple(a) == (16, 16, 136)", True),
        ("lambda a: a == sum(range(13))", False),
        ("lambda a: a(4) == [1, 3, 3, 1]", False),
    ],
)
def test_a_check_that_spells_the_answer_out_is_noticed(condition, told):
    tree = ast.parse(condition, mode="eval").body
    assert _compares_with_a_literal(tree) is told


def test_each_exercise_has_a_solution_that_was_found_right(cells):
    notebook = chapters.read(chapters.notebook_path(SOLUTIONS))
    solved = _exercises(notebook.cells)
    for label in _exercises(cells):
        assert label in solved
        said = "".join(
            text
            for cell in solved[label]
            for output in cell.outputs
            for _, text in chapters.texts(output)
        )
        assert "Right." in said and "Not yet." not in said, label


def test_no_solution_is_left_without_its_exercise():
    asked = set()
    for source in SOURCES:
        asked |= set(_exercises(chapters.from_source(source).cells))
    assert set(_exercises(chapters.from_source(SOLUTIONS).cells)) == asked


GLOSSARY = chapters.CHAPTERS / "glossary.md"


def test_every_term_leads_to_a_chapter_and_a_chapter_leads_to_it():
    page = prose.parse(GLOSSARY)
    links = "\n".join(path.read_text("utf-8") for path in SOURCES)
    terms = [text for _, level, text in page.headings if level == 2]
    assert len(terms) >= 40
    for number, term in enumerate(terms, start=1):
        entry = " ".join(
            paragraph.text
            for paragraph in page.paragraphs
            if paragraph.section == number
        )
        assert re.search(r"\]\(\d\d_\w+\.ipynb", entry), term
        assert f"(glossary.md#{prose.slug(term)})" in links, term


def test_the_terms_are_in_the_order_of_the_alphabet():
    page = prose.parse(GLOSSARY)
    terms = [text.lower() for _, level, text in page.headings if level == 2]
    assert terms == sorted(terms)


def test_a_term_is_linked_where_a_chapter_uses_it_first_and_only_there(
    source,
):
    targets = re.findall(r"\(glossary\.md#([\w-]+)\)", source.read_text())
    assert len(targets) == len(set(targets))
