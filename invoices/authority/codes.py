"""The authority's code lists, shipped with the project so that it can be down without stopping anybody."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"

# What people type and the list does not say; each is an unambiguous name of one state or country.
STATE_NICKNAMES = {"fct": "NG-FC", "abuja": "NG-FC", "fct abuja": "NG-FC", "abuja fct": "NG-FC"}
COUNTRY_NICKNAMES = {
    "federal republic of nigeria": "NG",
    "united states": "US",
    "united kingdom": "GB",
    "uk": "GB",
    "great britain": "GB",
    "cote d ivoire": "CI",
    "ivory coast": "CI",
}


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """Return one shipped list, for example `rows("states")`: dictionaries with `code` and `name`."""
    return tuple(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))["data"])


@cache
def names_by_code(name: str) -> dict[str, str]:
    """Return one list as {code: name}."""
    return {row["code"]: row["name"] for row in rows(name)}


@lru_cache(4096)
def country_code(text: str) -> str:
    """Return the alpha-2 code of a country as people write it ("Nigeria", "NGA", "ng"), "" when it is not known."""
    return _countries().get(_plain(text), "")


@lru_cache(4096)
def state_code(text: str) -> str:
    """Return the code of a Nigerian state as people write it ("Lagos State", "lagos", "NG-LA"), "" when not known."""
    plain = _plain(text)
    return _states().get(plain) or _states().get(plain.removesuffix(" state"), "")


def service_category(isic_code: str) -> str:
    """Return the authority's description of a services code ("4330"), "" when the code is not on its list."""
    return names_by_code("services_codes").get(isic_code.strip(), "")


def tax_category_name(code: str) -> str:
    """Return the authority's words for a tax category, "" when it is not on its list."""
    return names_by_code("tax_categories").get(code, "")


def tax_categories() -> list[tuple[str, str]]:
    """Return (code, name) of the tax categories, for a form."""
    return [(row["code"], row["name"]) for row in rows("tax_categories")]


def invoice_type_name(code: str) -> str:
    """Return the authority's words for an invoice type code, "" when it is not on its list."""
    return names_by_code("invoice_types").get(code, "")


def payment_means() -> list[tuple[str, str]]:
    """Return (code, name) of the payment means, for a form."""
    return [(row["code"], row["name"]) for row in rows("payment_means")]


def is_currency(code: str) -> bool:
    """Tell whether the authority's list has the currency."""
    return code in names_by_code("currencies")


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", " ", ascii_text.lower()).strip()


@cache
def _countries() -> dict[str, str]:
    known = dict(COUNTRY_NICKNAMES)
    for row in rows("countries"):
        for text in (row["name"], row["alpha_2"], row["alpha_3"]):
            known[_plain(text)] = row["alpha_2"]
    return known


@cache
def _states() -> dict[str, str]:
    known = dict(STATE_NICKNAMES)
    for row in rows("states"):
        for text in (row["name"], row["code"]):
            known[_plain(text)] = row["code"]
    return known
