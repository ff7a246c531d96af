"""`python -m services.gateway`: the gateway alone, settings from the environment."""

from services._runtime.app import run
from services._runtime.settings import load
from services.gateway.service import serve

if __name__ == "__main__":
    run("gateway", load(), serve)
