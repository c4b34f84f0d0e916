"""Starts and drives the sandbox as a process of its own, over HTTP like everything else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import requests


class SandboxProcess:
    """One sandbox on a free port."""

    def __init__(self, deals: int = 40, *arguments: str, limits: bool = False) -> None:
        self.deals = deals
        unlimited = () if limits else ("--no-limits",)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--deals", str(deals), *unlimited, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip().rsplit(" ", 1)[-1]
        assert self.url.startswith("http://127.0.0.1:"), f"the sandbox did not start: {self.url!r}"
        self._session = requests.Session()
        self._session.trust_env = False

    def stop(self) -> None:
        """End it."""
        self._session.close()
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def reset(self, **fresh: Any) -> None:
        """Return to the first state, without limits; `deals` and `seed` make another data set."""
        self.post("/_control/reset", {"deals": self.deals, "seed": 1, **fresh})
        self.post("/_control/settings", {"limits": False})

    def get(self, path: str) -> Any:
        """Return the JSON of a control endpoint."""
        answer = self._session.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """Post to a control endpoint and return its JSON."""
        answer = self._session.post(self.url + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def set(self, **settings: Any) -> None:
        """Change the sandbox's settings, for example token_ttl, expire_access_tokens or fail_next."""
        self.post("/_control/settings", settings)

    def fail_next(self, method: str, path_prefix: str, **what: Any) -> None:
        """Let coming calls fail: status, body, headers, times, or drop="before"|"after"."""
        self.set(fail_next=[{"method": method, "path_prefix": path_prefix, "times": 1, **what}])

    def edit(self, kind: str, record_id: str, **properties: Any) -> None:
        """Edit a record as its people would; `kind` is deals, line_items, companies or contacts."""
        path = (
            f"/_control/hubspot/deals/{record_id}"
            if kind == "deals"
            else f"/_control/hubspot/records/{kind}/{record_id}"
        )
        self.post(path, {"properties": properties})

    def archive(self, kind: str, record_id: str) -> None:
        """Put a record into the recycle bin; its modification time does not move."""
        self.post("/_control/hubspot/archive", {"kind": kind, "id": record_id})

    def restore(self, kind: str, record_id: str) -> None:
        """Take a record out of the recycle bin."""
        self.post("/_control/hubspot/restore", {"kind": kind, "id": record_id})

    def merge(self, primary: str, other: str, kind: str = "deals") -> str:
        """Merge two records and return the id of the result, a new one for deals."""
        return str(self.post("/_control/hubspot/merge", {"kind": kind, "primary": primary, "other": other})["id"])

    def associate(
        self, from_kind: str, from_id: str, to_kind: str, to_id: str, *, primary: bool = False, remove: bool = False
    ) -> None:
        """Link two records, or take their link away."""
        body = {"from_kind": from_kind, "from_id": from_id, "to_kind": to_kind, "to_id": to_id, "primary": primary}
        self.post(f"/_control/hubspot/{'dissociate' if remove else 'associate'}", body)

    def add_deal(
        self, lines: list[dict[str, Any]] | None = None, company_id: str = "", **properties: Any
    ) -> dict[str, Any]:
        """Make a deal as its people would; returns its `id` and `line_ids`."""
        body = {"properties": properties, "lines": lines or [], "company_id": company_id}
        made: dict[str, Any] = self.post("/_control/hubspot/deals", body)
        return made

    def add_line(self, deal_id: str, **properties: Any) -> str:
        """Give a deal one more line item and return its id; the deal's modification time does not move."""
        return str(self.post("/_control/hubspot/lines", {"deal_id": deal_id, "properties": properties})["id"])

    def mbs_fault(self, kind: str, path_prefix: str = "/", **what: Any) -> None:
        """Plan one of the authority's bad days; the package's docstring lists the kinds."""
        self.set(mbs_faults=[{"kind": kind, "path_prefix": path_prefix, **what}])

    def mbs_log(self) -> list[dict[str, Any]]:
        """Return the authority's witness log."""
        found: list[dict[str, Any]] = self.get("/_control/mbs/log")
        return found

    def webhooks(self) -> dict[str, Any]:
        """Return how many webhook requests were sent, delivered, given up and are open, and the last 200."""
        found: dict[str, Any] = self.get("/_control/webhooks")
        return found

    def expected(self) -> list[dict[str, Any]]:
        """Return what the sandbox itself says should become of each deal."""
        found = self.get("/_control/expected")
        return found if isinstance(found, list) else found["deals"]

    def received(self) -> dict[str, Any]:
        """Return what each side received."""
        return self.get("/_control/received?documents=0")
