"""Ready-made sales by name, each with one thing that a reader of sales must get right."""

from random import Random
from typing import Any

from sandbox.square_shops import WARES

TRANSFER = {"type": "EXTERNAL", "external": "BANK_TRANSFER", "source": "Imagined Bank"}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"lines": [{"ware": "KETTLE", "quantity": "2"}, {"ware": "SOAP", "quantity": "3"}]},
    "tip": {"lines": [{"ware": "LAMP"}], "tip": 50_000, "tenders": [TRANSFER]},
    "order_discount_percent": {
        "lines": [{"ware": "KETTLE"}, {"ware": "SOAP"}, {"ware": "COLA", "quantity": "7"}],
        "discounts": [{"name": "Harvest week", "percentage": "12.5"}],
    },
    "order_discount_amount": {
        "lines": [{"ware": "KETTLE"}, {"ware": "SOAP"}, {"ware": "BISCUIT"}],
        "discounts": [{"name": "Voucher", "amount": 100_001}],
    },
    "line_discount": {
        "lines": [
            {"ware": "LAMP", "discounts": [{"name": "Shelf price", "percentage": "10"}]},
            {"ware": "NOTEBK", "quantity": "4", "discounts": [{"name": "Damaged", "amount": 33_333}]},
        ]
    },
    "service_charge_taxable": {
        "lines": [{"ware": "KETTLE"}, {"ware": "BISCUIT", "quantity": "2"}],
        "service_charges": [{"name": "Service", "percentage": "5", "phase": "SUBTOTAL_PHASE", "taxable": True}],
    },
    "service_charge_total": {
        "lines": [{"ware": "JOLLOF", "quantity": "2"}],
        "service_charges": [{"name": "Delivery", "amount": 75_000, "phase": "TOTAL_PHASE"}],
    },
    "inclusive_tax": {"lines": [{"ware": "JOLLOF", "quantity": "3"}, {"ware": "SUYA"}]},
    "mixed_tax": {"lines": [{"ware": "JOLLOF"}, {"ware": "KETTLE"}, {"ware": "BOOK"}, {"ware": "RICE"}]},
    "cash_rounding": {"lines": [{"ware": "SOAP"}, {"ware": "BISCUIT"}], "cash_rounding": 5_000},
    "gift_card": {
        "lines": [
            {"name": "Gift card", "price": 500_000, "item_type": "GIFT_CARD"},
            {"ware": "NOTEBK"},
        ]
    },
    "custom_amount": {"lines": [{"name": "Custom amount", "price": 123_456, "taxes": ["VAT"], "note": "Repair"}]},
    "modifiers": {
        "lines": [
            {"ware": "SUYA", "quantity": "2", "modifiers": [{"name": "Extra pepper", "price": 5_000}]},
            {"ware": "JOLLOF", "modifiers": [{"name": "Plantain", "price": 80_000}, {"name": "No salad", "price": 0}]},
        ]
    },
    "fractional": {"lines": [{"ware": "RICE", "quantity": "1.725"}, {"ware": "YAM", "quantity": "0.333"}]},
    "split_tenders": {
        "lines": [{"ware": "KETTLE"}, {"ware": "LAMP"}],
        "tenders": [{"type": "CASH", "amount": 1_000_000}, TRANSFER],
        "tip": 20_000,
    },
    "untaxed": {"lines": [{"ware": "RICE", "quantity": "5"}]},
}


def random_sale(random: Random) -> dict[str, Any]:
    """Return an everyday sale of one to five lines."""
    wares = random.sample(WARES, random.choice((1, 1, 2, 2, 3, 5)))
    pieces, grams = str(random.choice((1, 1, 2, 3))), random.randrange(200, 4000)
    lines = [{"ware": ware.key, "quantity": str(grams / 1000) if ware.unit else pieces} for ware in wares]
    sale: dict[str, Any] = {"lines": lines}
    if random.random() < 0.35:
        sale["tenders"] = [TRANSFER]
    if random.random() < 0.1:
        sale["tip"] = random.choice((10_000, 25_000))
    if random.random() < 0.1:
        sale["discounts"] = [{"name": "Market day", "percentage": "5"}]
    return sale
