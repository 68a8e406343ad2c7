"""The page on which the network runs in the browser, held to the library."""

import base64
import functools
import http.server
import io
import json
import re
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import densenet_lib
from densenet_lib import attribution, features, runs
from densenet_lib.datasets import sketches
from densenet_lib.pretrained import PRETRAINED
from tools import front_ends, try_it

PAGE = "/book/chapters/try_it.html"
# The strictest under which WebAssembly runs; of what is served nothing is
# inline and nothing comes from elsewhere.
POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"

ASK = """
async ([content, type, withMaps]) => {
  const { ask } = await import(new URL("../try_it/asking.js", location));
  const bytes = Uint8Array.from(atob(content), (x) => x.charCodeAt(0));
  const found = await ask(new Blob([bytes], { type }), { runtime: "wasm" });
  if (!found.answer) return JSON.stringify(found);
  const { image, logit, maps, notes, about } = found.answer;
  const { enlarge, gradCam } =
    await import(new URL("../try_it/maps.js", location));
  const floats = Object.entries(withMaps ? maps : {}).map(
    ([name, map]) => [name, Array.from(map.values)],
  );
  const size = about.imageSize;
  const heat = [0, 1].map((kind) => {
    const map = gradCam(maps[about.lastMaps], about.lastWeights, kind);
    return Array.from(enlarge(map, size, size).values);
  });
  // As text: the driver takes a second for some ten thousand numbers.
  const plain = { image: Array.from(image), logit, notes, heat };
  return JSON.stringify({ ...plain, maps: Object.fromEntries(floats) });
}
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The page without the rest of the book, below a path and a policy."""

    def do_GET(self):
        if self.path != PAGE:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_page().encode())

    def translate_path(self, path):
        inside = path.removeprefix("/book/")
        for folder in (try_it.SCRIPTS, front_ends.EXTRA):
            if (folder / inside).is_file():
                return str(folder / inside)
        return str(front_ends.EXTRA / "nothing")

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *arguments):
        pass


def _page():
    source = Path(front_ends.ROOT / "chapters/try_it.md").read_text("utf-8")
    tool = re.search(r"```\{raw\} html\n(.*?)```", source, re.S)[1]
    return (
        '<!doctype html><html lang="en"><title>Try it</title>'
        '<link rel="icon" href="../try_it/samples/grey.webp">'
        f"<main>{tool}</main></html>"
    )


@pytest.fixture(scope="module")
def address():
    if not (try_it.FOLDER / "source").exists():
        pytest.skip("the network is not in _build/extra: make book")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PAGE}"
    server.shutdown()


# The last word is said: what goes on ends with an ellipsis.
AT_REST = """
() => {
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const { textContent } = part("status");
  return !part("results").hasAttribute("aria-busy")
    && textContent && !textContent.endsWith("…");
}
"""


class Visit:
    """A reader's page, with all that it has asked for and complained of."""

    def __init__(self, browser, address):
        self.page = browser.new_page()
        # What was asked for, what went wrong, and all that was said.
        self.requests, self.complaints, self.heard = [], [], []
        self.page.on("request", lambda r: self.requests.append(r))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("console", self._hear)
        self.page.goto(address)

    def _hear(self, message):
        self.heard.append(message.text)
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)

    def ask(self, content, kind="image/png", *, maps=False):
        """What the scripts say of a file's bytes."""
        text = base64.b64encode(content).decode()
        return json.loads(self.page.evaluate(ASK, [text, kind, maps]))

    def part(self, name):
        return self.page.locator(f"[data-part='{name}']")

    def status(self):
        """What the page says as soon as it has nothing more to do."""
        self.page.wait_for_function(AT_REST)
        return self.part("status").inner_text()


@pytest.fixture
def visit(browser, address):
    visits = []

    def begin(browser=browser):
        visits.append(Visit(browser, address))
        return visits[-1]

    yield begin
    for opened in visits:
        opened.page.close()


@pytest.fixture(scope="module")
def asked(browser, address):
    """A page that has loaded the network, for questions."""
    opened = Visit(browser, address)
    yield opened
    opened.page.close()


@pytest.fixture(scope="module")
def network():
    return densenet_lib.pretrained("cats-vs-dogs")


def _file(image, **options):
    """An image file's bytes; a PNG, unless ``format`` says otherwise."""
    content = io.BytesIO()
    options = {"format": "PNG"} | options
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(content, **options)
    return content.getvalue()


def _says(network, picture):
    """What the page says of it, by the library; whole per cents."""
    [answer] = network.predict(picture)
    return f"It says {answer.kind}, {int(100 * answer.probability)}."


def _side():
    """Of the square that the network reads, in pixels."""
    run = runs.load(PRETRAINED["cats-vs-dogs"])
    return run.experiment.image_size


@functools.cache
def _cat():
    from skimage import data

    return data.cat()


def _upright(rng):
    """Pictures of which Pillow first makes the rows, and the columns, small.

    Their height loses twice as many pixels as their width, and one more.
    """
    side = _side()
    return {
        name: rng.integers(0, 256, (height, side + 44, 3), "uint8")
        for name, height in (("rows", side + 88), ("columns", side + 89))
    }


@functools.cache
def _photos():
    """One of each shape: drawn, wide, narrow, tiny, and as the network's."""
    rng = np.random.default_rng(0)
    drawn, _ = sketches.draw("dog", np.random.default_rng(0), 256)
    return {
        "drawn": drawn,
        "wide": _cat(),
        "narrow": np.ascontiguousarray(_cat()[:, 100:157]),
        "tiny": rng.integers(0, 256, (3, 5, 3), "uint8"),
        "square": sketches.draw("cat", rng, _side())[0],
        "tall": rng.integers(0, 256, (601, 90, 3), "uint8"),
        **_upright(rng),
    }


@pytest.fixture(params=_photos())
def photo(request):
    return _photos()[request.param]


def test_the_square_and_the_logit_are_the_library_s(photo, asked, network):
    images = network.prepare(photo)
    [answer] = network.answers(images)
    found = asked.ask(_file(photo))
    np.testing.assert_array_equal(found["image"], images.ravel())
    assert found["logit"] == pytest.approx(answer.logit, abs=1e-3)
    assert found["notes"] == []


@pytest.mark.parametrize("name", ["drawn", "wide"])
def test_the_maps_are_the_library_s(name, asked, network):
    images = network.prepare(_photos()[name])
    found = asked.ask(_file(_photos()[name]), maps=True)
    layers = [*features.block_ends(network.model), try_it.LAST]
    expected = features.feature_maps(network.model, images, layers)
    assert set(found["maps"]) == set(layers)
    for layer in layers:
        values = np.reshape(found["maps"][layer], expected[layer].shape)
        np.testing.assert_allclose(values, expected[layer], atol=1e-3)


@pytest.mark.parametrize("name", ["drawn", "wide"])
@pytest.mark.parametrize("kind", [0, 1])
def test_the_heatmap_is_the_library_s_grad_cam(name, kind, asked, network):
    images = network.prepare(_photos()[name])
    [expected] = attribution.explain(
        network.model, images, "grad-cam", target=kind
    )
    heat = np.reshape(
        asked.ask(_file(_photos()[name]))["heat"][kind], expected.shape
    )
    np.testing.assert_allclose(heat, expected, atol=1e-3)


@pytest.mark.parametrize("turn", [1, 6, 8])
@pytest.mark.parametrize("size", [(451, 300), (1200, 800), (4032, 3024)])
def test_a_jpeg_is_upright_and_close(turn, size, asked, network):
    """Decoders round differently; the library's also reads it smaller."""
    mark = Image.Exif()
    mark[0x0112] = turn
    photo = np.asarray(Image.fromarray(_cat()).resize(size))
    content = _file(photo, format="JPEG", quality=90, exif=mark)
    [expected] = network.predict(content)
    found = asked.ask(content, "image/jpeg")
    difference = found["image"] - network.prepare(content).ravel().astype(int)
    assert np.abs(difference).mean() < 0.5
    assert found["logit"] == pytest.approx(expected.logit, abs=0.05)


def _animation():
    frames = [Image.fromarray(_cat()), Image.fromarray(_cat()[::-1])]
    content = io.BytesIO()
    frames[0].save(
        content, "GIF", save_all=True, append_images=frames[1:], duration=100
    )
    return content.getvalue()


def test_of_an_animation_the_first_picture_is_meant(asked, network):
    [expected] = network.predict(_animation())
    found = asked.ask(_animation(), "image/gif")
    assert found["logit"] == pytest.approx(expected.logit, abs=1e-3)
    assert "only its first picture" in found["notes"][0]


def test_a_gif_that_stands_still_is_no_animation(asked):
    content = _file(_cat(), format="GIF")
    assert asked.ask(content, "image/gif")["notes"] == []


def _clear(mode):
    """A PNG of a cat that fades out to the right, and whose top is clear."""
    cat = Image.fromarray(_cat())
    if mode == "P":
        return _file(cat.quantize(64), transparency=bytes(range(0, 256, 4)))
    opacity = np.tile(np.linspace(255, 1, cat.width), (cat.height, 1))
    opacity[:60] = 0
    cat = cat.convert(mode.removesuffix("A"))
    cat.putalpha(Image.fromarray(opacity.astype("uint8")))
    return _file(cat)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_as_in_the_library(mode, asked, network):
    images = network.prepare(_clear(mode))
    [expected] = network.answers(images)
    found = asked.ask(_clear(mode))
    np.testing.assert_array_equal(found["image"], images.ravel())
    assert found["logit"] == pytest.approx(expected.logit, abs=1e-3)
    assert "count as white" in found["notes"][0]


def test_what_is_transparent_is_shown_white(asked):
    clear = {"name": "cat.png", "mimeType": "image/png"}
    asked.part("file").set_input_files(clear | {"buffer": _clear("RGBA")})
    asked.status()
    strength = asked.part("strength").input_value()
    asked.part("strength").fill("0")
    corners = [
        asked.part(name).evaluate(
            "x => [...x.getContext('2d').getImageData(9, 9, 1, 1).data]"
        )
        for name in ("picture", "heat")
    ]
    asked.part("strength").fill(strength)  # the page serves other tests, too
    assert np.min(corners) >= 254  # opaque, too


def _huge():
    """The beginning of a PNG of 20,000 x 20,000 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\x0d"
        + head
        + struct.pack(">I", zlib.crc32(head))
    )


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"Dear diary", "text/plain", "no picture that your browser knows"),
        (b"", "image/png", "no picture that your browser knows"),
        (_huge()[:60] + b"IDAT", "image/png", "20000 × 20000 pixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png", "PNG file is damaged"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "JPEG file is damaged"),
        (b"GIF89a", "image/gif", "no picture that your browser knows"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    content, kind, words, asked
):
    refusal = asked.ask(content, kind)["refusal"]
    assert words in refusal and refusal.endswith(".")


def test_half_a_jpeg_is_an_answer_or_a_refusal(asked):
    """Browsers show what there is of it; the tool must not break."""
    content = _file(_cat(), format="JPEG")
    found = asked.ask(content[: len(content) // 2], "image/jpeg")
    assert "logit" in found or "damaged" in found["refusal"]


def test_a_refusal_loads_no_network(visit):
    reader = visit()
    reader.ask(b"Dear diary", "text/plain")
    assert not [r.url for r in reader.requests if "packed" in r.url]


def test_nothing_is_loaded_before_the_reader_asks(visit):
    reader = visit()
    reader.page.wait_for_load_state("networkidle")
    files = [r.url.rsplit("/", 1)[1] for r in reader.requests]
    assert not [name for name in files if name.endswith((".packed", ".png"))]
    assert "worker.js" not in files and "about.json" not in files
    sizes = [len(request.response().body()) for request in reader.requests]
    assert sum(sizes) < 60_000


def test_a_sample_is_answered_and_nothing_leaves_the_device(
    visit, address, network
):
    reader = visit()
    reader.page.get_by_role("button", name="A drawn cat, orange").click()
    rng = np.random.default_rng(2)
    drawn, _ = sketches.draw("cat", rng, try_it.DRAWN_SIZE)
    assert reader.status().startswith(_says(network, drawn))
    assert reader.part("record").inner_text().count("%") >= 4
    assert reader.complaints == []
    own = address.removesuffix(PAGE)
    for request in reader.requests:
        assert request.method == "GET" and request.url.startswith(own)


def test_a_file_that_is_chosen_is_shown_and_explained(asked):
    file = {"name": "cat.png", "mimeType": "image/png", "buffer": b""}
    asked.part("file").set_input_files(file | {"buffer": _file(_cat())})
    asked.status()
    assert asked.part("heat").get_attribute("aria-label").startswith("What")
    size = asked.part("picture").evaluate("x => [x.width, x.height]")
    assert size == [_cat().shape[1], _cat().shape[0]]
    # Another file that is none takes the old answer away.
    asked.part("file").set_input_files(file | {"buffer": b"none"})
    assert "no picture" in asked.status()
    assert asked.part("results").is_hidden()


def test_a_file_that_is_dropped_is_answered(asked):
    content = base64.b64encode(_file(_cat())).decode()
    transfer = asked.page.evaluate_handle(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (x) => x.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "cat.png"));
          return transfer;
        }""",
        content,
    )
    asked.part("drop").dispatch_event("drop", {"dataTransfer": transfer})
    assert "It says cat" in asked.status()


def _pixels(reader, name):
    return reader.part(name).evaluate("x => x.toDataURL()")


def test_the_keyboard_alone_reaches_everything(asked, network):
    press = asked.page.keyboard.press
    asked.page.get_by_role("button", name="Chelsea").focus()
    press("Enter")
    assert "It says cat" in asked.status()
    before = _pixels(asked, "heat")
    for _ in range(6):  # over the other samples
        press("Tab")
    press("ArrowDown")  # the other class
    assert _pixels(asked, "heat") != before
    press("ArrowUp")  # for it there may be no heat at all
    assert _pixels(asked, "heat") == before
    press("Tab")
    press("Home")  # no colours at all
    assert _pixels(asked, "heat") != before
    press("Tab")
    press("ArrowDown")  # the second block
    side = network.image_size // 8
    assert f"{side} × {side}" in asked.part("maps-words").inner_text()


def test_every_channel_of_every_block_is_shown(asked, network):
    asked.page.get_by_role("button", name="Nothing").click()
    asked.status()
    for block, end in enumerate(features.block_ends(network.model)):
        asked.part("block").select_option(str(block))
        sheets = asked.part("maps").locator("figure").all()
        shown = [sheet.locator("canvas").count() for sheet in sheets]
        sources = features.channel_sources(network.model, end)
        assert shown == list(sources.values())


CAMERA = "--use-fake-device-for-media-stream"  # a pattern that moves


def _deny(page):
    """What a reader does who says no when asked for the camera."""
    session = page.context.new_cdp_session(page)
    session.send(
        "Browser.setPermission",
        {"permission": {"name": "camera"}, "setting": "denied"},
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), r"^There is no camera .*: connect one .*, or choose a"),
        ((CAMERA,), r"^The camera is not allowed .*: allow it in .*, or"),
    ],
    ids=["none", "denied"],
)
def test_without_the_camera_the_page_says_what_to_do(
    options, words, launch, visit
):
    reader = visit(launch(*options))
    if options:
        _deny(reader.page)
    reader.part("camera").focus()
    for _ in range(2):  # the second time, too
        reader.part("status").evaluate("x => x.replaceChildren()")
        reader.page.keyboard.press("Enter")
        reader.page.get_by_text(re.compile(words)).wait_for(timeout=9000)
        assert reader.status().count(".") == 1  # one sentence
        assert reader.part("viewfinder").is_hidden()
    assert reader.part("camera").evaluate("x => x === document.activeElement")
    # All else goes on working.
    reader.page.get_by_role("button", name="Chelsea").click()
    assert reader.status().startswith("It says cat")
    assert reader.heard == []


def test_the_camera_is_not_started_twice(launch, visit):
    reader = visit(launch(CAMERA, "--use-fake-ui-for-media-stream"))
    reader.page.evaluate(
        """() => {
          const devices = navigator.mediaDevices;
          const begin = devices.getUserMedia.bind(devices);
          window.started = 0;
          devices.getUserMedia = (wanted) => {
            window.started += 1;
            return begin(wanted);
          };
        }"""
    )
    # While the reader is asked for it, and when it is on.
    twice = "button => [1, 2].forEach(() => button.click())"
    reader.part("camera").evaluate(twice)
    reader.part("take").wait_for()
    reader.part("camera").click()
    assert reader.page.evaluate("window.started") == 1
    assert reader.part("take").evaluate("x => x === document.activeElement")


def test_the_camera_s_picture_is_answered_and_the_camera_let_go(launch, visit):
    reader = visit(launch(CAMERA, "--use-fake-ui-for-media-stream"))
    reader.part("camera").click()
    reader.page.wait_for_selector("video:not([hidden])")
    track = reader.part("video").evaluate_handle(
        """async (video) => {
          while (!video.videoWidth) await new Promise(requestAnimationFrame);
          return video.srcObject.getTracks()[0];
        }"""
    )
    reader.part("take").click()
    assert "It says" in reader.status()
    assert track.evaluate("x => x.readyState") == "ended"


def test_opened_as_a_file_it_says_that_it_must_be_served(browser, tmp_path):
    (tmp_path / "chapters").mkdir()
    path = tmp_path / "chapters/try_it.html"
    path.write_text(_page(), "utf-8")
    (tmp_path / "try_it").symlink_to(try_it.SCRIPTS / "try_it")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert "make serve" in page.locator("[data-part='unserved']").inner_text()
    page.close()


def test_the_page_is_in_the_book(browser, site, network):
    page = browser.new_page()
    page.goto(f"{site}/chapters/try_it.html")
    page.get_by_role("button", name="Chelsea").click()
    page.get_by_text(_says(network, _cat())).wait_for()
    page.close()
