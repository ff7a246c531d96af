"""Structured logs, one event a line, ids and counts as fields. Never what people said.

A traceback is reduced to the types of its errors and the frames of the first: an error's words may
quote a meeting.
"""

import logging
import sys
import traceback
from collections import deque
from typing import Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

FRAMES = 12
"""How many of the innermost frames a logged traceback keeps."""


def configure(
    style: Literal["json", "console"], service: str, instance: str, level: str = "INFO"
) -> None:
    """Send our own and the libraries' logs to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mute_errors,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_only_the_library_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in (
        "httpx",
        "httpx2",
        "openai",
        "nats",
        "uvicorn.access",
        "uvicorn.error",
        "faststream",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service, instance=instance)


def _mute_errors(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    fields.pop("stack_info", None)
    given = fields.pop("exc_info", None)
    info = sys.exc_info() if given is True else given
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        fields["error"], fields["frames"] = _name(error), _frames(error)
    return fields


def _name(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return f"{type(error).__name__}({', '.join(_name(one) for one in error.exceptions)})"
    return type(error).__name__


def _frames(error: BaseException) -> list[str]:
    """Where it was raised, by module: a path would tell about the machine."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # where the group was put together says nothing
    frames = deque(traceback.walk_tb(error.__traceback__), FRAMES)
    return [
        f"{frame.f_globals.get('__name__')}:{line} {frame.f_code.co_name}" for frame, line in frames
    ]


def _only_the_library_name(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """Keep a library's own sentence only where it cannot quote what passed through it."""
    record = fields.get("_record")
    if isinstance(record, logging.LogRecord):
        fields["logger"] = record.name
        if not record.name.startswith("uvicorn"):
            fields["event"] = "library.log"
            fields["where"] = f"{record.module}:{record.lineno}"
    return fields
