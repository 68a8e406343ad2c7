"""TensorFlow's greeting is dropped; everything else still arrives."""

import os
import subprocess
import sys
import threading

from densenet_lib.quiet import without_greeting


def test_only_the_greeting_is_dropped(capfd):
    with without_greeting():
        os.write(2, b"I0000 00:00:1.2  3 port.cc:153] operations are on.\n")
        os.write(2, b"2026-01-02 03:04:05.678: I ext/port.cc:153] on.\n")
        os.write(2, b"2026-01-02 03:04:05.678: E ext/cuda.cc:1] cuInit: no\n")
        os.write(2, b"W0000 00:00:1.2  3 cpu.cc:10] unusual processor\n")
        os.write(2, b"Segmentation fault\n")
    assert capfd.readouterr().err == (
        "W0000 00:00:1.2  3 cpu.cc:10] unusual processor\nSegmentation fault\n"
    )


def test_standard_error_comes_back_after_an_error(capfd):
    try:
        with without_greeting():
            raise ImportError
    except ImportError:
        os.write(2, b"said afterwards\n")
    assert capfd.readouterr().err == "said afterwards\n"


def test_two_threads_do_not_lose_standard_error(capfd):
    held, over = threading.Event(), threading.Event()

    def first():
        with without_greeting():
            held.set()
            over.wait(1)  # the other one is let in only after this

    def second():
        held.wait()
        with without_greeting():
            over.set()

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"said afterwards\n")
    assert capfd.readouterr().err == "said afterwards\n"


def test_the_library_starts_without_a_word():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import densenet_lib, keras; keras.ops.ones(3)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""
