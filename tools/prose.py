"""Read the book's prose for what no reader should have to find.

    python tools/prose.py [FILE ...]

Without files: every chapter's source and every page. Each fault is one line,
``file:line: kind: what``; the exit status is 1 if there is any.

**number**: a number in a sentence that nothing carries. It is carried

- by a computation: some number in the code, the outputs or the mathematics
  of the same section (from one ``##`` to the next) rounds to it, as it is, as
  a percentage, or in thousands, millions or billions. What opens a chapter
  and what sums it up may draw on all of its sections;
- by a chapter that the paragraph names: a number of that chapter's cells;
- by a source: a citation or a link to another site in the paragraph, or in
  the one before a table, a list or a formula that it introduces;
- by nothing, as it needs nothing: whole numbers up to 12, numbers of
  chapters, sections, tables, figures and exercises, numbers in names
  (DenseNet-121) and in mathematics, which shows its own reckoning.

What a prediction or an exercise asks is a question, and is not read. Where a
number must stand without any of this, the paragraph says why:
``<!-- number 2013: the year is on the competition's page -->``.

**link**: a file or an anchor that is not there. **citation**: a key that
references.bib lacks. **equation**: a reference to one that is not there, one
that nothing refers to (it needs no number), or the same label twice.
**heading**: more than one title, a level left out, or the same heading twice.
**spelling**: codespell's finds, and American forms.
**line**: prose longer than 79 columns.
"""

import re
import subprocess
import sys
import tempfile
import unicodedata
from bisect import bisect
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import codespell_lib

from tools import chapters

ROOT = chapters.ROOT
COLUMNS = 79
COUNTING = 12  # whole numbers up to here count things, and are no claims

NUMBER = re.compile(
    r"(?<![\w.,^-])[+-]?(?P<digits>\d[\d,]*(?:\.\d+)?)(?P<after>\s?%|\s?"
    r"(?:thousand|million|billion|[kMG])\b)?(?![\w]|-\w)"
)
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}
UNITS |= {"thousand": 1e3, "million": 1e6, "billion": 1e9, "%": 1e-2}
COMPUTED = re.compile(r"\d[\d,_]*(?:\.\d+)?(?:e[+-]?\d+)?")

# What a sentence may hold that is no claim: left out before numbers are read.
NO_CLAIM = (
    r"\*\*\d+\.\d+ \((?:recall|change|build)\)",
    r"\$\$.*?\$\$",  # mathematics
    r"\$[^$]*\$",
    r"`+[^`]*`+",  # code, and the roles of MyST
    r"https?://\S+",
    r"\]\([^)]*\)",  # where a link leads
    r"<!--.*?-->",
    r"</?[a-zA-Z][^>]*>",
    r"\b[Cc]hapters?\s+\d+(?:(?:,| and| to|,? or)\s+\d+)*",
    r"\b(?:[Ss]ections?|[Tt]ables?|[Ff]igures?|[Ee]xercises?|[Pp]arts?|"
    r"[Ss]teps?|[Rr]ows?|[Ll]ayers?|[Bb]locks?|[Ss]eeds?|[Ee]pochs?|"
    r"[Ss]essions?|[Vv]ersions?|Python|Keras|TensorFlow|NumPy|equation)"
    r"\s+\(?\d+(?:\.\d+)*\)?(?:(?:,| and| to)\s+\d+(?:\.\d+)*)*",
    r"\bCC BY \d\.\d",
    r"\b95 % interval|\binterval of 95 %",
    r"\b\d{1,2}(?:\.\d{2})? (?:°|px)",
)
SKIPPED = re.compile("|".join(NO_CLAIM), re.DOTALL)
MATHEMATICS = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", re.DOTALL)
SUMMARY = "What went against the prediction"
SOURCE = re.compile(r"\{cite(?::\w+)?\}`|\]\(https?://|<https?://")
ALLOWED = re.compile(r"<!--\s*numbers?\s+(?P<what>[^:]+):\s*(?P<why>\S.*?)-->")
CHAPTER = re.compile(r"\b[Cc]hapters?\s+((?:\d+(?:,? and |,? to |, )?)+)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
LABELLED = re.compile(r"^ *\$\$ \(([^)\s]+)\)$", re.MULTILINE)
EQUATION = re.compile(r"\{eq\}`([^`]+)`")
ENDS_IN_FORMULA = re.compile(r"\$\$(?: \([^)\s]+\))?\s*$")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$")
FENCE = re.compile(r"^(`{3,}|:{3,}|~{3,})\s*(.*)$")

# Words that are right here and that a list of misspellings has.
KNOWN_WORDS = ("ba", "te", "nd", "fo", "ans", "ue", "hist", "als")
# American on the list, and right here: technical terms and other senses.
BRITISH_TOO = (
    "program",
    "programs",
    "programed",
    "license",
    "licensed",
    "licenses",
    "disk",
    "disks",
    "meter",
    "meters",
    "practice",
    "gray",
    "analog",
    "check",
    "checks",
    "tire",
    "tires",
    "story",
    "stories",
    "curb",
    "draft",
    "drafts",
    "inquiry",
    "judgment",
)


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong, where."""

    path: Path
    line: int
    kind: str
    what: str

    def __str__(self):
        path = self.path
        if path.is_relative_to(ROOT):
            path = path.relative_to(ROOT)
        return f"{path}:{self.line}: {self.kind}: {self.what}"


@dataclass
class Paragraph:
    """Lines that belong together.

    Attributes:
        line: number of the first.
        text: all of them.
        section: number of the ``##`` that it stands under; 0 before the
            first.
        question: True in a prediction, and in what an exercise asks.
        summary: True where it opens the chapter or sums it up.
    """

    line: int
    text: str
    section: int
    question: bool = False
    summary: bool = False

    def line_of(self, match):
        """Number of the line on which a match in the text begins."""
        return self.line + self.text[: match.start()].count("\n")


@dataclass
class Page:
    """A source or a page, taken apart.

    Attributes:
        path: of the file.
        paragraphs: its prose, in order.
        headings: (line, level, text).
        code: the code of each section, as (section, text).
    """

    path: Path
    paragraphs: list[Paragraph] = field(default_factory=list)
    headings: list[tuple] = field(default_factory=list)
    code: list[tuple] = field(default_factory=list)

    @cached_property
    def numbers(self):
        """Section -> the sorted numbers of its code and outputs."""
        outputs = _outputs(self.path)
        pools = {}
        for section, code in self.code:
            text = code + "\n" + outputs.get(code.strip(), "")
            pools.setdefault(section, set()).update(_numbers(text))
        for paragraph in self.paragraphs:
            pool = pools.setdefault(paragraph.section, set())
            for shown in MATHEMATICS.findall(paragraph.text):
                pool.update(_numbers(shown.replace("{,}", ",")))
        return {section: sorted(pool) for section, pool in pools.items()}

    @cached_property
    def all_numbers(self):
        """The sorted numbers of all its cells."""
        return sorted(set().union(*self.numbers.values()))

    def groups(self, pattern):
        """The first groups of all matches in its paragraphs, in order."""
        return [
            match[1]
            for paragraph in self.paragraphs
            for match in pattern.finditer(paragraph.text)
        ]


def pages():
    """Every source of a chapter, and every page of the book."""
    return [
        ROOT / "intro.md",
        *chapters.sources(),
        *sorted(chapters.CHAPTERS.glob("*.md")),
    ]


def faults(path):
    """All faults of a file, in order of their lines."""
    page = parse(path)
    found = [
        *numbers_without_ground(page),
        *dead_links(page),
        *unknown_citations(page),
        *equations_astray(page),
        *headings_out_of_order(page),
        *long_lines(page),
    ]
    return sorted(found)


@cache
def parse(path):
    """The :class:`Page` of a file of MyST Markdown."""
    reader = _Reader(path)
    for number, line in _body(path):
        reader.read(number, line)
    reader.end()
    return reader.page


class _Reader:
    """Takes a file apart, line by line."""

    def __init__(self, path):
        self.page = Page(path)
        self.section, self.heading = 0, ""
        self.fence = None  # (its mark, what it says) while inside of one
        self.block = []  # (number, line) since the last paragraph

    def read(self, number, line):
        """Take in one line."""
        mark = FENCE.match(line)
        heading = HEADING.match(line)
        if self.fence:
            if line.strip() == self.fence[0]:
                self._close()
            else:
                self.block.append((number, line))
        elif mark:
            self.end()
            self.fence = mark.groups()
        elif heading:
            self.end()
            self._under(number, len(heading[1]), heading[2])
        elif line.strip() in ("", "+++"):
            self.end()
        else:
            self.block.append((number, line))

    def end(self):
        """A paragraph ends here, if one had begun."""
        text = "\n".join(line for _, line in self.block)
        if text.strip():
            inside = self.fence[1] if self.fence else ""
            asked = self.heading == "Exercises" or "Predict" in inside
            summary = self.section == 0 or SUMMARY in (self.heading + inside)
            first = self.block[0][0]
            self.page.paragraphs.append(
                Paragraph(first, text, self.section, asked, summary)
            )
        self.block = []

    def _under(self, number, level, text):
        self.page.headings.append((number, level, text))
        if level == 2:
            self.section += 1
            self.heading = text

    def _close(self):
        """The end of a fence: of code, or of words in a box."""
        kind = self.fence[1]
        if kind.startswith("{") and not kind.startswith("{code-cell}"):
            self.end()
        else:
            code = "\n".join(line for _, line in self.block)
            self.page.code.append((self.section, _without_tags(code)))
            self.block = []
        self.fence = None


def _body(path):
    """(number, line) of a file, less what jupytext heads it with."""
    lines = list(enumerate(path.read_text("utf-8").splitlines(), start=1))
    if lines and lines[0][1] == "---":
        end = next(n for n, text in lines[1:] if text == "---")
        lines = lines[end:]
    return lines


def _without_tags(code):
    """A cell's code less the options that MyST writes above it."""
    lines = code.splitlines()
    while lines and (lines[0].startswith(":") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


@cache
def _outputs(path):
    """Code of a cell -> what it says, from the chapter's notebook."""
    notebook = chapters.CHAPTERS / f"{path.stem}.ipynb"
    if path.parent != chapters.SOURCES or not notebook.exists():
        return {}
    said = {}
    for cell in chapters.read(notebook).cells:
        if cell.cell_type == "code":
            texts = [
                text
                for output in cell.outputs
                for _, text in chapters.texts(output)
            ]
            said[cell.source.strip()] = "\n".join(texts)
    return said


def _numbers(text):
    for match in COMPUTED.finditer(text):
        yield float(match[0].replace(",", "").replace("_", ""))


# Numbers


def numbers_without_ground(page):
    """Numbers in sentences that nothing carries."""
    before = None
    for paragraph in page.paragraphs:
        carried = SOURCE.search(paragraph.text) or (
            before is not None
            and _introduces(before, paragraph)
            and SOURCE.search(before.text)
        )
        if not (paragraph.question or carried):
            marks = ALLOWED.findall(paragraph.text)
            if before is not None and _introduces(before, paragraph):
                marks += ALLOWED.findall(before.text)
            allowed = {n for what, _ in marks for n in _numbers(what)}
            yield from _without_ground(page, paragraph, allowed)
        before = paragraph


def _introduces(before, paragraph):
    """Whether a table, a list or a formula follows on what introduces it."""
    goes_on = re.match(r"\s*(\||[-*] |\d+\. |\$\$)", paragraph.text)
    same = before.section == paragraph.section
    return same and (goes_on or ENDS_IN_FORMULA.search(before.text))


def _without_ground(page, paragraph, allowed):
    own = page.numbers.get(paragraph.section, [])
    pools = [page.all_numbers if paragraph.summary else own]
    pools += [parse(source).all_numbers for source in _named(paragraph.text)]
    text = SKIPPED.sub(_blank, paragraph.text)
    for match in NUMBER.finditer(text):
        digits = match["digits"].rstrip(",")
        value = float(digits.replace(",", ""))
        if value <= COUNTING and "." not in digits and not match["after"]:
            continue
        if value in allowed or any(
            _is_rounding(digits, match["after"], pool) for pool in pools
        ):
            continue
        line = paragraph.line + text[: match.start()].count("\n")
        yield Fault(page.path, line, "number", match[0].strip())


def _blank(match):
    """As many lines of nothing, so that the numbers of lines stay."""
    return " " + "\n" * match[0].count("\n")


def _named(text):
    """Sources of the chapters that a text names by their numbers."""
    for match in CHAPTER.finditer(text):
        found = [int(n) for n in re.findall(r"\d+", match[1])]
        if "to" in match[1] and len(found) == 2:
            found = range(found[0], found[1] + 1)
        for number in found:
            yield from chapters.SOURCES.glob(f"{number:02d}_*.md")
    for target in re.findall(r"\]\(([^)#]+)", text):
        source = chapters.SOURCES / f"{Path(target).stem}.md"
        if source.exists():
            yield source


def _is_rounding(digits, after, pool):
    """Whether some number of the pool rounds to the one in the text.

    To the digits that it shows: "17,000" has two, "0.70" has two decimals.
    """
    value = float(digits.replace(",", ""))
    if "." in digits:
        step = 10.0 ** -len(digits.split(".")[1])
    else:
        whole = digits.replace(",", "")
        step = 10.0 ** (len(whole) - len(whole.rstrip("0")))
    scales = {1.0, UNITS.get((after or "").strip(), 1.0)}
    if not after:
        scales |= {1e-2}  # "points" and "per cent" of a share
    for scale in scales:
        low = (value - step / 2) * scale - 1e-9 * scale
        high = (value + step / 2) * scale + 1e-9 * scale
        place = bisect(pool, low)
        if place < len(pool) and pool[place] <= high:
            return True
    return False


# Links, citations, headings, lines


def dead_links(page):
    """Links inside the book to a file or an anchor that is not there."""
    # A source becomes a notebook one folder up; its links are read there.
    folder = page.path.parent
    if folder == chapters.SOURCES:
        folder = chapters.CHAPTERS
    for paragraph in page.paragraphs:
        for match in LINK.finditer(_without_code(paragraph.text)):
            target = match[1] or match[2]
            if re.match(r"[a-z]+:", target):
                continue
            line = paragraph.line_of(match)
            name, _, anchor = target.partition("#")
            there = _page_at(folder / name) if name else page.path
            if there is None or not there.exists():
                yield Fault(page.path, line, "link", f"no file {target}")
            elif anchor and anchor not in anchors(there):
                yield Fault(page.path, line, "link", f"no anchor {target}")


def _without_code(text):
    """The text with every character of code a blank: places stay."""
    return re.sub(r"`+[^`]*`+", lambda m: " " * len(m[0]), text)


def _page_at(path):
    """The file that holds the words of a page; a page may lack its ending."""
    for candidate in (path, path.with_name(path.name + ".md")):
        if candidate.is_file() and candidate.suffix != ".ipynb":
            return candidate
    source = chapters.SOURCES / f"{path.stem}.md"
    return source if source.exists() else None


@cache
def anchors(path):
    """What a link to a page of words may end in: its headings and labels."""
    text = path.read_text("utf-8")
    labels = set(re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE))
    return labels | {slug(heading) for _, _, heading in parse(path).headings}


def slug(heading):
    """The anchor that GitHub and MyST make of a heading."""
    text = unicodedata.normalize("NFKC", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def unknown_citations(page):
    """Citations that the bibliography does not have."""
    for paragraph in page.paragraphs:
        for match in CITED.finditer(paragraph.text):
            for key in match[1].split(","):
                if key.strip() not in _bibliography():
                    line = paragraph.line_of(match)
                    yield Fault(page.path, line, "citation", key.strip())


@cache
def _bibliography():
    text = (ROOT / "references.bib").read_text("utf-8")
    return set(re.findall(r"^@\w+\{([^,\s]+)", text, re.MULTILINE))


def equations_astray(page):
    """References to no equation; labels that none leads to, or given twice."""
    book = [page, *(parse(path) for path in pages() if path != page.path)]
    labels = [label for one in book for label in one.groups(LABELLED)]
    wanted = {label for one in book for label in one.groups(EQUATION)}
    for paragraph in page.paragraphs:
        found = [
            (match, f"no {match[1]}")
            for match in EQUATION.finditer(paragraph.text)
            if match[1] not in labels
        ]
        for match in LABELLED.finditer(paragraph.text):
            if match[1] not in wanted:
                found.append((match, f"nothing refers to {match[1]}"))
            if labels.count(match[1]) > 1:
                found.append((match, f"twice: {match[1]}"))
        for match, what in found:
            line = paragraph.line_of(match)
            yield Fault(page.path, line, "equation", what)


def headings_out_of_order(page):
    """A second title, a level left out, a heading that is there twice."""
    level_before, seen = 0, set()
    for line, level, text in page.headings:
        if level == 1 and level_before:
            yield Fault(page.path, line, "heading", f"second title: {text}")
        elif level > level_before + 1:
            what = f"level {level} after level {level_before}: {text}"
            yield Fault(page.path, line, "heading", what)
        if (level, text) in seen:
            yield Fault(page.path, line, "heading", f"twice: {text}")
        seen.add((level, text))
        level_before = level


def long_lines(page):
    """Prose that does not fit; tables and what cannot be broken may."""
    for paragraph in page.paragraphs:
        for place, line in enumerate(paragraph.text.splitlines()):
            breakable = not line.startswith("|") and "](" not in line
            if len(line) > COLUMNS and breakable:
                number = paragraph.line + place
                yield Fault(page.path, number, "line", f"{len(line)} columns")


# Spelling


def misspellings(paths):
    """What codespell finds in the prose of files, and American forms."""
    with tempfile.TemporaryDirectory() as folder:
        american = Path(folder) / "american.txt"
        american.write_text("\n".join(_american()) + "\n", "utf-8")
        copies = {}
        for number, path in enumerate(paths):
            copy = Path(folder) / f"{number}.md"
            copy.write_text(_prose_alone(path), "utf-8")
            copies[str(copy)] = path
        done = subprocess.run(
            [sys.executable, "-m", "codespell_lib", "--config=/dev/null"]
            + ["--dictionary=-", f"--dictionary={american}"]
            + [f"--ignore-words-list={','.join(KNOWN_WORDS)}", *copies],
            capture_output=True,
            text=True,
        )
    for line in done.stdout.splitlines():
        copy, number, what = line.split(":", 2)
        yield Fault(copies[copy], int(number), "spelling", what.strip())


def _american():
    """Lines "american->british" from codespell's British-to-American list."""
    folder = Path(codespell_lib.__file__).parent / "data"
    text = (folder / "dictionary_en-GB_to_en-US.txt").read_text("utf-8")
    for line in text.splitlines():
        british, _, american = line.partition("->")
        american = american.split(",")[0].strip()
        if american and american not in BRITISH_TOO:
            yield f"{american}->{british}"


def _prose_alone(path):
    """The words of a file in their lines, without code and mathematics."""
    lines = [""] * (len(path.read_text("utf-8").splitlines()) + 1)
    page = parse(path)
    blocks = [(p.line, p.text) for p in page.paragraphs]
    blocks += [(line, text) for line, _, text in page.headings]
    for first, text in blocks:
        words = SKIPPED.sub(_blank, text)
        for place, line in enumerate(words.splitlines()):
            lines[first - 1 + place] = line
    return "\n".join(lines)


def main(names):
    """Print all faults; the exit status is 1 if there are any."""
    paths = [Path(name).resolve() for name in names] or pages()
    found = [fault for path in paths for fault in faults(path)]
    found += misspellings(paths)
    print("\n".join(map(str, sorted(found))) or "no faults")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
