"""Logs: one line an event, and never a word of what people said."""

import asyncio
import io
import json
import logging
import sys

import pytest
import structlog

from services._runtime import logs

SAID = "the launch code is marzipan"


@pytest.fixture
def lines(monkeypatch):
    """Configures logging and returns what it wrote, parsed; restores everything."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    logs.configure("json", "test", "i1")

    def read():
        text = written.getvalue()
        assert SAID not in text
        assert "marzipan" not in text
        return [json.loads(line) for line in text.splitlines()]

    yield read
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def fail():
    spoken = SAID
    raise ValueError(spoken)


def test_a_line_says_who_what_and_when(lines):
    structlog.get_logger().info("job.done", tries=2)
    (line,) = lines()
    assert line["event"] == "job.done"
    assert (line["level"], line["tries"]) == ("info", 2)
    assert (line["service"], line["instance"]) == ("test", "i1")
    assert line["timestamp"].endswith("Z")


def how_exceptions_are_logged():
    log = structlog.get_logger()

    def with_exception():
        try:
            fail()
        except ValueError:
            log.exception("it.failed")

    def with_an_error():
        try:
            fail()
        except ValueError as error:
            log.warning("it.failed", exc_info=error)

    def with_a_tuple():
        try:
            fail()
        except ValueError:
            log.warning("it.failed", exc_info=sys.exc_info())

    def chained():
        try:
            try:
                fail()
            except ValueError as error:
                raise ValueError(SAID) from error
        except ValueError:
            log.warning("it.failed", exc_info=True)

    return [with_exception, with_an_error, with_a_tuple, chained]


@pytest.mark.parametrize("logged", how_exceptions_are_logged(), ids=lambda one: one.__name__)
def test_of_an_exception_only_its_type_and_frames_are_kept(lines, logged):
    logged()
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["frames"][-1].partition(":")[0] == __name__
    assert not any("/" in frame for frame in line["frames"])
    assert "exc_info" not in line
    assert "exception" not in line


def test_the_frames_name_modules_and_functions(lines):
    structlog.get_logger().error("it.failed", exc_info=raised(fail))
    (line,) = lines()
    module, _, place = line["frames"][-1].partition(":")
    assert (module, place.split()[1]) == (__name__, "fail")


def test_a_deep_traceback_is_cut_to_where_it_happened(lines):
    def deep(levels):
        if levels == 0:
            fail()
        deep(levels - 1)

    structlog.get_logger().error("it.failed", exc_info=raised(lambda: deep(100)))
    (line,) = lines()
    assert len(line["frames"]) == logs.FRAMES
    assert line["frames"][-1].endswith(" fail")


def raised(call):
    try:
        call()
    except (ValueError, ExceptionGroup) as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_group_names_what_is_in_it(lines):
    """A service dies of a group when one of its tasks does."""
    inner = ExceptionGroup(SAID, [raised(fail), KeyError(SAID)])
    group = raised(lambda: (_ for _ in ()).throw(ExceptionGroup(SAID, [inner, OSError(SAID)])))
    structlog.get_logger().error("service.failed", exc_info=group)
    (line,) = lines()
    assert line["error"] == "ExceptionGroup(ExceptionGroup(ValueError, KeyError), OSError)"
    assert line["frames"][-1].endswith(" fail")


def test_an_error_that_was_never_raised_has_no_frames(lines):
    structlog.get_logger().error("it.failed", exc_info=KeyError(SAID))
    (line,) = lines()
    assert (line["error"], line["frames"]) == ("KeyError", [])


def test_no_exception_is_no_error(lines):
    structlog.get_logger().error("it.failed", exc_info=True)
    (line,) = lines()
    assert "error" not in line


@pytest.mark.parametrize("name", ["openai", "httpx", "nats.aio", "somebody", "asyncio"])
def test_of_a_library_only_its_name_and_place_are_kept(lines, name):
    logger = logging.getLogger(name)
    logger.warning("cannot send %s", SAID)
    logger.warning(SAID, extra={"body": SAID})
    try:
        fail()
    except ValueError:
        logger.exception(SAID, stack_info=False)
    for line in lines():
        assert (line["event"], line["logger"]) == ("library.log", name)
        assert line["where"].startswith("test_logs:")
    assert lines()[-1]["error"] == "ValueError"


def test_a_stack_of_a_library_is_not_shown(lines):
    logging.getLogger("somebody").warning(SAID, stack_info=True)
    assert not any("stack" in name for name in lines()[0])


def test_chatty_libraries_are_quiet(lines):
    for name in ("httpx", "openai", "nats", "uvicorn.access", "uvicorn.error", "faststream"):
        logging.getLogger(name).info("hello")
    assert lines() == []


def test_what_uvicorn_says_of_itself_is_kept(lines):
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    (line,) = lines()
    assert line["event"] == "Invalid HTTP request received."


async def test_a_task_nobody_waited_for_is_reported_without_its_words(lines):
    async def lost():
        fail()

    task = asyncio.create_task(lost())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)
    (line,) = lines()
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")


def test_debug_is_off(lines):
    structlog.get_logger().debug("detail")
    assert lines() == []


def test_odd_values_still_make_a_line(lines):
    structlog.get_logger().info("odd", path=io, name="a\nb", raw=b"\xff", number=float("nan"))
    assert len(lines()) == 1
