"""A real browser, and the built book on a server of this machine."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from tools import browsers
from tools.chapters import ROOT

# No script that stands in a page, and nothing from elsewhere. Styles may stand
# in it: the theme, and typeset mathematics, use the attribute.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that writes no line for each."""

    def log_message(self, *arguments):
        pass


def serve(handler):
    """Start a server in a thread; returns it, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="session")
def launch():
    """A function that starts headless Chromium, with options if given."""
    sync_api = pytest.importorskip("playwright.sync_api")
    found = browsers.find()
    if found is None:
        # Where a publication waits for these tests, none may be left out.
        miss = pytest.fail if os.environ.get("CI") else pytest.skip
        miss(f"none of {', '.join(browsers.NAMES)} is installed")
    with sync_api.sync_playwright() as driver:

        def start(*options):
            return driver.chromium.launch(
                executable_path=found, args=["--no-sandbox", *options]
            )

        yield start


@pytest.fixture(scope="session")
def browser(launch):
    """Headless Chromium."""
    chromium = launch()
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def book():
    """Folder of the built book, ``DENSENET_BOOK`` or _build/html."""
    folder = Path(os.environ.get("DENSENET_BOOK", ROOT / "_build/html"))
    if not (folder / "index.html").exists():
        pytest.skip(f"the book has not been built into {folder}: make book")
    return folder


@pytest.fixture(scope="session")
def site(book):
    """Address of the built book."""
    handler = functools.partial(Quiet, directory=str(book))
    server, address = serve(handler)
    yield address
    server.shutdown()


@pytest.fixture(scope="session")
def strict_site(book):
    """Address of the built book, served with a strict policy."""

    class Strict(Quiet):
        def end_headers(self):
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

    handler = functools.partial(Strict, directory=str(book))
    server, address = serve(handler)
    yield address
    server.shutdown()


@pytest.fixture
def visit(browser, address):
    """A function that opens a page of ``address``; nothing may go wrong.

    Of the module that asks, ``address`` is where its front ends are served.
    """
    page = browser.new_page()
    # A failure shall not wait for long.
    page.set_default_timeout(5000)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def open_(name, *, width=1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}/{name}.html")
        page.wait_for_selector(".dn :is(svg, canvas)")
        return page

    yield open_
    page.close()
    assert not wrong
