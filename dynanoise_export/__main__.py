"""`python -m dynanoise_export` is the program `dynanoise-export`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder, which may be that of a hostile model

from dynanoise_cli.app import main

if __name__ == "__main__":
    main()
