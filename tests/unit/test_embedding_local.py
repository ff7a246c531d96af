"""The embedder in this process, with its real weights."""

import sys

import numpy as np
import pytest

from services._runtime.settings import Settings, SettingsError
from services.context.embedding import choosing

pytest.importorskip("wordllama")


@pytest.fixture(scope="module")
def local():
    from services.context.embedding.local import LocalEmbedder  # noqa: PLC0415 - an extra

    return LocalEmbedder()


async def test_texts_that_mean_the_same_are_alike(local):
    found = await local.embed(
        [
            "Which vehicle should we buy?",
            "The car was cheap, but the truck has more room for cargo.",
            "My grandmother bakes bread with walnuts on Sundays.",
        ]
    )
    assert found.shape == (3, 256)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.1


async def test_long_and_odd_texts_and_many_of_them_have_vectors(local):
    texts = ["word " * 50_000, "the of and", "🎉", "語", "\ud800", "a\0b", "x" * 9000, "?!"] * 20
    found = await local.embed(texts)
    assert found.shape == (160, 256)
    assert np.isfinite(found).all()
    assert np.allclose(found[:8], found[8:16], atol=1e-5)


async def test_nothing_is_looked_for_elsewhere(local, monkeypatch):
    import wordllama  # noqa: PLC0415 - an extra

    def refuse(*_, **__):
        raise AssertionError("a download")

    monkeypatch.setattr("requests.get", refuse)
    monkeypatch.setattr("wordllama.wordllama.Tokenizer.from_pretrained", refuse, raising=False)
    again = type(local)()
    assert again.model == local.model == f"wordllama-{wordllama.__version__}"


def test_the_settings_choose(monkeypatch):
    assert choosing.chosen(Settings(_env_file=None)) is None
    assert choosing.chosen(Settings(_env_file=None, embeddings="local")).model.startswith("word")
    remote = Settings(_env_file=None, openai_embedding_model="e-1", openai_api_key="sk")
    assert choosing.chosen(remote).model.startswith("e-1@")
    off = Settings(
        _env_file=None, openai_embedding_model="e-1", openai_api_key="sk", embeddings="off"
    )
    assert choosing.chosen(off) is None


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    monkeypatch.delitem(sys.modules, "services.context.embedding.local", raising=False)
    with pytest.raises(SettingsError, match=r"EARSHOT_EMBEDDINGS.*earshot\[embeddings\]"):
        choosing.chosen(Settings(_env_file=None, embeddings="local"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"embeddings": "openai", "openai_api_key": "sk"}, "OPENAI_EMBEDDING_MODEL"),
        ({"openai_embedding_model": "e-1"}, "OPENAI_API_KEY"),
        ({"embeddings": "magic"}, "off"),
    ],
)
def test_what_is_missing_is_named(given, told):
    with pytest.raises(ValueError, match=told):
        Settings(_env_file=None, **given)
