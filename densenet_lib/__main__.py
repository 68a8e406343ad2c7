"""The command line, as ``python -m densenet_lib``."""

import sys

from densenet_lib.cli import main

if __name__ == "__main__":
    sys.exit(main())
