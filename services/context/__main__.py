"""Run the context service by itself."""

from services._runtime import settings
from services._runtime.app import run
from services.context.service import serve

if __name__ == "__main__":
    run("context", settings.load(), serve)
