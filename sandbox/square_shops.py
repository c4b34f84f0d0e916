"""The invented sellers of the Square side: their shops, what they sell, who buys there."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.catalogue import FIRST_NAMES, LAST_NAMES, PLACES, STREETS

OPENED = "2024-01-15T08:00:00.000Z"
KILOGRAM = "KILOGRAM"


class Tariff(NamedTuple):
    """One tax of the price list."""

    key: str
    name: str
    percentage: str
    type: str


VAT = Tariff("VAT", "VAT", "7.5", "ADDITIVE")
VAT_INSIDE = Tariff("VATIN", "VAT (in the price)", "7.5", "INCLUSIVE")
ZERO = Tariff("ZERO", "Zero rated", "0", "ADDITIVE")
TARIFFS = {tariff.key: tariff for tariff in (VAT, VAT_INSIDE, ZERO)}


class Ware(NamedTuple):
    """One thing on the price list; the price is in kobo for a piece or a kilogram, `tariff` is empty for untaxed."""

    key: str
    name: str
    variation: str
    price: int
    tariff: str = "VAT"
    unit: str = ""
    category: str = "Groceries"


WARES = (
    Ware("KETTLE", "Lagoonside kettle", "1.7 l", 1_850_000, category="Household"),
    Ware("LAMP", "Teak House lamp", "Rechargeable", 1_225_050, category="Household"),
    Ware("NOTEBK", "Quillstone notebook", "A5", 95_000, category="Stationery"),
    Ware("SOAP", "Whitesand soap", "Pack of 3", 140_033),
    Ware("COLA", "Kolanut Cola", "50 cl", 45_000),
    Ware("WATER", "Zobo Springs water", "75 cl", 30_000),
    Ware("BISCUIT", "Harmattan biscuits", "Box", 115_025),
    Ware("JOLLOF", "Jollof plate", "Large", 350_000, "VATIN", category="Kitchen"),
    Ware("SUYA", "Suya wrap", "Spicy", 280_000, "VATIN", category="Kitchen"),
    Ware("RICE", "Goldgrain rice", "Loose", 185_000, "", KILOGRAM),
    Ware("YAM", "Yamfield yam", "Loose", 96_000, "", KILOGRAM),
    Ware("BOOK", "Okuta English reader", "Level 3", 297_500, "ZERO", category="Stationery"),
)
WARES_BY_KEY = {ware.key: ware for ware in WARES}


@dataclass(slots=True)
class Shop:
    """One location; `number` counts from 1."""

    id: str
    name: str
    merchant_id: str
    number: int
    active: bool = True

    def shown(self, business_name: str) -> dict[str, Any]:
        """Return it as Square does; a Nigerian one cannot process cards."""
        town, state, postal = PLACES[self.number % len(PLACES)]
        return {
            "id": self.id,
            "name": self.name,
            "address": {
                "address_line_1": f"{self.number} {STREETS[self.number % len(STREETS)]}",
                "locality": town,
                "administrative_district_level_1": state,
                "postal_code": postal,
                "country": "NG",
            },
            "timezone": "Africa/Lagos",
            "status": "ACTIVE" if self.active else "INACTIVE",
            "created_at": OPENED,
            "merchant_id": self.merchant_id,
            "country": "NG",
            "language_code": "en-US",
            "currency": "NGN",
            "business_name": business_name,
            "type": "PHYSICAL",
            "mcc": "5411",
        }


@dataclass(slots=True)
class Seller:
    """One merchant with its shops in the order of their opening; the first one is the main location."""

    id: str
    name: str
    shops: list[Shop]
    customers: list[dict[str, Any]] = field(default_factory=list)
    catalog: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Return it as Square does."""
        return {
            "id": self.id,
            "business_name": self.name,
            "country": "NG",
            "language_code": "en-US",
            "currency": "NGN",
            "status": "ACTIVE",
            "main_location_id": self.shops[0].id,
            "created_at": OPENED,
        }


def make_seller(key: str, name: str, shops: int) -> Seller:
    """Return a seller with so many shops, a price list and customers; `key` goes into every id."""
    seller = Seller(f"ML{key}", name, [])
    for _ in range(shops):
        open_shop(seller)
    seller.customers = [_customer(key, number) for number in range(1, 31)]
    seller.catalog = [*(_tax(key, tariff) for tariff in TARIFFS.values()), _kilogram(key)]
    seller.catalog += [_shelf(key, name) for name in sorted({ware.category for ware in WARES})]
    seller.catalog += [entry for ware in WARES for entry in _item(key, ware)]
    return seller


def open_shop(seller: Seller) -> Shop:
    """Give a seller one more shop."""
    number, key = len(seller.shops) + 1, seller.id[2:]
    place = PLACES[number % len(PLACES)][0]
    again = f" {number}" if number > len(PLACES) else ""
    seller.shops.append(Shop(f"L{key}{number:03}", f"{seller.name} {place}{again}", seller.id, number))
    return seller.shops[-1]


def first_sellers() -> list[Seller]:
    """Return the sellers of a fresh sandbox: one shop, three, twelve."""
    return [
        make_seller("MANGOROW", "Mango Row Provisions", 1),
        make_seller("CALABASH", "Calabash Corner", 3),
        make_seller("IROKOLANE", "Iroko Lane Markets", 12),
    ]


def catalog_id(merchant_id: str, kind: str, key: str) -> str:
    """Return the id of an entry of a seller's price list; kinds are TAX, ITEM, VAR, UNIT and CAT."""
    return f"{kind}{merchant_id[2:]}{key}"


def _customer(key: str, number: int) -> dict[str, Any]:
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    customer: dict[str, Any] = {
        "id": f"C{key}{number:04}",
        "created_at": OPENED,
        "updated_at": OPENED,
        "given_name": first,
        "family_name": last,
        "email_address": f"{first}.{last}.{number}@buyer.example".lower(),
        "creation_source": "DIRECTORY",
        "preferences": {"email_unsubscribed": False},
        "version": 0,
    }
    if number % 3 == 0:
        customer |= {"company_name": f"{last} Trading {number}", "reference_id": f"B2B-{number:03}"}
        town, state, postal = PLACES[number % len(PLACES)]
        customer["address"] = {
            "address_line_1": f"{number} {STREETS[number % len(STREETS)]}",
            "locality": town,
            "administrative_district_level_1": state,
            "postal_code": postal,
            "country": "NG",
        }
    return customer


def _entry(kind: str, entry_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "id": entry_id,
        "updated_at": OPENED,
        "version": 1_705_305_600_000,
        "is_deleted": False,
        "present_at_all_locations": True,
        f"{kind.lower()}_data": data,
    }


def _tax(key: str, tariff: Tariff) -> dict[str, Any]:
    data = {
        "name": tariff.name,
        "calculation_phase": "TAX_SUBTOTAL_PHASE",
        "inclusion_type": tariff.type,
        "percentage": tariff.percentage,
        "applies_to_custom_amounts": True,
        "enabled": True,
    }
    return _entry("TAX", f"TAX{key}{tariff.key}", data)


def _kilogram(key: str) -> dict[str, Any]:
    unit = {"weight_unit": "METRIC_KILOGRAM", "type": "TYPE_WEIGHT"}
    return _entry("MEASUREMENT_UNIT", f"UNIT{key}{KILOGRAM}", {"measurement_unit": unit, "precision": 3})


def _shelf(key: str, name: str) -> dict[str, Any]:
    return _entry("CATEGORY", f"CAT{key}{name.upper()}", {"name": name, "category_type": "REGULAR_CATEGORY"})


def _item(key: str, ware: Ware) -> list[dict[str, Any]]:
    variation = {
        "item_id": f"ITEM{key}{ware.key}",
        "name": ware.variation,
        "sku": ware.key,
        "ordinal": 0,
        "pricing_type": "FIXED_PRICING",
        "price_money": {"amount": ware.price, "currency": "NGN"},
    }
    if ware.unit:
        variation["measurement_unit_id"] = f"UNIT{key}{ware.unit}"
    shown = _entry("ITEM_VARIATION", f"VAR{key}{ware.key}", variation)
    item: dict[str, Any] = {"name": ware.name, "is_taxable": bool(ware.tariff), "product_type": "REGULAR"}
    shelf = {"id": f"CAT{key}{ware.category.upper()}", "ordinal": 0}
    item |= {"categories": [shelf], "reporting_category": shelf}
    if ware.tariff:
        item["tax_ids"] = [f"TAX{key}{ware.tariff}"]
    return [_entry("ITEM", f"ITEM{key}{ware.key}", item | {"variations": [shown]}), shown]
