"""Makes the invented account from a seed: companies, contacts, deals with their lines, and their flaws."""

import gc
from datetime import UTC, datetime, timedelta
from random import Random

from sandbox import catalogue
from sandbox.crm_schema import OWNERS, PIPELINES, derived_from_stage
from sandbox.dataset import FORWARD, Dataset, Link, Links, Record
from sandbox.money import half_up, kobo_text, tied

COMPANY_BASE, CONTACT_BASE, DEAL_BASE, LINE_BASE = 512_000_000, 77_000_000, 9_081_000_000, 31_500_000_000
FLAWS = ("no_tin", "no_company", "no_line_items", "foreign_currency", "no_address", "no_price")
FLAW_EVERY = 8  # of the won deals: 12.5 %
PRIMARY, SECOND, CONTACT, LINE = (5, 341), (341,), (3,), (19,)
DAYS = 120
QUANTITIES = (4, 4, 8, 12, 16, 20, 24, 40, 48, 80, 3, 6, 10, 49)  # in quarters: 1, 1, 2 … 0.75, 1.5, 2.5, 12.25
PERCENTAGES = (("5", 50), ("7.5", 75), ("10", 100), ("20", 200))  # text and per mille


def invent(deals: int, seed: int, same_modified: int = 0) -> Dataset:
    """Return the account for this size and seed; times are counted back from today's midnight (UTC).

    The first `same_modified` deals share one modification time, as after an edit of many at once.
    """
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of live objects: each collection would walk them all for nothing
    try:
        data = _Inventor(seed).account(deals)
    finally:
        if collecting:
            gc.enable()
    edited = list(data.tables["deals"])[:same_modified]
    latest = max((deal.properties["hs_lastmodifieddate"] for deal in edited), default="")
    for deal in edited:
        deal.properties["hs_lastmodifieddate"] = latest
    return data


class _Inventor:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.flaws = list(FLAWS)
        self.random.shuffle(self.flaws)
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.days = [(midnight + timedelta(days=day)).date().isoformat() for day in range(-DAYS, DAYS)]
        self.companies: dict[int, Record] = {}
        self.contacts: dict[int, Record] = {}
        self.deals: dict[int, Record] = {}
        self.lines: dict[int, Record] = {}
        self.links: dict[tuple[str, str], Links] = {pair: {} for pair in FORWARD}
        self.won = 0

    def account(self, deals: int) -> Dataset:
        self.shared = max(1, deals // 5)
        for _ in range(self.shared):
            self._company()
        for number in range(1, deals + 1):
            self._deal(number)
        tables = {
            "companies": self.companies,
            "contacts": self.contacts,
            "deals": self.deals,
            "line_items": self.lines,
        }
        return Dataset(tables, self.links)

    def _pick(self, number: int) -> int:
        return int(self.random.random() * number)

    def _instant(self, day: int) -> str:
        second = self._pick(86_400)
        hour, rest = divmod(second, 3600)
        clock = f"{hour:02}:{rest // 60:02}:{rest % 60:02}.{self._pick(1000):03}Z"
        return f"{self.days[DAYS + day]}T{clock}"

    def _company(self) -> int:
        number = len(self.companies) + 1
        record_id = COMPANY_BASE + number
        first = catalogue.FIRST_WORDS[number % len(catalogue.FIRST_WORDS)]
        trade = catalogue.TRADES[(number // len(catalogue.FIRST_WORDS)) % len(catalogue.TRADES)]
        rest = number // (len(catalogue.FIRST_WORDS) * len(catalogue.TRADES))
        name = f"{first} {trade} {rest + 1}" if rest else f"{first} {trade}"
        domain = name.lower().replace(" ", "-") + ".example"
        city, state, zone = catalogue.PLACES[self._pick(len(catalogue.PLACES))]
        created = self._instant(-DAYS)
        self.companies[record_id] = Record(record_id, {
            "name": f"{name} Ltd",
            "domain": domain,
            "website": f"https://{domain}",
            "tin": f"{90_000_000 + number:08}-0001",
            "billing_email": f"accounts@{domain}",
            "description": catalogue.DESCRIPTIONS[number % len(catalogue.DESCRIPTIONS)],
            "phone": f"+234800{number % 10_000_000:07}",
            "address": f"{self._pick(90) + 1} {catalogue.STREETS[number % len(catalogue.STREETS)]}",
            "city": city,
            "state": state,
            "zip": zone,
            "country": catalogue.COUNTRIES[number % len(catalogue.COUNTRIES)],
            "createdate": created,
            "hs_lastmodifieddate": self._instant(-1 - self._pick(60)),
            "hs_object_id": str(record_id),
        })  # fmt: skip
        self._contact(record_id, f"{name} Ltd", domain)
        return record_id

    def _contact(self, company_id: int, company: str, domain: str) -> None:
        number = len(self.contacts) + 1
        record_id = CONTACT_BASE + number
        first = catalogue.FIRST_NAMES[number % len(catalogue.FIRST_NAMES)]
        last = catalogue.LAST_NAMES[self._pick(len(catalogue.LAST_NAMES))]
        self.contacts[record_id] = Record(record_id, {
            "firstname": first,
            "lastname": last,
            "email": f"{first}.{last}.{number}@{domain}".lower(),
            "phone": f"+234800{(5_000_000 + number) % 10_000_000:07}",
            "company": company,
            "createdate": self._instant(-DAYS),
            "lastmodifieddate": self._instant(-1 - self._pick(60)),
            "hs_object_id": str(record_id),
        })  # fmt: skip
        self.links["contacts", "companies"][record_id] = [Link(company_id, (1, 279))]

    def _deal(self, number: int) -> None:
        pipeline = PIPELINES[0 if self.random.random() < 0.8 else 1]
        lot = self.random.random()
        stage = pipeline.stage("won" if lot < 0.45 else "open" if lot < 0.75 else "lost", self._pick(8))
        won = stage.outcome == "won"
        self.won += won
        flaw = ""
        if won and self.won % FLAW_EVERY == FLAW_EVERY // 2:
            flaw = self.flaws[self.won // FLAW_EVERY % len(self.flaws)]
        record_id = DEAL_BASE + number
        created = self._pick(DAYS - 20) - DAYS
        modified = created + 1 + self._pick(-created - 1)
        currency = "USD" if flaw == "foreign_currency" else "NGN"
        nets = [] if flaw == "no_line_items" else self._lines(number, created, currency, flaw)
        self._parties(record_id, flaw, won and not flaw and self.won % 13 == 3)
        properties = {
            "dealname": f"{catalogue.DEAL_SUBJECTS[self._pick(len(catalogue.DEAL_SUBJECTS))]} {number:05}",
            "amount": self._amount(nets, won and not flaw and self.won % 17 == 5),
            "pipeline": pipeline.id,
            "hubspot_owner_id": OWNERS[self._pick(len(OWNERS))].id,
            "dealtype": "newbusiness" if number % 3 else "existingbusiness",
            "closedate": self._instant(modified if stage.outcome != "open" else 1 + self._pick(60)),
            "num_associated_contacts": "1",
            "createdate": self._instant(created),
            "hs_lastmodifieddate": self._instant(modified),
            "hs_object_id": str(record_id),
        }
        if currency == "USD" or number % 10:
            properties["deal_currency_code"] = currency  # the rest has none: the account's currency counts
        discount = self._document_discount(nets)
        if discount and not flaw:
            properties["document_discount"] = kobo_text(discount)
        derived = derived_from_stage(stage, properties["closedate"], properties["amount"])
        properties |= {name: value for name, value in derived.items() if value}
        self.deals[record_id] = Record(record_id, properties)

    def _parties(self, deal_id: int, flaw: str, two: bool) -> None:
        if flaw in ("no_tin", "no_address"):
            company_id = self._company()
            for name in ("tin",) if flaw == "no_tin" else ("address", "city", "zip"):
                del self.companies[company_id].properties[name]
        else:
            company_id = COMPANY_BASE + 1 + self._pick(self.shared)
        companies = [] if flaw == "no_company" else [Link(company_id, PRIMARY)]
        if two and self.shared > 1:
            other = COMPANY_BASE + 1 + (company_id - COMPANY_BASE) % self.shared
            companies.insert(0, Link(other, SECOND))
        if companies:
            self.links["deals", "companies"][deal_id] = companies
        contact_id = CONTACT_BASE + (company_id - COMPANY_BASE)
        self.links["deals", "contacts"][deal_id] = [Link(contact_id, CONTACT)]

    def _amount(self, nets: list[tuple[int, str | None]], empty: bool) -> str:
        if empty:
            return ""
        if not nets or self.random.random() < 0.05:
            return str((self._pick(400) + 10) * 5_000)  # typed by hand, as some people do
        return kobo_text(sum(net for net, _ in nets))

    def _document_discount(self, nets: list[tuple[int, str | None]]) -> int:
        total = sum(net for net, _ in nets)
        discount = (self._pick(20) + 1) * 50_000
        if self.random.random() > 0.12 or discount * 4 > total:
            return 0
        by_category: dict[str, int] = {}
        for net, category in nets:
            by_category[category or "STANDARD_VAT"] = by_category.get(category or "STANDARD_VAT", 0) + net
        # A tie in the last kobo has no rule that everybody shares: such a discount is not given.
        return 0 if tied(discount, list(by_category.values())) else discount

    def _lines(self, number: int, day: int, currency: str, flaw: str) -> list[tuple[int, str | None]]:
        first_id = LINE_BASE + number * 10
        count = 1 + self._pick(5)
        created = self._instant(day)
        nets = []
        for position in range(count):
            product = catalogue.PRODUCTS[self._pick(len(catalogue.PRODUCTS))]
            record, net = self._line(first_id + position, position, product, created)
            record.properties["hs_line_item_currency_code"] = currency
            if flaw == "no_price" and position == count - 1:
                for name in ("price", "amount", "hs_pre_discount_amount"):
                    record.properties.pop(name, None)
            nets.append((net, product.tax_category))
            self.lines[record.id] = record
        self.links["deals", "line_items"][DEAL_BASE + number] = [
            Link(first_id + position, LINE) for position in range(count)
        ]
        return nets

    def _line(self, record_id: int, position: int, product: catalogue.Product, created: str) -> tuple[Record, int]:
        quarters = QUANTITIES[self._pick(len(QUANTITIES))]
        price = product.price + (self._pick(9) - 4) * 25 * 100  # haggled by up to 100 naira
        gross = half_up(quarters * price, 4)
        properties = {
            "name": product.name,
            "description": product.description,
            "quantity": f"{quarters / 4:g}",
            "price": kobo_text(price),
            "hs_sku": product.sku,
            "hs_position_on_quote": str(position),
            "hs_pre_discount_amount": kobo_text(gross),
            "createdate": created,
            "hs_lastmodifieddate": created,
            "hs_object_id": str(record_id),
        }
        if product.isic_code:
            properties["isic_code"] = product.isic_code
        else:
            properties["hsn_code"], properties["product_category"] = product.hsn_code, product.product_category
        if product.tax_category:
            properties["tax_category"] = product.tax_category
        net = gross
        lot = self.random.random()
        if lot < 0.15:
            off = price * (1 + self._pick(10)) // 10_000 * 100  # whole naira, up to 10 %
            properties["discount"] = kobo_text(off)
            net = half_up(quarters * (price - off), 4)
        elif lot < 0.3:
            text, per_mille = PERCENTAGES[self._pick(len(PERCENTAGES))]
            properties["hs_discount_percentage"] = text
            net = half_up(quarters * price * (1000 - per_mille), 4000)
        if net != gross:
            properties["hs_total_discount"] = kobo_text(gross - net)
        properties["amount"] = kobo_text(net)
        return Record(record_id, properties), net
