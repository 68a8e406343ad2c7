"""The reader's own Chromium, which prints the book and tests its pages."""

import shutil

# Chromium's own names; Chrome and Edge are Chromium, too. On macOS none of
# them is among the commands.
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)


def find():
    """Path of one that is installed, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)
