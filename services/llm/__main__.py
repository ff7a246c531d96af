"""Run the llm service by itself."""

from services._runtime import settings
from services._runtime.app import run
from services.llm.service import serve

if __name__ == "__main__":
    run("llm", settings.load(), serve)
