"""The fault panel: every switch of the settings in one form."""

from dataclasses import fields, replace
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox.html import choice, form, page, switch, text_field
from sandbox.settings import RATE_LIMITS, Settings, change
from sandbox.web import Request, Response, html_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

# Name, label, hint; the kind of the setting's value says how it is shown and read.
ANSWERS = (
    ("bad_gateway_html", "502 with an HTML page", "How many times."),
    ("locked_423", "423 Locked", "How many times."),
    ("index_lag_s", "Index lag", "Seconds until a search sees a write."),
    ("latency_ms", "Latency", "Milliseconds before each answer."),
    ("clock_skew_s", "Clock skew", "Seconds; in Date headers and webhooks."),
    ("missing_scopes", "Missing scopes", "With spaces between; refused with 403."),
    ("limits", "Rate limits as in the original", ""),
    ("number_ids", "toObjectId is a number", "Off: it is text."),
)
RECORDS = (
    ("merge_keeps_primary", "A merge keeps the primary deal's id", "Off: the result is a new deal."),
    ("touch_parent", "Lines and associations move the deal's modified time", ""),
)
TOKENS = (
    ("token_ttl", "Life of an access token", "Seconds."),
    ("refuse_refresh", "Refresh token is dead", "BAD_REFRESH_TOKEN."),
    ("bad_hub", "Account is gone", "BAD_HUB."),
    ("drop_refresh_token", "Refresh answers lack the refresh token", ""),
)
WEBHOOKS = (
    ("webhook_batch", "Events a delivery", "1 to 100."),
    ("webhook_delay_ms", "Delay", "Milliseconds."),
    ("webhook_duplicates", "Extra copies of each delivery", "0 to 10."),
    ("webhook_timeout_s", "Time to answer", "Seconds."),
    ("webhook_retry_gaps", "Gaps before repetitions", "Seconds, with spaces between; the last one stays."),
    ("webhooks_on", "Webhooks are sent", ""),
    ("webhook_shuffle", "Events and deliveries are mixed up", ""),
)
KEPT_ON_RESET = {"deals", "seed", "webhook_target", "mbs_webhook_target", "square_webhook_target"}


class FaultPages:
    """Shows and sets the switches of the running sandbox."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox

    def show(self, request: Request, problem: str = "") -> Response:
        """GET /faults, also with what was wrong with a form."""
        settings = self.sandbox.settings
        said = '<p class="said" role="status">Done.</p>' if request.argument("said") else ""
        if problem:
            said = f'<p class="problem" role="alert">Nothing was changed. {escape(problem)}</p>'
        parts = [
            ("HubSpot's answers", _shown(settings, ANSWERS) + _counted_fields(settings)),
            ("Records", _shown(settings, RECORDS)),
            ("Tokens", _shown(settings, TOKENS)),
            ("Webhooks", _webhook_fields(settings) + _shown(settings, WEBHOOKS)),
        ]
        inside = "</div>".join(f'<h2>{title}</h2><div class="fields">{content}' for title, content in parts)
        buttons = '<div class="actions"><button name="do" value="save" class="main">Save</button></div>'
        body = f'{said}<form method="post" action="/faults">{inside}</div>{buttons}</form>{self._sent()}'
        body += "<h2>At once</h2>" + form("/faults", "", ("expire", "End all access tokens now"), main=False)
        body += form("/faults", "", ("reset", "Reset all switches"), main=False)
        body += "<p>A reset keeps the records and where webhooks go.</p>"
        return html_response(400 if problem else 200, page("Faults", body, wide=True))

    def _sent(self) -> str:
        report = self.sandbox.webhooks.report()
        counts = ", ".join(f"{report[name]} {name}" for name in ("sent", "delivered", "failed", "pending"))
        return f'<p>Webhook requests so far: {counts}. <a href="/_control/webhooks">The last 200</a></p>'

    def save(self, request: Request) -> Response:
        """POST /faults: set all switches, reset them, or end the access tokens."""
        given = request.form()
        if given.get("do") == "expire":
            self.sandbox.expire_access_tokens()
        elif given.get("do") == "reset":
            self._reset()
        else:
            problem = change(self.sandbox.settings, _read(given))
            if problem:
                return self.show(request, problem)
        self.sandbox.apply_settings()
        return Response(303, b"", "text/html; charset=utf-8", {"Location": "/faults?said=done"})

    def _reset(self) -> None:
        fresh = replace(self.sandbox.started_with, fail_next=[])
        for each in fields(Settings):
            if each.name not in KEPT_ON_RESET:
                setattr(self.sandbox.settings, each.name, getattr(fresh, each.name))


def _shown(settings: Settings, entries: tuple[tuple[str, str, str], ...]) -> str:
    return "".join(_field(name, label, hint, getattr(settings, name)) for name, label, hint in entries)


def _field(name: str, label: str, hint: str, value: Any) -> str:
    if isinstance(value, bool):
        return switch(name, label, hint, on=value)
    return text_field(name, label, " ".join(map(str, value)) if isinstance(value, list) else str(value), hint)


def _counted_fields(settings: Settings) -> str:
    limit, migrating = settings.rate_limit or {}, settings.migrating_477 or {}
    kinds = [("", "None"), *((kind, kind) for kind in RATE_LIMITS)]
    return (
        choice("limit_kind", "429 Too many requests", kinds, limit.get("kind", ""), "Which limit is full.")
        + text_field("limit_times", "429: how many times", str(limit.get("times", 1)))
        + text_field("limit_wait", "429: Retry-After", _wait(limit), "Seconds; empty for no header.")
        + text_field("migrating_times", "477 Migrating", str(migrating.get("times", 0)), "How many times.")
        + text_field("migrating_wait", "477: Retry-After", _wait(migrating), "Seconds; empty for no header.")
    )


def _wait(entry: dict[str, Any]) -> str:
    return "" if entry.get("retry_after") is None else str(entry["retry_after"])


def _webhook_fields(settings: Settings) -> str:
    target, forms = settings.webhook_target or {}, [("classic", "classic (deal.*)"), ("generic", "generic (object.*)")]
    return (
        text_field("target_url", "Sent to", target.get("url", ""), "Empty: nobody is told.")
        + text_field("target_secret", "App's secret", target.get("secret", ""), "Signs each delivery.")
        + choice("webhook_form", "Form", forms, settings.webhook_form)
    )


def _read(given: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a submitted form; what is no number stays text, for the check to refuse."""
    changes: dict[str, Any] = {}
    usual = Settings()
    for name, _, _ in ANSWERS + RECORDS + TOKENS + WEBHOOKS:
        text, kind = given.get(name, "").strip(), type(getattr(usual, name))
        if kind is bool:
            changes[name] = name in given
        elif kind is list:
            changes[name] = [_number(part) if name == "webhook_retry_gaps" else part for part in text.split()]
        else:
            changes[name] = _number(text or "0")
    kind_of_limit, wait = given.get("limit_kind", ""), _number_or_none(given.get("limit_wait", ""))
    times = _number(given.get("limit_times", "") or "1")
    changes["rate_limit"] = {"kind": kind_of_limit, "retry_after": wait, "times": times} if kind_of_limit else None
    times, wait = _number(given.get("migrating_times", "") or "0"), _number_or_none(given.get("migrating_wait", ""))
    changes["migrating_477"] = {"retry_after": wait, "times": times} if times else None
    url, secret = given.get("target_url", "").strip(), given.get("target_secret", "").strip()
    changes["webhook_target"] = {"url": url, "secret": secret} if url else None
    changes["webhook_form"] = given.get("webhook_form", "classic")
    return changes


def _number(text: str) -> Any:
    """Return a whole number or a fraction, or the text when it is neither."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _number_or_none(text: str) -> Any:
    return _number(text.strip()) if text.strip() else None
