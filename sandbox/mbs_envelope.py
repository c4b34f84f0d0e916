"""The authority's envelope around every answer, its errors, and its lists."""

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sandbox.web import Request, Response, json_response

FAILED = "validation failed: we are unable to process your request. also confirm this is not a duplicate request"
BUSY_OR_DUPLICATE = "unable to complete this operation at this time, kindly try again later"
KEY_PROBLEM = "unable to validate api key"
OFFLINE = "unable to transmit this invoice as the corresponding access points are offline"
MAX_PAGE = 1000


class Refused(Exception):
    """The document is refused; `details` and `public_message` go into the authority's envelope."""

    def __init__(self, details: str, public_message: str = "") -> None:
        super().__init__(details)
        self.details = details
        self.public_message = public_message


def decoded(body: bytes) -> Any:
    """Return a body's JSON with exact numbers; raises Refused when it has none."""

    def refuse(word: str) -> None:
        raise Refused(f"invalid character '{word[0]}' looking for beginning of value")

    try:
        return json.loads(body, parse_float=Decimal, parse_constant=refuse)
    except ValueError:
        raise Refused("invalid character in the body: it is not JSON") from None


def answer_raw(status: int, content: Any) -> Response:
    """Return an answer without the envelope, with the authority's headers."""
    response = json_response(status, content)
    response.content_type = "application/json; charset=utf-8"
    response.headers["Cache-Control"] = "private"
    return response


def answer(status: int, data: Any) -> Response:
    """Return a success."""
    return answer_raw(status, {"code": status, "data": data})


def error(status: int, side: str, details: str, public_message: str, **more: Any) -> Response:
    """Return an error; `details` "" is left out, as the authority does at the stage of the keys."""
    content: dict[str, Any] = {"id": str(uuid4()), "handler": side}
    if details:
        content["details"] = details
    content["public_message"] = public_message
    return answer_raw(status, {"code": status, "data": None, "message": "error has occurred", "error": content | more})


def unknown_irn() -> Response:
    """Return the 404 of an IRN that is not registered."""
    return error(404, "invoice_actions", "record not found", "no record was found for this irn")


def no_route() -> Response:
    """Return the 404 of a path that does not exist: it has no `error`."""
    message = "no route found for this path. kindly check your request and try again"
    return answer_raw(404, {"code": 404, "data": None, "message": message})


def listing(request: Request, found: list[dict[str, Any]]) -> Response:
    """Return one page of a list; an empty one has null in place of items."""
    size = _positive(request.argument("size"), 10, MAX_PAGE)
    page = _positive(request.argument("page"), 1, 2**31)
    shown = found[(page - 1) * size : page * size]
    facts = {
        "page": page,
        "size": size,
        "hasNextPage": page * size < len(found),
        "hasPreviousPage": page > 1,
        "totalCount": len(found),
    }
    return answer(200, {"items": shown or None, "page": facts, "attributes": None})


def _positive(text: str, default: int, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and int(text) else default
