"""A plain HTTP client of the sandbox, and the process it talks to."""

import subprocess
import sys
from typing import Any

import requests

SERVICE_KEY = "pat-sandbox"
APP = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
SCOPES = "oauth crm.objects.deals.read crm.objects.line_items.read crm.objects.companies.read crm.objects.contacts.read"
BACK = "http://localhost:8000/connect/done?next=1"
KEYS = {"x-api-key": "sandbox-key", "x-api-secret": "sandbox-secret"}


def start(*arguments: str, errors: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a sandbox; its first line of output says where it listens. `errors` None shows its errors in ours."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> int:
    """Stop a sandbox as `kill` does and return its exit code."""
    process.terminate()
    process.communicate(timeout=10)
    return process.returncode


class Client:
    """Calls the sandbox; HubSpot calls carry the service key unless another token is given."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Return the answer to any call; redirects are not followed."""
        return self.session.request(method, self.base + path, timeout=30, allow_redirects=False, **more)

    def hubspot(self, method: str, path: str, token: str = SERVICE_KEY, **more: Any) -> requests.Response:
        """Return HubSpot's answer."""
        return self.call(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    def mbs(self, method: str, path: str, **more: Any) -> requests.Response:
        """Return the authority's answer to a call with the right keys; `path` follows /api/v1."""
        return self.call(method, f"/api/v1{path}", headers=KEYS, **more)

    def control(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a control endpoint; a body makes it a POST."""
        answer = self.call("GET" if body is None else "POST", f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def approve(self, decision: str = "approve", **changes: str) -> requests.Response:
        """Return the answer to a decision on the consent page."""
        form = {"client_id": "sandbox-client", "redirect_uri": BACK, "scope": SCOPES, "state": "s 1"}
        return self.call("POST", "/oauth/authorize", data=form | {"decision": decision} | changes)

    def token(self, version: str = "2026-03", **form: str) -> requests.Response:
        """Return the token endpoint's answer."""
        return self.call("POST", f"/oauth/{version}/token", data=APP | form)

    def connect(self, **changes: str) -> dict[str, Any]:
        """Go through the whole consent and return the token answer."""
        location = self.approve(**changes).headers["Location"]
        code = location.split("code=")[1].split("&")[0]
        answer = self.token(grant_type="authorization_code", code=code, redirect_uri=BACK)
        assert answer.status_code == 200, answer.text
        return answer.json()
