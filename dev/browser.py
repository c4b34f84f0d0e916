"""A browser without a screen: keeps cookies, finds forms, submits them, follows redirects."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from dev.say import Refusal


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": given.get("action", ""), "fields": {}, "buttons": []})
        elif self.forms and tag == "input" and given.get("name") and given.get("type") != "submit":
            self.forms[-1]["fields"][given["name"]] = given.get("value", "")
        elif self.forms and tag in {"button", "input"} and given.get("name"):
            self.forms[-1]["buttons"].append((given["name"], given.get("value", "")))


class Browser:
    """One person's session."""

    def __init__(self, origin: str) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self.origin = origin
        self.page: requests.Response | None = None

    def open(self, path: str) -> requests.Response:
        """Open a page; raises Refusal when it is not there."""
        return self._take(self._session.get(urljoin(self.origin, path), timeout=30))

    def submit(self, action: str, button: str = "", **fields: str) -> requests.Response:
        """Submit the first form whose action holds `action`, pressing the button whose value holds `button`.

        Raises Refusal when there is no such form.
        """
        if self.page is None:
            raise Refusal("No page is open.", exit_code=1)
        reader = _Forms()
        reader.feed(self.page.text)
        form = next((form for form in reader.forms if action in form["action"]), None)
        if form is None:
            raise Refusal(f"The page {self.page.url} has no form for {action}.", exit_code=1)
        pressed = dict([each for each in form["buttons"] if button.lower() in each[1].lower()][:1]) if button else {}
        target = urljoin(self.page.url, form["action"]) if form["action"] else self.page.url
        answer = self._session.post(
            target, data={**form["fields"], **pressed, **fields}, headers={"Referer": self.page.url}, timeout=30
        )
        return self._take(answer)

    def get_json(self, path: str) -> Any:
        """Return the JSON at a path."""
        answer = self._session.get(urljoin(self.origin, path), timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _take(self, answer: requests.Response) -> requests.Response:
        if answer.status_code >= 400:
            raise Refusal(f"{answer.url} answered {answer.status_code}.", exit_code=1)
        self.page = answer
        return answer
