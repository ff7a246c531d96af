"""Which embedder the settings ask for."""

from services._runtime.settings import Settings, SettingsError
from services.context.embedding.seam import Embedder


def chosen(settings: Settings) -> Embedder | None:
    """The embedder, or None; raises SettingsError where it is not installed."""
    match settings.embeddings:
        case "openai":
            return _remote(settings)
        case "local":
            return _local()
        case _:
            return None


def _remote(settings: Settings) -> Embedder:
    from services.context.embedding.openai_embeddings import (  # noqa: PLC0415 - a large SDK
        OpenAIEmbeddings,
    )

    if settings.openai_api_key is None or settings.openai_embedding_model is None:
        raise SettingsError("EARSHOT_EMBEDDINGS: openai needs a key and a model")
    return OpenAIEmbeddings(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.openai_embedding_model,
    )


def _local() -> Embedder:
    try:
        from services.context.embedding.local import (  # noqa: PLC0415 - an extra
            LocalEmbedder,
        )

        return LocalEmbedder()
    except (ImportError, FileNotFoundError) as error:
        raise SettingsError(
            f"EARSHOT_EMBEDDINGS: local needs the extra earshot[embeddings] ({error})"
        ) from None
