"""Reads the authority's refusals. Business errors, bad keys and outages all come as HTTP 400: only the texts differ."""

from __future__ import annotations

import re
from typing import Any

from invoices.authority.base import CredentialsRefused, Offline, Rejected, Unclear, Verdict

KEYS_REFUSED = (
    "The tax authority refuses the API keys of this business. "
    "Check its key and secret on the business profile, then resume its submissions."
)
FIELD_PATH = re.compile(r"invoicerequest\.(?:invoice\.)?([a-z0-9_.\[\]]+)", re.IGNORECASE)
# "unable to complete …" is said of a busy server and of a number that was handed in before, in the same words.
AMBIGUOUS = ("try again later", "unable to complete this operation", "already exist", "duplicate")
ABOUT_THE_DOCUMENT = re.compile(r"invalid uuid|\birn\b|template|billingreference|float64|cannot unmarshal")

# Go's lower-cased path without underscores → ours; the longest beginning wins.
PARTS = {
    "accountingsupplierparty": ("seller", "The seller's"),
    "accountingcustomerparty": ("buyer", "The buyer's"),
    "invoiceline": ("lines", "Line"),
    "taxtotal": ("tax", "The document's"),
    "legalmonetarytotal": ("totals", "The document's"),
    "paymentmeans": ("payment_means", "The document's"),
}
LEAVES = {
    "partyname": ("name", "name"),
    "tin": ("tin", "TIN"),
    "email": ("email", "e-mail address"),
    "telephone": ("telephone", "telephone number"),
    "businessdescription": ("description", "business description"),
    "streetname": ("street", "street address"),
    "cityname": ("city", "city"),
    "postalzone": ("postal_zone", "postal code"),
    "lga": ("lga", "local government area"),
    "state": ("state", "state"),
    "country": ("country", "country"),
    "hsncode": ("hsn_code", "goods code"),
    "productcategory": ("product_category", "product category"),
    "isiccode": ("isic_code", "service code"),
    "servicecategory": ("service_category", "service category"),
    "invoicedquantity": ("quantity", "quantity"),
    "priceamount": ("unit_price", "price"),
    "priceunit": ("unit_code", "unit of measure"),
    "description": ("description", "description"),
    "name": ("name", "name"),
    "id": ("tax_category", "tax category"),
}
BUYER_OFFLINE = "The buyer's access point cannot be reached now, so the invoice was not passed on. It is tried again."
NO_WEBHOOK = (
    "The tax authority passes nothing on before its webhook is set up. Put the webhook address into the authority's "
    "dashboard, then choose Transmit now."
)
SELLER_WHERE = "Correct it on your organization's business profile in the admin."
SOURCE_WHERE = "Correct it where the deal or sale is kept and sync again; the number stays."
OURS_WHERE = "This is not a fact of yours: tell support, with this invoice's number."


def read_refusal(status: int | None, body: Any, kept: str) -> Verdict:
    """Say what a refusal of `validate` or `sign` means.

    Keys first, then what names a field, then texts that may hide a success (a number handed in before, or a
    busy server: the same words). Anything else is unclear too: asking costs a look-up, guessing an invoice.
    """
    evidence: dict[str, Any] = {"http_status": status, "response": kept}
    if is_about_keys(status, body):
        return CredentialsRefused(KEYS_REFUSED, **evidence)
    sentence = sentence_of(body)
    if status not in (400, 422) or not sentence:
        return Unclear(sentence or "The tax authority answered in a way that cannot be read.", **evidence)
    details = _error(body).get("details")
    details = details.strip() if isinstance(details, str) else ""
    path = FIELD_PATH.search(details)
    if path is not None:
        return _about_field(path.group(1), details, evidence)
    lowered = details.lower()
    if any(text in lowered for text in AMBIGUOUS):
        return Unclear(f"The tax authority says: {sentence}", **evidence)
    said = f"{lowered} {_public(body).lower()}" if "irn validation failed" in _public(body).lower() else lowered
    if ABOUT_THE_DOCUMENT.search(said):
        return Rejected(f"The tax authority says: {sentence}", **_number_or_ours(said), **evidence)
    return Unclear(f"The tax authority says: {sentence}", **evidence)


def read_write_refusal(status: int | None, body: Any, kept: str) -> Verdict:
    """Say what a refusal of a payment status or a VAT report means.

    What names a cause is a definite no; the words for "busy" are unclear; a 404 of an IRN is a no as well.
    """
    evidence: dict[str, Any] = {"http_status": status, "response": kept}
    if is_about_keys(status, body):
        return CredentialsRefused(KEYS_REFUSED, **evidence)
    sentence = sentence_of(body)
    said = str(_error(body).get("details") or "").lower()
    is_named = status == 404 or (bool(said) and not any(text in said for text in AMBIGUOUS))
    if status in (400, 404, 422) and _error(body) and is_named:
        return Rejected(f"The tax authority says: {sentence}", **evidence)
    return Unclear(sentence or "The tax authority answered in a way that cannot be read.", **evidence)


def read_transmit_refusal(status: int | None, body: Any, kept: str) -> Verdict | Offline:
    """Say what a refusal to transmit means: the buyer's side is away, our webhook is not set up, or as above."""
    said = f"{_error(body).get('details') or ''} {_public(body)}".lower()
    if "offline" in said and not is_about_keys(status, body):
        return Offline(BUYER_OFFLINE, http_status=status, response=kept)
    if "webhook" in said:
        return Rejected(NO_WEBHOOK, "webhook", http_status=status, response=kept)
    return read_write_refusal(status, body, kept)


def is_about_keys(status: int | None, body: Any) -> bool:
    """Tell whether the answer refuses the keys: a 400 with a telling text, by its documentation 401 or 403."""
    return status in (401, 403) or "unable to validate api key" in _public(body).lower()


def sentence_of(body: Any) -> str:
    """Return the authority's own words, the most telling first; "" when it said nothing readable."""
    error = _error(body)
    message = body.get("message") if isinstance(body, dict) else None
    for text in (error.get("details"), *_listed(error), error.get("public_message"), message):
        if isinstance(text, str) and text.strip():
            return text.strip()[:500]
    return ""


def _about_field(path: str, details: str, evidence: dict[str, Any]) -> Rejected:
    field, label = our_field(path)
    where = SELLER_WHERE if field.startswith("seller") else SOURCE_WHERE
    if not field.startswith(("seller", "buyer", "lines")):
        where = OURS_WHERE
    rule = details.partition(path)[2].strip(" .:") or "was refused"
    return Rejected(
        f"{label} was refused: the tax authority says that it {_rule(rule)}.", field, label, where, **evidence
    )


def our_field(path: str) -> tuple[str, str]:
    """Return our field path and its name for people from the authority's ("accountingcustomerparty.tin")."""
    parts = re.split(r"[.\[\]]+", path.lower().replace("_", "").strip(".[]"))
    root, words = PARTS.get(parts[0], (parts[0], "The document's"))
    leaf, name = LEAVES.get(parts[-1], (parts[-1], parts[-1]))
    index = next((int(part) + 1 for part in parts if part.isdigit()), None)
    if root == "lines" and index is not None:
        return f"lines.{index}.{leaf}", f"Line {index}'s {name}"
    if len(parts) == 1:
        return leaf, f"The document's {name}"
    return f"{root}.{leaf}", f"{words} {name}"


def _number_or_ours(said: str) -> dict[str, Any]:
    if "template" in said:
        return {
            "field": "seller.service_id",
            "label": "The seller's service id",
            "where": f"The number does not follow the business's IRN template. {SELLER_WHERE}",
        }
    if re.search(r"\birn\b", said):
        return {"field": "irn", "label": "The invoice's reference number", "where": OURS_WHERE}
    return {"field": "document", "label": "The document", "where": OURS_WHERE}


def _rule(text: str) -> str:
    return re.sub(r"^is required$", "is missing", text)


def _error(body: Any) -> dict[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _listed(error: dict[str, Any]) -> list[str]:
    errors = error.get("errors")
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    return [f"{row.get('field', '')} {row.get('message', '')}".strip() for row in rows]


def _public(body: Any) -> str:
    text = _error(body).get("public_message")
    return text if isinstance(text, str) else ""
