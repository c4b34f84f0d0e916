"""Calls of the Square side, as an app and as the people at the tills make them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.sandbox.client import Client

APP = "sandbox-sq0idb-sandbox-client"
SECRET = "sandbox-sq0csb-sandbox-secret"
PERSONAL = "EAAAEsandbox-personal"
BACK = "http://localhost:8000/connect/square?next=1"
SMALL, MIDDLE, LARGE = "MLMANGOROW", "MLCALABASH", "MLIROKOLANE"
SHOP = "LMANGOROW001"
READ = "MERCHANT_PROFILE_READ PAYMENTS_READ ORDERS_READ ITEMS_READ CUSTOMERS_READ"


class SquareClient:
    """Calls the API with one access token and the control endpoint without any."""

    def __init__(self, sandbox: Client, token: str = PERSONAL) -> None:
        self.sandbox = sandbox
        self.token = token

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Return the API's answer."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self.sandbox.call(method, path, headers=headers, **more)

    def read(self, path: str, **arguments: Any) -> dict[str, Any]:
        """Return the JSON of a GET that has to succeed."""
        answer = self.call("GET", f"/v2/{path}", params=arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, path: str, body: Any) -> dict[str, Any]:
        """Return the JSON of a POST that has to succeed."""
        answer = self.call("POST", f"/v2/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, status: int, **more: Any) -> str:
        """Return the code of a refusal."""
        answer = self.call(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()["errors"][0]["code"]

    def ring_up(self, **given: Any) -> dict[str, Any]:
        """Return the order of a sale."""
        return self.sandbox.control("square/sales", given)

    def switch(self, **settings: Any) -> None:
        """Set switches of the Square side, without their prefix."""
        self.sandbox.control("settings", {f"square_{name}": value for name, value in settings.items()})


def decide(sandbox: Client, decision: str = "allow", **changes: str) -> dict[str, str]:
    """Return what the consent page sends the person back with."""
    form = {"client_id": APP, "scope": READ, "state": "s 1", "redirect_uri": BACK, "merchant_id": SMALL}
    answer = sandbox.call("POST", "/oauth2/authorize", data=form | changes | {"decision": decision})
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(BACK + "&")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def obtain(sandbox: Client, **body: Any) -> requests.Response:
    """Return the answer of the token endpoint."""
    return sandbox.call("POST", "/oauth2/token", json={"client_id": APP, "client_secret": SECRET} | body)


def connect(sandbox: Client, **changes: str) -> dict[str, Any]:
    """Go through the consent and return the token answer."""
    code = decide(sandbox, **changes)["code"]
    answer = obtain(sandbox, grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.status_code == 200, answer.text
    return answer.json()
