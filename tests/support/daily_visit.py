"""The whole product in rooms of the fake: a session over HTTP at one end, the fake at the other."""

import ast
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.fakedaily.fake_daily import Controller
from tests.support.product import up

SECONDS = 30
FAKE = Path(__file__).parent / "fakedaily" / "fakedaily" / "daily" / "__init__.py"


def public(name: str) -> set[str]:
    """The public methods of one of the fake's classes, which are those of daily-python."""
    (found,) = (
        one
        for one in ast.parse(FAKE.read_text()).body
        if isinstance(one, ast.ClassDef) and one.name == name
    )
    functions = (one.name for one in found.body if isinstance(one, ast.FunctionDef))
    return {one for one in functions if not one.startswith("_")}


def includes(actual, expected) -> bool:
    """Whether what is expected is there: of mappings the keys given, `...` for any value."""
    match expected:
        case dict():
            return isinstance(actual, dict) and all(
                key in actual and includes(actual[key], value) for key, value in expected.items()
            )
        case list():
            return (
                isinstance(actual, list)
                and len(actual) == len(expected)
                and all(map(includes, actual, expected))
            )
        case _:
            return expected is ... or actual == expected


class House:
    """A running product whose bots go into the fake's rooms."""

    def __init__(self, product, controller: Controller, http: httpx.Client) -> None:
        self.product, self.controller, self.http = product, controller, http

    @property
    def nats_url(self) -> str:
        """Where the product's embedded server listens."""
        conf = json.loads((self.product.data_dir / "nats" / "nats.conf").read_text())
        login = conf["authorization"]
        return f"nats://{login['user']}:{login['password']}@{conf['listen']}"

    def visit(self, room: str) -> "Visit":
        """A session whose bot hears Ann, an owner, and Bob."""
        url = f"https://example.daily.co/{room}"
        people = {
            name: self.controller.join(name, room=url, owner=name == "Ann")
            for name in ("Ann", "Bob")
        }
        made = self.http.post(
            "/v1/sessions", json={"source": "daily", "room_url": url, "token": "owner"}
        )
        assert made.status_code == 201, made.text
        visit = Visit(self, url, made.json()["session_id"], people)
        visit.event("TranscriptionStarted")
        visit.event("ConsentNoticeSent")
        return visit


class Visit:
    """One session and its bot, in one room.

    In what is sent and expected, `$Ann`, `$Bob` stand for ids, as do the names given to `name`.
    """

    def __init__(self, house: House, url: str, session_id: str, people: dict[str, str]) -> None:
        self.house, self.url, self.session_id = house, url, session_id
        self.controller, self.http = house.controller, house.http
        self.path = f"/v1/sessions/{session_id}"
        self._ids = {f"${name}": participant_id for name, participant_id in people.items()}

    def name(self, **ids: str) -> None:
        """Let `$name` stand for an id from here on."""
        self._ids |= {f"${name}": one for name, one in ids.items()}

    def fill(self, value):
        """The value with the ids that its names stand for; `...` stays."""
        match value:
            case dict():
                return {self.fill(key): self.fill(one) for key, one in value.items()}
            case list() | tuple():
                return [self.fill(one) for one in value]
            case str():
                return self._ids.get(value, value)
            case _:
                return value

    def order(self, command: dict, **headers: str) -> httpx.Response:
        """The answer to a command."""
        return self.http.post(f"{self.path}/commands", json=self.fill(command), headers=headers)

    def upload(self, media_type: str, data: bytes) -> str:
        """The id of a file of the session."""
        headers = {"content-type": media_type}
        kept = self.http.post(f"{self.path}/files", content=data, headers=headers)
        assert kept.status_code == 201, kept.text
        return kept.json()["file_id"]

    def person(self, name: str, **fields) -> str:
        """The id of somebody new, once the log has them."""
        participant_id = self.controller.join(name, room=self.url, **fields)
        self.event("ParticipantJoined", participant_id=participant_id)
        return participant_id

    def control(self, command: dict):
        """Have something happen in the room."""
        return self.controller.send({"room": self.url} | self.fill(command))

    def reported(self, name: str, since: int, expected: dict, seconds: float = SECONDS) -> dict:
        """The fake's first report since a mark with what is expected."""
        wanted = self.fill(expected)
        return self.controller.wait(
            name, timeout=seconds, since=since, where=lambda one: includes(one, wanted)
        )

    def events(self) -> list[dict]:
        """The session's log."""
        recording = self.http.get(f"{self.path}/events", params={"format": "jsonl"})
        assert recording.status_code == 200, recording.text
        return [json.loads(line) for line in recording.text.splitlines()[1:]]

    def event(self, kind: str, after: int = 0, seconds: float = SECONDS, **expected) -> dict:
        """The first event after a sequence of a type with what is expected, once it is there."""
        wanted, end = self.fill(expected), time.monotonic() + seconds
        while True:
            later = [one for one in self.events() if one["seq"] > after]
            for one in later:
                if one["type"] == kind and includes(one, wanted):
                    return one
            told = [one for one in later if one["type"] == kind] or [one["type"] for one in later]
            assert time.monotonic() < end, f"no {kind} with {wanted}: {told}"
            time.sleep(0.1)

    def last_seq(self) -> int:
        """The sequence of the newest event."""
        return self.events()[-1]["seq"]

    def view(self) -> dict:
        """The session as HTTP shows it."""
        return self.http.get(self.path).json()

    def end(self) -> dict:
        """The session, once it is over because somebody asked."""
        assert self.http.post(f"{self.path}/end").status_code == 202
        end = time.monotonic() + SECONDS
        while (view := self.view())["status"] not in {"ended", "failed"}:
            assert time.monotonic() < end, view
            time.sleep(0.1)
        return view


@contextmanager
def house(data_dir: Path, **environment: str):
    """The product, started as a user would; at its end no bot may have misused Daily's client."""
    with Controller(latency_ms=0, join_ms=10) as controller:
        ours = {k: v for k, v in controller.env().items() if os.environ.get(k) != v}
        off = {"DAILY_API_KEY": "", "EARSHOT_API_KEYS": ""}
        with (
            up(data_dir, "--no-demo", **off, **ours, **environment) as product,
            httpx.Client(base_url=product.url, timeout=60, trust_env=False) as http,
        ):
            yield House(product, controller, http)
        assert controller.problems() == []
