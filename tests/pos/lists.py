"""Every list of what tills and terminals bring that somebody can ask for: who asks, and which address."""

from __future__ import annotations

from dataclasses import dataclass

PAGE, API = "/sales/", "/api/v1/sales/"
SALES, REFUNDS, BATCHES = "/admin/pos/sale/", "/admin/pos/refund/", "/admin/pos/salebatch/"


CLOSES, PAYMENTS, RETURNS = "/admin/pos/dayclose/", "/admin/pos/terminalpayment/", "/admin/pos/salereturn/"
CUSTOMERS, GOODS = "/admin/pos/customer/", "/admin/pos/catalogobject/"


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
    Listed("page: the day as it goes", "/sales/today/", months=2),
    Listed("page: closed days", "/sales/close/", months=0),
    Listed("page: closed days, second", "/sales/close/", "page=2", months=0),
    Listed("page: businesses", "/sales/customers/", months=0),
    Listed("page: businesses, second", "/sales/customers/", "page=2", months=0),
    Listed("page: payments", "/payments/", months=0),
    Listed("page: payments matched", "/payments/", "show=matched", months=0),
    Listed("page: all payments", "/payments/", "show=all", months=0),
    Listed("page: all payments, second", "/payments/", "show=all&page=2", months=0),
    Listed("page: a payment's reference", "/payments/", "q=T-{sale}", months=0),
    Listed("page: no such payment", "/payments/", "q=nothing", months=0),
    Listed("closes: all", CLOSES, months=0),
    Listed("closes: oldest first", CLOSES, "o=1", months=0),
    Listed("closes: an organization's", CLOSES, "organization__id__exact={organization}", months=0),
    Listed("closes: of a day", CLOSES, "day__gte={day}&day__lt={next_day}", months=0),
    Listed("payments: all", PAYMENTS, months=0),
    Listed("payments: second", PAYMENTS, "p=2", months=0),
    Listed("payments: oldest first", PAYMENTS, "o=3", months=0),
    Listed("payments: an organization's", PAYMENTS, "organization__id__exact={organization}", months=0),
    Listed("payments: paid", PAYMENTS, "state__exact=succeeded", months=0),
    Listed("payments: of a day", PAYMENTS, "made_at__gte={day}+00:00Z&made_at__lt={next_day}+00:00Z", months=0),
    Listed("payments: a reference", PAYMENTS, "q=T-{sale}", months=0),
    Listed("payments: no such", PAYMENTS, "q=nothing", months=0),
    Listed("returns: all", RETURNS, months=0),
    Listed("returns: an organization's", RETURNS, "organization__id__exact={organization}", months=0),
    Listed("returns: due", RETURNS, "note_due__exact=1", months=0),
    Listed("returns: of a sale", RETURNS, "q={sale}", months=0),
    Listed("returns: no such", RETURNS, "q=nothing", months=0),
    Listed("customers: all", CUSTOMERS, months=0),
    Listed("customers: an organization's", CUSTOMERS, "organization__id__exact={organization}", months=0),
    Listed("customers: an id", CUSTOMERS, "q=customer-77", months=0),
    Listed("goods: all", GOODS, months=0),
    Listed("goods: an organization's", GOODS, "organization__id__exact={organization}", months=0),
    Listed("goods: an id", GOODS, "q=goods-77", months=0),
    Listed("batches: due", BATCHES, "invoice_due__exact=1"),
    Listed("batches: not due", BATCHES, "invoice_due__exact=0"),
)
