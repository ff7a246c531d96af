"""Refusals and findings as sentences for a person."""

import pytest

from earshot import addresses, findings
from earshot.addresses import AddressError
from earshot.errors import FieldCause, Problem, ProblemError
from earshot.findings import fail, ok, warn


def test_a_refusal_says_what_why_and_which_field():
    problem = Problem(
        title="The request cannot be used",
        status=422,
        detail="two values do not fit",
        errors=(FieldCause("speed", "must be above 0"), FieldCause("mode", "is unknown")),
    )
    assert str(ProblemError(problem)).splitlines() == [
        "The request cannot be used: two values do not fit",
        "  speed: must be above 0",
        "  mode: is unknown",
    ]


def test_a_cause_that_the_detail_names_is_not_said_twice():
    problem = Problem(
        title="No such session",
        detail="session_id: is not known",
        errors=(FieldCause("session_id", "is not known"),),
    )
    assert str(ProblemError(problem)) == "No such session: session_id: is not known"


def test_a_refusal_without_detail_is_its_title():
    assert str(ProblemError(Problem(title="Not allowed"))) == "Not allowed"


def test_a_finding_is_one_line_with_what_to_do():
    shown = findings.line(fail("nats", "does not\nanswer", "start it"))
    assert shown == "FAIL  nats: does not answer -> start it"
    assert findings.line(ok("disk", "9 GiB free")) == "ok    disk: 9 GiB free"


def test_only_a_failure_fails():
    assert not findings.any_fail([ok("a", ""), warn("b", "")])
    assert findings.any_fail([ok("a", ""), fail("b", "", "")])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_needs_no_key(host):
    addresses.check_reach(host, keyed=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])
def test_others_need_one(host):
    addresses.check_reach(host, keyed=True)
    with pytest.raises(AddressError, match="EARSHOT_API_KEYS"):
        addresses.check_reach(host, keyed=False)


def test_what_listens_everywhere_is_reached_here():
    assert addresses.local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert addresses.local_url("::", 80) == addresses.local_url("::1", 80) == "http://[::1]:80"
    assert addresses.free_port("::1", 0) > 0
    assert addresses.local_url("localhost", 8080) == "http://localhost:8080"
