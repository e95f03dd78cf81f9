"""`python -m dynanoise_export` is the program `dynanoise-export`."""

from dynanoise_cli.app import main

if __name__ == "__main__":
    main()
