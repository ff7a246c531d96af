"""Run the ingest service by itself."""

from services._runtime import settings
from services._runtime.app import run
from services.ingest.service import serve

if __name__ == "__main__":
    run("ingest", settings.load(), serve)
