"""Paystack: two accounts with their terminals, the list and the look-ups of their transactions and refunds.

Played from public facts, as the connector is built from them; amounts in kobo.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.paystack_webhooks import PaystackWebhooks
from sandbox.web import Request, Response, Routes, json_response, split_path

ACCOUNTS = {"sk_test_sandbox-one": 410001, "sk_test_sandbox-two": 410002}
MOST = 100  # rows a page
STATES = ("success", "failed", "abandoned", "pending", "ongoing", "reversed")


class BadPayment(Exception):
    """A payment that no terminal would take; `str()` says why."""


@dataclass
class Account:
    """One business at Paystack; its webhook address is empty until its dashboard is given one."""

    key: str
    number: int
    webhook_url: str = ""
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by reference, the oldest first
    refunds: list[dict[str, Any]] = field(default_factory=list)

    def terminal(self) -> dict[str, Any]:
        """Return its one terminal."""
        return {
            "id": self.number + 30, "serial_number": f"11115{self.number}", "terminal_id": f"T{self.number}",
            "integration": self.number, "domain": "test", "name": "Counter", "status": "online",
        }  # fmt: skip


class Paystack:
    """Every account with its payments, and the webhooks that tell of them."""

    def __init__(self) -> None:
        self.accounts = {key: Account(key, number) for key, number in ACCOUNTS.items()}
        self.webhooks = PaystackWebhooks()
        self._numbers = 4_677_000_000
        self._routes = Routes(
            ("GET", "/terminal", self._terminals),
            ("GET", "/customer", self._customers),
            ("GET", "/transaction", self._transactions),
            ("GET", "/transaction/verify/{reference}", self._verify),
            ("GET", "/transaction/{id}", self._transaction),
            ("GET", "/refund", self._refunds),
        )

    def handle(self, request: Request) -> Response:
        """Answer a call of the API."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        account = self.accounts.get(key)
        if account is None:
            return _refused(401, "Invalid key")
        found = self._routes.find(request.method, split_path(request.path))
        if found is None:
            return _refused(404, "Route not found")
        try:
            answer: Response = found[0](request, account, *found[1])
        except ValueError as error:
            return _refused(400, f"Invalid parameters: {error}")
        return answer

    def take(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        """Take a payment at the account's terminal and tell of it when it is paid; raises BadPayment."""
        amount, status = body.get("amount", 500_000), body.get("status", "success")
        if type(amount) is not int or amount <= 0 or status not in STATES:
            raise BadPayment(f"An amount is a whole number above 0, a status one of {', '.join(STATES)}.")
        number = self._next()
        reference = str(body.get("reference") or f"T{number}")
        if reference in account.transactions:
            raise BadPayment("This reference was used before.")
        at = str(body.get("at") or _now())
        transaction = {
            "id": number, "domain": "test", "status": status, "reference": reference, "amount": amount,
            "currency": str(body.get("currency", "NGN")), "channel": "card", "created_at": at,
            "paid_at": at if status in ("success", "reversed") else None,
            "metadata": body.get("metadata", {"terminal_id": account.terminal()["terminal_id"]}),
        }  # fmt: skip
        account.transactions[reference] = transaction
        if status == "success":
            self.tell(account, "charge.success", transaction)
        return transaction

    def finish(self, account: Account, reference: str, status: str) -> dict[str, Any]:
        """End a payment that was left pending, and tell of it when it is paid; raises BadPayment."""
        transaction = account.transactions.get(reference)
        if transaction is None or status not in STATES:
            raise BadPayment("There is no such payment or no such status.")
        transaction["status"] = status
        if status == "success":
            transaction["paid_at"] = _now()
            self.tell(account, "charge.success", transaction)
        return transaction

    def refund(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        """Give back a payment or a part of it, and tell of it; raises BadPayment."""
        transaction = account.transactions.get(str(body.get("reference")))
        if transaction is None or transaction["status"] != "success":
            raise BadPayment("There is no such payment to give back.")
        before = sum(each["amount"] for each in account.refunds if each["transaction"] == transaction["id"])
        amount = body.get("amount", transaction["amount"] - before)
        if type(amount) is not int or not 0 < amount <= transaction["amount"] - before:
            raise BadPayment("Not more can be given back than was paid.")
        refund = {
            "id": self._next(), "transaction": transaction["id"], "amount": amount, "status": "processed",
            "currency": transaction["currency"], "createdAt": _now(),
        }  # fmt: skip
        account.refunds.append(refund)
        if before + amount == transaction["amount"]:
            transaction["status"] = "reversed"
        told = {
            "status": "processed", "transaction_reference": transaction["reference"],
            "refund_reference": f"R{refund['id']}", "amount": str(amount), "currency": refund["currency"],
            "domain": "test",
        }  # fmt: skip
        self.tell(account, "refund.processed", told)
        return refund

    def tell(self, account: Account, event: str, data: dict[str, Any]) -> None:
        """Post an event to the account's address, where it has one."""
        if account.webhook_url:
            self.webhooks.post(account.webhook_url, account.key, {"event": event, "data": dict(data)})

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    # Each handler gets the call, the account of its key, and the values of its path.

    def _terminals(self, request: Request, account: Account) -> Response:
        return _listed(request, [account.terminal()])

    def _customers(self, request: Request, account: Account) -> Response:
        return _listed(request, [])

    def _transactions(self, request: Request, account: Account) -> Response:
        rows = [each for each in account.transactions.values() if _inside(request, each["created_at"])]
        status = request.argument("status")
        rows = [each for each in rows if status in ("", each["status"])]
        return _listed(request, sorted(rows, key=lambda each: each["created_at"], reverse=True))

    def _verify(self, request: Request, account: Account, reference: str) -> Response:
        found = account.transactions.get(reference)
        return _refused(400, "Transaction reference not found.") if found is None else _ok(found)

    def _transaction(self, request: Request, account: Account, number: str) -> Response:
        found = next((each for each in account.transactions.values() if str(each["id"]) == number), None)
        return _refused(404, "Transaction not found") if found is None else _ok(found)

    def _refunds(self, request: Request, account: Account) -> Response:
        wanted = request.argument("transaction")
        rows = [each for each in account.refunds if _inside(request, each["createdAt"])]
        return _listed(request, [each for each in rows if wanted in ("", str(each["transaction"]))])


def _inside(request: Request, moment: str) -> bool:
    since, until, at = request.argument("from"), request.argument("to"), datetime.fromisoformat(moment)
    after = not since or at >= datetime.fromisoformat(since)
    return after and (not until or at <= datetime.fromisoformat(until))


def _listed(request: Request, rows: list[dict[str, Any]]) -> Response:
    size, page = min(int(request.argument("perPage", "50")), MOST), int(request.argument("page", "1"))
    if size < 1 or page < 1:
        raise ValueError("perPage and page begin with 1")
    meta = {"total": len(rows), "perPage": size, "page": page, "pageCount": -(-len(rows) // size)}
    shown = rows[(page - 1) * size : page * size]
    return json_response(200, {"status": True, "message": "Retrieved", "data": shown, "meta": meta})


def _ok(data: dict[str, Any]) -> Response:
    return json_response(200, {"status": True, "message": "Retrieved", "data": data})


def _refused(status: int, sentence: str) -> Response:
    return json_response(status, {"status": False, "message": sentence})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
