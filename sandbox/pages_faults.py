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
SQUARE = (
    ("square_lag_s", "Lists lag", "Seconds in which lists and searches trail the tills."),
    ("square_error_500", "500", "How many times."),
    ("square_bad_gateway_html", "502 with an HTML page", "How many times."),
    ("square_missing_scopes", "Missing scopes", "With spaces between; refused with 403."),
    ("square_order_events", "Order events", "none, updated or both."),
    ("square_oauth_errors", "Shape of 401 under /oauth2", "errors or legacy."),
    ("square_token_ttl", "Life of an access token", "Seconds."),
    ("square_cursor_s", "Life of a cursor", "Seconds."),
    ("square_webhook_delay_ms", "Webhook delay", "Milliseconds."),
    ("square_webhook_duplicates", "Extra copies of each webhook", "0 to 10."),
    ("square_webhook_drop", "Webhooks that are lost", "How many."),
    ("square_webhook_disable_after", "Failures that disable a subscription", "In a row; 0: never."),
    ("square_webhook_timeout_s", "Time to answer a webhook", "Seconds."),
    ("square_webhook_time_scale", "Pace of repetitions", "1 is Square's own; 0.01 makes a minute 0.6 seconds."),
    ("square_webhooks_on", "Webhooks are sent", ""),
    ("square_webhook_shuffle", "Webhooks are mixed up", ""),
    ("square_webhook_wrong_key", "Webhooks are signed with a wrong key", ""),
    ("square_tips_in_total", "An order's total includes tips", ""),
    ("square_offline_keeps_time", "An offline order keeps its own time", ""),
    ("square_go_times", "Subscriptions have times like Go's", ""),
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
            ("Square", _square_fields(settings) + _shown(settings, SQUARE)),
            ("Webhooks of HubSpot", _webhook_fields(settings) + _shown(settings, WEBHOOKS)),
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


def _square_fields(settings: Settings) -> str:
    target, limit = settings.square_webhook_target or {}, settings.square_rate_limit or {}
    stall, dead = settings.square_timeout or {}, settings.square_dead_token or {}
    return (
        text_field("square_url", "Webhooks are sent to", target.get("url", ""), "Empty: only to the app's own.")
        + text_field("square_key", "Signature key", target.get("secret", ""), "Signs each delivery.")
        + text_field("square_limit_times", "429", str(limit.get("times", 0)), "How many times.")
        + text_field("square_limit_wait", "429: Retry-After", _wait(limit), "Seconds; empty for no header.")
        + text_field("square_stall_times", "No answer", str(stall.get("times", 0)), "How many times.")
        + text_field("square_stall_seconds", "No answer: for", str(stall.get("seconds", 60)), "Seconds.")
        + text_field("square_dead_times", "401 expired", str(dead.get("times", 0)), "How many times.")
        + text_field("square_dead_after", "401 expired: after", str(dead.get("after", 0)), "So many good calls.")
    )


def _read_square(given: dict[str, str]) -> dict[str, Any]:
    """Return the counted switches of Square that a form has; one of no times is off."""
    numbers = {name: _number(value.strip() or "0") for name, value in given.items()}
    get = numbers.get
    limit = {"times": get("square_limit_times", 0)}
    if given.get("square_limit_wait", "").strip():
        limit["retry_after"] = numbers["square_limit_wait"]
    stall = {"times": get("square_stall_times", 0), "seconds": get("square_stall_seconds", 60)}
    dead = {"times": get("square_dead_times", 0), "after": get("square_dead_after", 0), "code": "ACCESS_TOKEN_EXPIRED"}
    url, key = given.get("square_url", "").strip(), given.get("square_key", "").strip()
    return {
        "square_rate_limit": limit if limit["times"] else None,
        "square_timeout": stall if stall["times"] else None,
        "square_dead_token": dead if dead["times"] else None,
        "square_webhook_target": {"url": url, "secret": key} if url else None,
    }


def _read(given: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a submitted form; what is no number stays text, for the check to refuse."""
    changes: dict[str, Any] = {}
    usual = Settings()
    for name, _, _ in ANSWERS + RECORDS + TOKENS + SQUARE + WEBHOOKS:
        text, kind = given.get(name, "").strip(), type(getattr(usual, name))
        if kind is bool:
            changes[name] = name in given
        elif kind is list:
            changes[name] = [_number(part) if name == "webhook_retry_gaps" else part for part in text.split()]
        else:
            changes[name] = text if kind is str else _number(text or "0")
    changes |= _read_square(given)
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
