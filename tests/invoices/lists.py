"""Every list of invoices that somebody can ask for: who asks, and which address."""

from __future__ import annotations

from dataclasses import dataclass

PAGE, API, ADMIN = "/invoices/", "/api/v1/invoices/", "/admin/invoices/invoice/"


@dataclass(frozen=True, slots=True)
class Listed:
    """One address; in its query stand {organization} for the biggest tenant's number and {last} for the last page."""

    name: str
    path: str
    query: str = ""

    def address(self, organization: int, counted: int) -> str:
        """Return the address for a list that is counted so far."""
        last = counted // (100 if "page_size=100" in self.query else 50)
        return f"{self.path}?{self.query.format(organization=organization, last=last)}"


LISTS = (
    Listed("page: all", PAGE),
    Listed("page: second", PAGE, "page=2"),
    Listed("page: deep", PAGE, "page={last}"),
    Listed("page: past the end", PAGE, "page=12000"),
    Listed("page: signed", PAGE, "status=signed"),
    Listed("page: signed, deep", PAGE, "status=signed&page={last}"),
    Listed("page: rejected", PAGE, "status=rejected"),
    Listed("page: a rare status", PAGE, "status=unknown"),
    Listed("page: no such status", PAGE, "status=config_error"),
    Listed("page: on their way", PAGE, "status=waiting"),
    Listed("page: at the authority", PAGE, "status=registered"),
    Listed("page: to approve", PAGE, "status=to_approve"),
    Listed("page: a day long ago", PAGE, "since=2024-03-05&until=2024-03-05"),
    Listed("page: a month long ago", PAGE, "since=2024-03-01&until=2024-03-31"),
    Listed("page: a year", PAGE, "since=2025-01-01&until=2025-12-31"),
    Listed("page: rejected in a month", PAGE, "status=rejected&since=2024-03-01&until=2024-03-31"),
    Listed("page: a number", PAGE, "q=INV0123456"),
    Listed("page: an IRN", PAGE, "q=INV0123456-BULK0000-20240724"),
    Listed("page: part of a number", PAGE, "q=12345"),
    Listed("page: a buyer", PAGE, "q=fernhill timber 1234"),
    Listed("page: a frequent word", PAGE, "q=ltd"),
    Listed("page: a fifth of the buyers", PAGE, "q=eastgate"),
    Listed("page: two letters", PAGE, "q=ea"),
    Listed("page: nothing like it", PAGE, "q=xylophone"),
    Listed("page: two letters of nothing", PAGE, "q=zq"),
    Listed("page: by date", PAGE, "sort=-date"),
    Listed("page: by date, oldest", PAGE, "sort=date"),
    Listed("page: by number", PAGE, "sort=number"),
    Listed("page: by number, last", PAGE, "sort=-number"),
    Listed("page: by buyer", PAGE, "sort=buyer"),
    Listed("page: by status", PAGE, "sort=-status"),
    Listed("page: by amount", PAGE, "sort=-amount"),
    Listed("page: by amount, least", PAGE, "sort=amount"),
    Listed("page: by amount, deep", PAGE, "sort=-amount&page={last}"),
    Listed("page: drafts for a reason", PAGE, "reason=buyer"),
    Listed("page: at risk", "/invoices/at-risk/"),
    Listed("page: at risk, second", "/invoices/at-risk/", "page=2"),
    Listed("page: buyers to ask", "/buyers/"),
    Listed("API: all", API),
    Listed("API: second", API, "page=2"),
    Listed("API: deep", API, "page={last}&page_size=100"),
    Listed("API: beyond the count", API, "before=300000&page_size=100"),
    Listed("API: signed", API, "status=signed&page_size=100"),
    Listed("API: rejected", API, "status=rejected"),
    Listed("API: a rare status", API, "status=unknown"),
    Listed("admin: all", ADMIN),
    Listed("admin: deep", ADMIN, "p={last}"),
    Listed("admin: oldest first", ADMIN, "o=9"),
    Listed("admin: an organization", ADMIN, "organization__id__exact={organization}"),
    Listed("admin: signed", ADMIN, "status__exact=signed"),
    Listed("admin: rejected", ADMIN, "status__exact=rejected"),
    Listed("admin: a rare status", ADMIN, "status__exact=unknown"),
    Listed("admin: to be approved", ADMIN, "needs_approval__exact=1"),
    Listed("admin: one kind", ADMIN, "kind=B2G"),
    Listed("admin: rejected of one", ADMIN, "organization__id__exact={organization}&status__exact=rejected"),
    Listed("admin: one day's", ADMIN, "issue_date__gte=2024-03-05&issue_date__lt=2024-03-06"),
    Listed("admin: made on a day", ADMIN, "created_at__gte=2024-03-01T00:00Z&created_at__lt=2024-03-02T00:00Z"),
    Listed("admin: a number", ADMIN, "q=INV0123456"),
    Listed("admin: a buyer", ADMIN, "q=fernhill timber 1234"),
    Listed("admin: a frequent word", ADMIN, "q=ltd"),
    Listed("admin: nothing like it", ADMIN, "q=xylophone"),
)
