"""What stands before the authority: it draws the faults of its bad days and writes the witness log.

The log has one entry a call, in the order in which the calls were decided, and one more for each commit that came
late. It is only ever appended to; a reset begins a new one.
"""

import time
from contextlib import suppress
from hashlib import sha256
from random import Random
from threading import RLock, Timer
from typing import Any

import orjson

from sandbox.faults import BAD_GATEWAY
from sandbox.mbs import Authority, irn_in
from sandbox.mbs_envelope import BUSY_OR_DUPLICATE, FAILED, KEY_PROBLEM, OFFLINE, error
from sandbox.mbs_settings import EVERYWHERE, WRITES
from sandbox.settings import Settings
from sandbox.web import Request, Response, split_path

SIGN = "/api/v1/invoice/sign"
TIMEOUT_HTML = BAD_GATEWAY.replace(b"502 Bad Gateway", b"504 Gateway Time-out")
SLOW_SECONDS, LATE_SECONDS = 0.2, 0.5
COMMITTING = {"commit_drop", "commit_504", "duplicate", "duplicate_2026"}
Fault = dict[str, Any]


class Front:
    """Answers the authority's calls for one state of it; a late commit of an earlier state does nothing."""

    def __init__(self, settings: Settings, authority: Authority, lock: RLock) -> None:
        self.settings = settings
        self.authority = authority
        self.log: list[dict[str, Any]] = []
        self.is_over = False
        self._lock = lock
        self._storm: tuple[Fault, Random] | None = None

    def end(self) -> None:
        """Let nothing of this state happen any more."""
        self.is_over = True
        self.authority.notices.stop()

    def handle(self, request: Request, planned: Fault | None, planned_answer: Response | None) -> Response:
        """Answer one call; `planned` is a failure of `fail_next`, `planned_answer` what it says to answer."""
        fault = None if planned else self._draw(request)
        if fault and fault["kind"] == "slow":
            time.sleep(fault.get("seconds", SLOW_SECONDS))
        with self._lock:
            if request.path == SIGN:
                self.authority.sign_attempts[irn_in(request.body)] += 1
            if planned_answer is not None:
                return self._logged(request, planned_answer, f"planned {planned_answer.status or 'drop'}", "")
            response, committed = self._answer(request, fault)
            if planned:
                response.drop = True
            return self._logged(request, response, fault["kind"] if fault else "planned drop" if planned else "",
                                committed)  # fmt: skip

    def _answer(self, request: Request, fault: Fault | None) -> tuple[Response, str]:
        kind = fault["kind"] if fault else ""
        if fault and kind == "late_commit":
            self._commit_later(request, fault.get("seconds", LATE_SECONDS))
            return _late_answer(fault.get("answer", "504")), ""
        if kind in ("", "slow") or kind in COMMITTING:
            response, committed = self._perform(request)
            return _instead(kind, response), committed
        return _refusal(kind), ""

    def _perform(self, request: Request) -> tuple[Response, str]:
        self.authority.committed = ""
        response = self.authority.handle(request)
        return response, self.authority.committed

    def _commit_later(self, request: Request, seconds: float) -> None:
        timer = Timer(seconds, self._commit_now, (request,))
        timer.daemon = True
        timer.start()

    def _commit_now(self, request: Request) -> None:
        with self._lock:
            if not self.is_over:
                response, committed = self._perform(request)
                self._logged(request, response, "late", committed, is_heard=False)

    def _logged(
        self, request: Request, response: Response, fault: str, committed: str, *, is_heard: bool = True
    ) -> Response:
        heard = is_heard and not response.drop
        self.log.append({
            "n": len(self.log) + 1,
            "at": round(time.time(), 6),
            "method": request.method,
            "path": request.path,
            "irn": _irn_of(request),
            "body_sha256": sha256(request.body).hexdigest() if request.body else "",
            "fault": fault,
            "committed": committed,
            "status": response.status if heard else None,
            "answer": _meaning(request, response) if heard else "nothing",
        })  # fmt: skip
        return response

    def _draw(self, request: Request) -> Fault | None:
        """Take the planned fault that fits this call, or one of the storm's."""
        if not request.path.startswith("/api/v1/"):
            return None
        with self._lock:
            for fault in self.settings.mbs_faults:
                if fault.get("method") in (None, request.method) and request.path.startswith(
                    fault.get("path_prefix", "/")
                ):
                    _count_down(self.settings, fault)
                    return fault
            return self._blown(request)

    def _blown(self, request: Request) -> Fault | None:
        storm = self.settings.mbs_storm
        if not storm:
            return None
        if self._storm is None or self._storm[0] is not storm:
            self._storm = (storm, Random(storm.get("seed", 0)))
        random = self._storm[1]
        possible = EVERYWHERE + (WRITES if request.method != "GET" else ())
        kinds = [kind for kind in possible if kind in storm.get("kinds", possible)]
        if not kinds or random.random() >= storm["rate"]:
            return None
        fault: Fault = {"kind": random.choice(kinds), "answer": random.choice(("drop", "504", "busy"))}
        return fault | ({"seconds": storm["seconds"]} if "seconds" in storm else {})


def _count_down(settings: Settings, fault: Fault) -> None:
    left = fault.get("times", 1) - 1
    others = [each for each in settings.mbs_faults if each is not fault]
    settings.mbs_faults = [fault | {"times": left}, *others] if left > 0 else others


def _instead(kind: str, response: Response) -> Response:
    """Return what the caller gets of work that was done."""
    if kind == "commit_drop":
        return Response(response.status, drop=True)
    return response if kind in ("", "slow") else _refusal(kind)


def _late_answer(name: str) -> Response:
    return Response(0, drop=True) if name == "drop" else _refusal("commit_504" if name == "504" else name)


def _refusal(kind: str) -> Response:
    if kind == "drop":
        return Response(0, drop=True)
    if kind == "html_502":
        return Response(502, BAD_GATEWAY, "text/html; charset=utf-8")
    if kind == "commit_504":
        return Response(504, TIMEOUT_HTML, "text/html; charset=utf-8")
    if kind == "error_500":
        return error(500, "invoice_actions", "", "an internal error has occurred")
    if kind == "bad_keys":
        return error(400, "handler", "", KEY_PROBLEM)
    if kind == "offline":
        return error(404, "transmit_actions", OFFLINE, OFFLINE)
    if kind == "duplicate_2026":
        listed = [{"field": "invoice.irn", "message": "already exists"}]
        public = FAILED.removeprefix("validation failed: ")
        return error(400, "InvoiceValidationHandler", BUSY_OR_DUPLICATE, public, errors=listed)
    return error(400, "invoice_actions", BUSY_OR_DUPLICATE, FAILED)


def _irn_of(request: Request) -> str:
    parts = split_path(request.path)
    if request.method == "GET" and request.argument("irn"):
        return request.argument("irn")
    if request.method == "POST" and (in_body := irn_in(request.body)):
        return in_body
    last = parts[-1] if len(parts) > 4 else ""
    return last if last.count("-") == 2 else ""


def _meaning(request: Request, response: Response) -> str:
    """Say in a word what the caller was told: ok, found, absent, refused, keys, unclear or other."""
    content: Any = None
    with suppress(orjson.JSONDecodeError):
        content = orjson.loads(response.body)
    if not isinstance(content, dict):
        return "unclear"
    told = content.get("error") or {}
    is_question = request.method == "GET"
    if response.status < 300:
        data = content.get("data")
        is_empty = isinstance(data, dict) and "items" in data and data["items"] is None
        return ("absent" if is_empty else "found") if is_question else "ok"
    if told.get("public_message") == KEY_PROBLEM:
        return "keys"
    if response.status == 404 and told:
        return "absent" if is_question else "refused"
    if response.status == 400 and told.get("details") and told["details"] != BUSY_OR_DUPLICATE:
        return "refused"
    return "unclear"
