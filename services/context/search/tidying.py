"""Removes the index files that no process of this machine uses any more."""

import asyncio
from pathlib import Path

import structlog

from services.context.search import files

log = structlog.get_logger()

TIDY_SECONDS = 600.0
"""How often it looks; a file that nobody held twice in a row goes."""


async def keep_tidy(directory: Path) -> None:
    """Look for such files in the data directory until cancelled."""
    unheld: frozenset[str] = frozenset()
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        try:
            unheld = files.remove_unheld(directory, unheld)
        except OSError as error:
            log.warning("search.untidy", error=type(error).__name__)
