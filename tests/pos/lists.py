"""Every list of sales, refunds and batches that somebody can ask for: who asks, and which address."""

from __future__ import annotations

from dataclasses import dataclass

PAGE, API = "/sales/", "/api/v1/sales/"
SALES, REFUNDS, BATCHES = "/admin/pos/sale/", "/admin/pos/refund/", "/admin/pos/salebatch/"


@dataclass(frozen=True, slots=True)
class Listed:
    """One address; in its query stand {day}, {next_day}, {shop}, {shop_id}, {connection}, {sale}, {organization}.

    `months` is how many months of sales its statements may look into, None where it is of all of them.
    """

    name: str
    path: str
    query: str = ""
    months: int | None = 1

    @property
    def is_of_staff(self) -> bool:
        """Tell whether it is a list of the admin."""
        return self.path.startswith("/admin/")


LISTS = (
    # Today may be the first of a month, whose first hour in Nigeria lies in the month before.
    Listed("page: today", PAGE, months=2),
    Listed("page: a day", PAGE, "day={day}"),
    Listed("page: a day, second", PAGE, "day={day}&page=2"),
    Listed("page: a day of a shop", PAGE, "day={day}&location={shop_id}"),
    Listed("page: completed on a day", PAGE, "day={day}&state=completed"),
    Listed("page: open on a day", PAGE, "day={day}&state=open"),
    Listed("page: all of it", PAGE, "day={day}&location={shop_id}&state=canceled"),
    Listed("page: an id", PAGE, "q={sale}", months=None),
    Listed("page: an id in a shop and state", PAGE, "q={sale}&location={shop_id}&state=completed", months=None),
    Listed("page: no such id", PAGE, "q=nothing", months=None),
    Listed("API: today", API, months=2),
    Listed("API: a day", API, "day={day}"),
    Listed("API: a day, long pages", API, "day={day}&page_size=100"),
    Listed("API: a day of a shop", API, "day={day}&location={shop}"),
    Listed("API: a day of a connection", API, "day={day}&connection={connection}"),
    Listed("API: open on a day", API, "day={day}&state=open"),
    Listed("API: completed today", API, "state=completed", months=2),
    Listed("API: all of it", API, "day={day}&location={shop}&connection={connection}&state=completed"),
    Listed("API: an id", API, "external_id={sale}", months=None),
    Listed("API: no such id", API, "external_id=nothing", months=None),
    Listed("sales: all", SALES, months=None),
    Listed("sales: second", SALES, "p=2", months=None),
    Listed("sales: oldest first", SALES, "o=4", months=None),
    Listed("sales: an organization's", SALES, "organization__id__exact={organization}", months=None),
    Listed("sales: open", SALES, "state__exact=open", months=None),
    Listed("sales: canceled", SALES, "state__exact=canceled", months=None),
    Listed("sales: completed", SALES, "state__exact=completed", months=None),
    Listed("sales: open of one", SALES, "organization__id__exact={organization}&state__exact=open", months=None),
    Listed("sales: of a day", SALES, "sold_at__gte={day}+00:00Z&sold_at__lt={next_day}+00:00Z"),
    Listed("sales: an id", SALES, "q={sale}", months=None),
    Listed("sales: no such id", SALES, "q=nothing", months=None),
    Listed("refunds: all", REFUNDS),
    Listed("refunds: oldest first", REFUNDS, "o=3"),
    Listed("refunds: an organization's", REFUNDS, "organization__id__exact={organization}"),
    Listed("refunds: pending", REFUNDS, "state__exact=pending"),
    Listed("refunds: failed", REFUNDS, "state__exact=failed"),
    Listed("refunds: completed", REFUNDS, "state__exact=completed"),
    Listed("refunds: due", REFUNDS, "note_due__exact=1"),
    Listed("refunds: of a day", REFUNDS, "refunded_at__gte={day}+00:00Z&refunded_at__lt={next_day}+00:00Z"),
    Listed("refunds: an id", REFUNDS, "q=refund-{sale}"),
    Listed("refunds: a payment", REFUNDS, "q=pay-{sale}"),
    Listed("refunds: no such id", REFUNDS, "q=nothing"),
    Listed("batches: all", BATCHES),
    Listed("batches: second", BATCHES, "p=2"),
    Listed("batches: oldest first", BATCHES, "o=2"),
    Listed("batches: an organization's", BATCHES, "organization__id__exact={organization}"),
    Listed("batches: of a day", BATCHES, "day__gte={day}&day__lt={next_day}"),
    Listed("batches: due", BATCHES, "invoice_due__exact=1"),
    Listed("batches: not due", BATCHES, "invoice_due__exact=0"),
)
