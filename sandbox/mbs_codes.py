"""The authority's code lists, read once from the files beside this package's modules."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data"


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a list, for example ``rows("countries")``."""
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content["data"]
    return found


@cache
def codes(name: str, key: str = "code") -> frozenset[str]:
    """Return one column of a list as a set."""
    return frozenset(row[key] for row in rows(name))


@cache
def resources() -> dict[str, list[dict[str, Any]]]:
    """Return the lists by the last part of their path under ``/invoice/resources/``."""
    quantity = json.loads((FOLDER / "hs_and_quantity_codes.json").read_text(encoding="utf-8"))["quantity_codes"]
    return {
        "countries": rows("countries"),
        "currencies": rows("currencies"),
        "invoice-types": rows("invoice_types"),
        "tax-categories": rows("tax_categories"),
        "payment_means": rows("payment_means"),
        "payment-means": rows("payment_means"),
        "services-codes": rows("services_codes"),
        "hs-codes": [],  # the full list is not public
        "vat-exemptions": rows("vat_exemptions"),
        "states": rows("states"),
        "lgas": rows("lgas_partial"),
        "invoice-quantity-codes": quantity["data"],
    }
