"""The `earshot` command."""

import io
import sys

from earshot.cli.app import app


def main() -> None:
    """Run the command that the arguments name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack a letter that was said
    app()


if __name__ == "__main__":
    main()
