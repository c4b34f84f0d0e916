"""A browser without a screen: keeps cookies, finds forms, submits them, follows redirects."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from dev.say import Refusal


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif self.forms and tag == "input" and given.get("name"):
            self.forms[-1][1][given["name"]] = given.get("value", "")


def find_form(html: str, action: str, **having: str) -> tuple[str, dict[str, str]] | None:
    """Return (action, fields) of the first form whose action holds `action` and whose fields have these values."""
    reader = _FormReader()
    reader.feed(html)
    for target, fields in reader.forms:
        if action in target and having.items() <= fields.items():
            return target, fields
    return None


class Browser:
    """One person's session."""

    def __init__(self, origin: str) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self.origin = origin
        self.page: requests.Response | None = None

    def open(self, path: str) -> requests.Response:
        """Open a page; raises Refusal when it is not there."""
        self.page = self._ask("GET", urljoin(self.origin, path))
        return self.page

    def submit(self, action: str, having: dict[str, str] | None = None, **fields: str) -> requests.Response:
        """Fill in and submit the first form of this page that fits; see find_form. Raises Refusal when none does."""
        if self.page is None:
            raise Refusal("No page is open.", exit_code=1)
        form = find_form(self.page.text, action, **(having or {}))
        if form is None:
            raise Refusal(f"The page {self.page.url} has no form for {action or having}.", exit_code=1)
        self.page = self._ask(
            "POST", urljoin(self.page.url, form[0]), data={**form[1], **fields}, headers={"Referer": self.page.url}
        )
        return self.page

    def get_json(self, path: str) -> Any:
        """Return the JSON at a path; raises Refusal when it is not there."""
        return self._ask("GET", urljoin(self.origin, path)).json()

    def _ask(self, method: str, address: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(method, address, timeout=30, **more)
        except requests.RequestException as problem:
            raise Refusal(f"{address} did not answer: {problem}", exit_code=1) from problem
        if answer.status_code >= 400:
            raise Refusal(f"{answer.url} answered {answer.status_code}.", exit_code=1)
        return answer
