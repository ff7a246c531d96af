"""What `doctor` found, and how it is shown. Checks nothing itself."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from earshot.text import one_line

Level: TypeAlias = Literal["ok", "warn", "FAIL"]


class Finding(msgspec.Struct, frozen=True):
    """One checked thing; `advice` is what to do about it."""

    level: Level
    what: str
    detail: str
    advice: str = ""


def ok(what: str, detail: str) -> Finding:
    """It works."""
    return Finding("ok", what, detail)


def warn(what: str, detail: str, advice: str = "") -> Finding:
    """It works for now, or could not be checked."""
    return Finding("warn", what, detail, advice)


def fail(what: str, detail: str, advice: str) -> Finding:
    """It does not work."""
    return Finding("FAIL", what, detail, advice)


def any_fail(findings: Iterable[Finding]) -> bool:
    """Whether something does not work."""
    return any(finding.level == "FAIL" for finding in findings)


def line(finding: Finding) -> str:
    """One finding for a person."""
    advice = f" -> {finding.advice}" if finding.advice else ""
    return one_line(f"{finding.level:<5} {finding.what}: {finding.detail}{advice}")
