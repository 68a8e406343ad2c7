"""Print the whole book: one PDF with bookmarks and page numbers.

    python tools/pdf.py

It takes the built pages in the order of the table of contents, makes one
document of them, _build/pdf/book.html, and lets Chromium print it.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bs4 import BeautifulSoup

from tools import browsers

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build/html"
PDF = ROOT / "_build/pdf/densenet-by-hand.pdf"
FOOTER = (
    '<div style="width: 100%; font: 8pt sans-serif; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
STYLE = """
body { font-size: 10.5pt; }
.title-page { text-align: center; padding-top: 30%; break-after: page; }
.title-page img { width: 60%; }
.of-the-book ul { display: block; list-style: none; margin-bottom: 1em; }
.of-the-book .caption { font-weight: bold; margin-bottom: 0; }
article { break-before: page; }
/* What only moves on a screen. */
.try-it, .dn-widget script { display: none; }
"""


def main():
    """Print the book, or say in one line why not."""
    if not (HTML / "intro.html").exists():
        sys.exit("The book is not built: make book")
    browser = browsers.find()
    if browser is None:
        sys.exit(
            "No Chromium is installed, which prints the book; on Debian: "
            "apt install chromium"
        )
    PDF.parent.mkdir(parents=True, exist_ok=True)
    document = PDF.with_name("book.html")
    document.write_text(combine(HTML), "utf-8")
    print_document(document, PDF, browser)
    print(PDF.relative_to(ROOT))


def combine(folder):
    """One HTML document of all pages that the table of contents names.

    Args:
        folder: of the built book.
    """
    first = _read(folder / "intro.html")
    links = first.select(".bd-docs-nav a.internal")
    names = list(
        dict.fromkeys(
            "intro.html" if link["href"] == "#" else link["href"]
            for link in links
        )
    )
    body = [_title_page(first), _contents(first)]
    body += [_article(folder, name, set(names)) for name in names]
    base = f"../{folder.name}/"
    styles = "".join(
        f'<link rel="stylesheet" href="{base}{path}">'
        for path in _styles(folder, names)
    )
    title = _title(first)
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head>'
        f'<meta charset="utf-8"><title>{title}</title>{styles}'
        f"<style>{STYLE}</style></head><body>"
        f'<main class="bd-main">{"".join(body)}</main></body></html>'
    )


def print_document(document, pdf, browser):
    """Print an HTML file to ``pdf`` with the browser at path ``browser``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"]
        )
        page = chromium.new_page()
        page.goto(document.as_uri(), wait_until="load", timeout=120_000)
        page.evaluate("document.fonts.ready")
        page.pdf(
            path=pdf,
            format="A4",
            margin={"top": "18mm", "bottom": "18mm"}
            | {"left": "16mm", "right": "16mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            outline=True,
            tagged=True,
            print_background=True,
        )
        chromium.close()


def _read(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def _title(first):
    return first.find("title").get_text().split("—")[-1].strip()


def _title_page(first):
    author = first.select_one(".component-author").get_text(strip=True)
    right = first.select_one(".copyright").get_text(" ", strip=True)
    return (
        '<div class="title-page">'
        '<img src="../html/_static/logo.svg" alt="">'
        f"<h1>{_title(first)}</h1><p>{author}</p><p>{right}</p></div>"
    )


def _contents(first):
    """The sidebar's table of contents, as a page."""
    listed = BeautifulSoup("", "html.parser").new_tag("nav")
    listed["class"] = "of-the-book"
    for part in first.select(
        ".bd-docs-nav .caption, .bd-docs-nav .bd-sidenav"
    ):
        if part.find_parent(class_="bd-sidenav"):
            continue
        listed.append(part)
    for button in listed.select("summary"):
        button.decompose()
    for folded in listed.select("details"):
        folded.unwrap()
    for link in listed.select("a"):
        href = "intro.html" if link["href"] == "#" else link["href"]
        link["href"] = f"#{_slug(href)}"
    return str(listed)


def _article(folder, name, names):
    """The text of a page, with names and addresses fit for one document."""
    article = _read(folder / name).select_one("article")
    here = (folder / name).parent
    for element in article.select("[id]"):
        element["id"] = f"{_slug(name)}--{element['id']}"
    for link in article.select("a[href]"):
        link["href"] = _address(link["href"], name, here, folder, names)
    for image in article.select("img[src]"):
        image["src"] = _file(here / image["src"], folder)
        del image["loading"]
    for frame in article.select("img[hidden]"):
        frame.decompose()
    for script in article.select("script, link"):
        script.decompose()
    article["id"] = _slug(name)
    return str(article)


def _address(href, name, here, folder, names):
    """Where a link leads: within the document, or out of it."""
    if re.match(r"\w+:", href):
        return href
    path, _, place = href.partition("#")
    target = name if not path else _inside(here / path, folder)
    if target in names:
        return f"#{_slug(target)}" + (f"--{place}" if place else "")
    return _file(here / path, folder)


def _inside(path, folder):
    return path.resolve().relative_to(folder.resolve()).as_posix()


def _file(path, folder):
    return f"../{folder.name}/{_inside(path, folder)}"


def _slug(name):
    return name.removesuffix(".html").replace("/", "-")


def _styles(folder, names):
    """Style sheets of all pages, in order, each once."""
    sheets = {}
    for name in names:
        for link in _read(folder / name).select("link[rel=stylesheet]"):
            path = (folder / name).parent / link["href"].split("?")[0]
            sheets[_inside(path, folder)] = None
    return list(sheets)


if __name__ == "__main__":
    main()
