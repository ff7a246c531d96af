"""The documents keep up with the code."""

import re
from pathlib import Path

import pytest

from contracts import streams
from earshot.cli.app import app
from services._runtime.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(name):
    return (ROOT / name).read_text()


@pytest.mark.parametrize("field", Settings.model_fields.values(), ids=lambda one: one.alias)
def test_every_setting_is_explained(field):
    assert f"`{field.alias}`" in text("docs/operations.md")
    assert field.alias in text(".env.example")


def test_every_command_is_named():
    names = [one.name or one.callback.__name__ for one in app.registered_commands]
    assert len(names) >= 10
    for name in names:
        assert f"earshot {name.rstrip('_')}" in text("README.md") + text("docs/operations.md"), name


@pytest.mark.parametrize("stream", streams.STREAMS, ids=lambda one: one.name)
def test_every_stream_is_in_the_architecture(stream):
    assert f"`{stream.name}`" in text("docs/architecture.md")


def test_every_file_the_glossary_names_is_there():
    for path in re.findall(r"`((?:contracts|services)/[\w/]+\.py)`", text("docs/glossary.md")):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *DOCS.rglob("*.md")], ids=lambda one: one.name
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
