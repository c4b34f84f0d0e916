"""HubSpot's error answers."""

from typing import Any
from uuid import uuid4

import orjson

from sandbox.dataset import PORTAL_ID
from sandbox.web import Response, json_response


class HubSpotError(Exception):
    """An answer that ends the handling of a call."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def hubspot_error(status: int, category: str, message: str, **more: Any) -> HubSpotError:
    """Return an error in HubSpot's general shape; `more` are keys such as context or errors."""
    body = {"status": "error", "message": message, "correlationId": str(uuid4()), "category": category, **more}
    return HubSpotError(json_response(status, body))


def validation_error(message: str, **more: Any) -> HubSpotError:
    """Return the 400 for input that HubSpot refuses."""
    return hubspot_error(400, "VALIDATION_ERROR", message, **more)


def not_found() -> HubSpotError:
    """Return the 404 for a record or path that does not exist."""
    return hubspot_error(404, "OBJECT_NOT_FOUND", "resource not found")


def invalid_json(error: orjson.JSONDecodeError) -> HubSpotError:
    """Return the 400 for a body that is no JSON; it has no category in the original."""
    message = f"Invalid input JSON on line {error.lineno}, column {error.colno}: {error.msg}"
    body = {"status": "error", "message": message, "correlationId": str(uuid4())}
    return HubSpotError(json_response(400, body))


def bad_properties(problems: list[tuple[str, str, str]]) -> HubSpotError:
    """Return the 400 for property values; each problem is (name, error word, message), JSON inside the message."""
    details = [
        {
            "isValid": False,
            "message": message,
            "error": word,
            "name": name,
            "localizedErrorMessage": message,
            "portalId": PORTAL_ID,
        }
        for name, word, message in problems
    ]
    return validation_error(f"Property values were not valid: {orjson.dumps(details).decode()}")


def rate_limited(message: str, policy: str) -> HubSpotError:
    """Return the 429; the original's body has an errorType and a policy instead of a category."""
    body = {
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid4()),
        "policyName": policy,
        "groupName": "publicapi:sandbox",
        "requestId": str(uuid4()),
    }
    return HubSpotError(json_response(429, body))


def oauth_error(status: str, message: str, error: str = "invalid_grant") -> HubSpotError:
    """Return the 400 of the token endpoints: OAuth's names beside HubSpot's."""
    body = {
        "status": status,
        "message": message,
        "error": error,
        "error_description": message,
        "correlationId": str(uuid4()),
    }
    return HubSpotError(json_response(400, body))
