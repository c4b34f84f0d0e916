"""Square's error body and the few errors that are made in more than one place."""

from sandbox.web import Response, json_response

CATEGORIES = {
    401: "AUTHENTICATION_ERROR",
    403: "AUTHENTICATION_ERROR",
    429: "RATE_LIMIT_ERROR",
    500: "API_ERROR",
}


class SquareError(Exception):
    """A refusal in Square's shape."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def square_error(status: int, code: str, detail: str, field: str = "") -> SquareError:
    """Return the error ``{"errors": [{"category", "code", "detail", "field"?}]}``."""
    error = {"category": CATEGORIES.get(status, "INVALID_REQUEST_ERROR"), "code": code, "detail": detail}
    if field:
        error["field"] = field
    return SquareError(json_response(status, {"errors": [error]}))


def bad_value(detail: str, field: str, code: str = "INVALID_VALUE") -> SquareError:
    """Return the 400 of a value that cannot be used."""
    return square_error(400, code, detail, field)


def missing(field: str) -> SquareError:
    """Return the 400 of a field that has to be there."""
    return square_error(400, "MISSING_REQUIRED_PARAMETER", f"Missing required parameter: {field}.", field)


def unknown(what: str) -> SquareError:
    """Return the 404 of a thing that this seller does not have."""
    return square_error(404, "NOT_FOUND", f"{what} was not found.")
