"""A stand-in for the gateway: sessions in memory, answers as the test set them, requests kept."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PROBLEM = "application/problem+json"


class FakeGateway:
    """What it is to answer and what it was asked; `url` is where."""

    def __init__(self) -> None:
        self.sessions, self.requests, self.replies, self.keys = {}, [], {}, []
        self.polls_until_ended = 2
        self.events = []
        """(name, data) of the streamed answer."""

    def add(self, session_id, status="ended", **fields):
        self.sessions[session_id] = {"session_id": session_id, "status": status, **fields}

    def reply(self, method, path, body, status=200, kind="application/json"):
        """What to answer instead of the usual."""
        self.replies[method, path] = (status, kind, body)

    def bodies(self, method, path):
        """The bodies that came for one route."""
        return [body for asked, where, _, body in self.requests if (asked, where) == (method, path)]

    def answer(self, method, path, query, body):
        self.requests.append((method, path, query, body))
        if (method, path) in self.replies:
            return self.replies[method, path]
        match path.strip("/").split("/"):
            case ["v1", "sessions"]:
                return self._create(json.loads(body)) if method == "POST" else self._list(query)
            case ["v1", "sessions", session_id, *action]:
                return self._act(method, session_id, action, query)
        return 200, "application/json", {}

    def _act(self, method, session_id, action, query):
        reply = problem(404, "No such session", "session_id", "is not known")
        match method, action:
            case "PUT", ["recording"]:
                self.sessions[session_id] |= {"status": "live", "polls": 0}
                body = {"recording_id": "r", "items": 2, "mode": query["mode"], "speed": None}
                reply = 202, "application/json", body
            case "GET", [] if session_id in self.sessions:
                reply = 200, "application/json", self._view(session_id)
            case "POST", ["end"]:
                reply = 202, "application/json", {"session_id": session_id}
        return reply

    def _create(self, wanted):
        session_id = wanted.get("session_id") or f"s{len(self.sessions) + 1}"
        self.add(session_id, "requested", metadata=wanted.get("metadata") or {})
        return 201, "application/json", self.sessions[session_id]

    def _list(self, query):
        newest = [*reversed(self.sessions.values())]
        found = [one for one in newest if query.get("status") in {None, one["status"]}]
        at = int(query.get("cursor", 0))
        following = str(at + 2) if at + 2 < len(found) else None
        return 200, "application/json", {"items": found[at : at + 2], "next_cursor": following}

    def _view(self, session_id):
        view = self.sessions[session_id]
        if view["status"] == "live" and "polls" in view:
            view["polls"] += 1
            view["progress"] = {"played": min(view["polls"], 2), "total": 2}
            view["status"] = "ended" if view["polls"] >= self.polls_until_ended else "live"
        return view


def problem(status, title, field, cause):
    """A refusal that names one field."""
    body = {"type": "urn:x", "title": title, "status": status, "detail": f"{field}: {cause}"}
    return status, PROBLEM, body | {"errors": [{"field": field, "cause": cause}]}


def _handler(fake):
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fake.keys.append(self.headers.get("authorization"))
            if self.headers.get("accept") == "text/event-stream" and fake.events:
                fake.requests.append((self.command, parts.path, query, body))
                self._stream()
            else:
                self._send(*fake.answer(self.command, parts.path, query, body))

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server calls them by these names

        def _send(self, status, kind, body) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for name, data in fake.events:
                self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
                self.wfile.flush()

        def log_message(self, *_) -> None:
            """A test's output stays its own."""

    return Handler


@contextmanager
def served():
    """A fake gateway that listens on a free port."""
    fake = FakeGateway()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
