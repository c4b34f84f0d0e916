"""Requests, responses and the route table: the little of HTTP that every side of the sandbox shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

JSON = "application/json;charset=utf-8"


@dataclass(slots=True)
class Request:
    """One call as it came over the wire; `path` is decoded, `query` keeps repeated names."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes = b""
    client: str = "127.0.0.1"

    def argument(self, name: str, default: str = "") -> str:
        """Return the last value of a query argument."""
        return self.query.get(name, [default])[-1]

    def form(self) -> dict[str, str]:
        """Return the body's form fields; empty when the body is no form."""
        if "json" in self.headers.get("Content-Type", ""):
            return {}
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in fields.items()}

    def json(self) -> Any:
        """Return the decoded body; raises orjson.JSONDecodeError when it is not JSON."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class Response:
    """One answer; `drop` closes the connection instead of sending it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


def json_response(status: int, content: Any) -> Response:
    """Return a JSON answer; Decimals and orjson.Fragment are allowed inside."""
    return Response(status, orjson.dumps(content, default=str))


def html_response(status: int, page: str) -> Response:
    """Return an HTML page that no browser may keep."""
    return Response(status, page.encode(), "text/html; charset=utf-8", {"Cache-Control": "no-store"})


def make_request(method: str, target: str, headers: Message, body: bytes, client: str) -> Request:
    """Return the request for a request line's target, such as ``/crm/objects?limit=5``."""
    path, _, query = target.partition("?")
    arguments = parse_qs(query, keep_blank_values=True) if query else {}
    return Request(method, unquote(path), arguments, headers, body, client)


Handler = Callable[..., Response]


class Routes:
    """Finds the handler of a path; templates are like ``/crm/owners/{version}``, the first that fits wins."""

    def __init__(self, *table: tuple[str, str, Handler]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str | None, ...], Handler]]] = {}
        for method, template, handler in table:
            parts = split_path(template)
            pattern = tuple(None if part.startswith("{") else part for part in parts)
            self._by_shape.setdefault((method, len(parts)), []).append((pattern, handler))

    def find(self, method: str, parts: list[str]) -> tuple[Handler, list[str]] | None:
        """Return the handler and the values of the template's braces, or None."""
        for pattern, handler in self._by_shape.get((method, len(parts)), ()):
            if all(want is None or want == part for want, part in zip(pattern, parts, strict=True)):
                return handler, [part for want, part in zip(pattern, parts, strict=True) if want is None]
        return None


def split_path(path: str) -> list[str]:
    """Return a path's segments; a trailing slash does not count."""
    return path.strip("/").split("/")
