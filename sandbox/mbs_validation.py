"""The authority's judgement of a document: types first, then each field in the document's order, one error only."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sandbox import mbs_codes
from sandbox.mbs_envelope import Refused
from sandbox.mbs_settings import STATUS_WORDS, MbsSettings

ROOT = "invoicerequest.invoice"
INVOICE_KINDS = ("B2B", "B2C", "B2G")
PAYMENT_STATUSES = ("PENDING", "PAID", *STATUS_WORDS)
NOTES_THAT_REFER = ("380", "384", "393")  # credit note, debit note, self-billed credit note
IRN = re.compile(r"[A-Za-z0-9]+-[A-Za-z0-9]{8}-\d{8}")
MAX_IRN = 50

Rule = Callable[[Any], str]  # returns what is wrong, "" when nothing is


class Field(NamedTuple):
    """One field: its name, its JSON type, whether it must be there, its rule, and its own fields if it has any."""

    name: str
    type: str  # string, number, bool, object, or list (of objects)
    required: bool = False
    rule: Rule | None = None
    fields: tuple["Field", ...] = ()
    zero_is_absent: bool = False


@dataclass(frozen=True)
class Strictness:
    """What no source settles, so that a client must live with either."""

    place_required: bool = False
    isic_accepted: bool = True
    unit_of_three: bool = True
    exempted_known: bool = True
    status_words: tuple[str, ...] = STATUS_WORDS
    whole_quantity: bool = False
    refuse_zero: bool = False


def strictness(settings: MbsSettings) -> Strictness:
    """Return the strictness that the settings ask for."""
    return Strictness(
        place_required=settings.mbs_place_required,
        isic_accepted=settings.mbs_isic_accepted,
        unit_of_three=settings.mbs_unit_of_three,
        exempted_known=settings.mbs_exempted_known,
        status_words=tuple(settings.mbs_status_words),
        whole_quantity=settings.mbs_whole_quantity,
        refuse_zero=settings.mbs_refuse_zero,
    )


def at_least(low: int) -> Rule:
    """Refuse a text that is shorter, or a number that is smaller."""
    text = f"must be at least in length or value {low}"
    return lambda value: text if (len(value) if isinstance(value, str) else value) < low else ""


def between(low: int, high: int) -> Rule:
    """Refuse a length or value outside of the bounds."""
    too_small, text = at_least(low), f"must be at most in length or value {high}"
    return lambda value: too_small(value) or (text if (len(value) if isinstance(value, str) else value) > high else "")


def above_zero(value: Any) -> str:
    """Refuse zero and less."""
    return "" if value > 0 else "must be greater than 0"


def listed(name: str, key: str, words: str) -> Rule:
    """Refuse a code that is not on one of the authority's lists."""
    text = f"must be a valid {words}, refer to the invoice resource apis"
    return lambda value: "" if value in mbs_codes.codes(name, key) else text


def matching(pattern: str, text: str) -> Rule:
    """Refuse a text that does not have this form."""
    compiled = re.compile(pattern)
    return lambda value: "" if compiled.fullmatch(value) else text


def one_of(*allowed: str) -> Rule:
    """Refuse anything else."""
    text = f"must be one of {' '.join(allowed)}"
    return lambda value: "" if value in allowed else text


def day(value: str) -> str:
    """Refuse what is no calendar day in the form YYYY-MM-DD."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return ""
    return "must be a valid date value yyyy-mm-dd (e.g: 2024-04-29)"


def irn_form(value: str) -> str:
    """Refuse what cannot be an IRN."""
    return "" if IRN.fullmatch(value) and len(value) <= MAX_IRN else "must be a valid irn"


CURRENCY = listed("currencies", "code", "currency code")
NOT_NEGATIVE = at_least(0)
REFERENCE = (Field("irn", "string", True, irn_form), Field("issue_date", "string", True, day))
ADDRESS = (
    Field("street_name", "string", True, between(1, 150)),
    Field("city_name", "string", True, between(1, 100)),
    Field("postal_zone", "string", True, between(1, 20)),
    Field("lga", "string", False, matching(r"NG-[A-Z]{2}-[A-Z]{3,4}", "must be a valid lga code")),
    Field("state", "string", False, listed("states", "code", "state code")),
    Field("country", "string", True, listed("countries", "alpha_2", "country code")),
)
PARTY = (
    Field("party_name", "string", True, between(2, 100)),
    Field("tin", "string", True, between(5, 20)),
    Field("email", "string", True, matching(r"[^@\s]+@[^@\s]+", "must be a valid email")),
    Field("telephone", "string", False, matching(r"\+[0-9]{6,18}", "must start with + and the country's code")),
    Field("business_description", "string", False, between(5, 255)),
    Field("postal_address", "object", True, None, ADDRESS),
)
PERIOD = (Field("start_date", "string", True, day), Field("end_date", "string", True, day))
PAYMENT_MEANS = (
    Field("payment_means_code", "string", True, matching(r"\d{1,3}|ZZZ", "must be a valid payment means code")),
    Field("payment_due_date", "string", True, day),
)
ALLOWANCE = (Field("charge_indicator", "bool", True), Field("amount", "number", True, above_zero))
CATEGORY = (
    Field("id", "string", True, listed("tax_categories", "code", "tax category")),
    Field("percent", "number", True, between(0, 100)),
)
SUBTOTAL = (
    Field("taxable_amount", "number", True, NOT_NEGATIVE),
    Field("tax_amount", "number", True, NOT_NEGATIVE),
    Field("tax_category", "object", True, None, CATEGORY),
)
TAX_TOTAL = (
    Field("tax_amount", "number", True, NOT_NEGATIVE),
    Field("tax_subtotal", "list", True, None, SUBTOTAL),
)
TOTALS = tuple(
    Field(name, "number", True, NOT_NEGATIVE)
    for name in ("line_extension_amount", "tax_exclusive_amount", "tax_inclusive_amount", "payable_amount")
)
LINE = (
    Field("hsn_code", "string", False, matching(r"\d{4}\.\d{2}", "must be a valid hsn code, NNNN.NN")),
    Field("product_category", "string", False, at_least(1)),
    Field("isic_code", "string", False, listed("services_codes", "code", "service code")),
    Field("service_category", "string", False, at_least(1)),
    *(Field(name, "number", False, NOT_NEGATIVE) for name in ("discount_rate", "discount_amount")),
    *(Field(name, "number", False, NOT_NEGATIVE) for name in ("fee_rate", "fee_amount")),
    Field("invoiced_quantity", "number", True, above_zero),
    Field("line_extension_amount", "number", True, NOT_NEGATIVE),
    Field("item", "object", True, None, (
        Field("name", "string", True),
        Field("description", "string", True),
        Field("sellers_item_identification", "string"),
    )),
    Field("price", "object", True, None, (
        Field("price_amount", "number", True, NOT_NEGATIVE),
        Field("base_quantity", "number", True, above_zero),
        Field("price_unit", "string", True, at_least(3)),
    )),
)  # fmt: skip
CLOCK = matching(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", "must be a valid time value hh:mm:ss")
DOCUMENT = (
    Field("business_id", "string", True),
    Field("irn", "string", True),
    Field("invoice_kind", "string", True, one_of(*INVOICE_KINDS)),
    Field("issue_date", "string", True, day),
    Field("issue_time", "string", False, CLOCK),
    Field("due_date", "string", False, day),
    Field("invoice_type_code", "string", True, listed("invoice_types", "code", "invoice type code")),
    Field("payment_status", "string", False, one_of(*PAYMENT_STATUSES)),
    Field("note", "string"),
    Field("tax_point_date", "string", False, day),
    Field("document_currency_code", "string", True, CURRENCY),
    Field("tax_currency_code", "string", True, CURRENCY),
    Field("accounting_cost", "string"),
    Field("buyer_reference", "string"),
    Field("order_reference", "string"),
    Field("invoice_delivery_period", "object", False, None, PERIOD),
    Field("billing_reference", "list", False, None, REFERENCE),
    *(
        Field(f"{name}_document_reference", "object", False, None, REFERENCE)
        for name in ("dispatch", "receipt", "originator", "contract")
    ),
    Field("additional_document_reference", "list", False, None, REFERENCE),
    Field("accounting_supplier_party", "object", True, None, PARTY),
    Field("accounting_customer_party", "object", False, None, PARTY),
    Field("payee_party", "object", False, None, PARTY),
    Field("tax_representative_party", "object", False, None, PARTY),
    Field("actual_delivery_date", "string", False, day),
    Field("payment_means", "list", False, None, PAYMENT_MEANS),
    Field("payment_terms_note", "string"),
    Field("allowance_charge", "list", False, None, ALLOWANCE),
    Field("tax_total", "list", True, None, TAX_TOTAL),
    Field("legal_monetary_total", "object", True, None, TOTALS),
    Field("invoice_line", "list", True, None, LINE),
)  # fmt: skip


@cache
def document_fields(strict: Strictness) -> tuple[Field, ...]:
    """Return the document's fields as this strictness has them."""
    return tuple(_tuned(field, strict) for field in DOCUMENT)


def _tuned(field: Field, strict: Strictness) -> Field:
    changes: dict[str, Any] = {"fields": tuple(_tuned(inner, strict) for inner in field.fields)}
    if field.name in ("lga", "state") and strict.place_required:
        changes["required"] = True
    if field.name == "price_unit" and not strict.unit_of_three:
        changes["rule"] = None
    if field.name == "invoiced_quantity" and strict.whole_quantity:
        changes["type"] = "whole"
    if field.name == "payment_status":
        changes["rule"] = one_of("PENDING", "PAID", *strict.status_words)
    if field.type == "number" and field.required and strict.refuse_zero:
        changes["zero_is_absent"] = True
    if field.name == "id" and field.rule is CATEGORY[0].rule and not strict.exempted_known:
        changes["rule"] = _without_exempted
    return field._replace(**changes)


def _without_exempted(value: str) -> str:
    text = "must be a valid tax category, refer to the invoice resource apis"
    known = CATEGORY[0].rule
    return text if value == "EXEMPTED" or known is None else known(value)


GO_TYPES = {
    "whole": "int64",
    "string": "string",
    "number": "float64",
    "bool": "bool",
    "object": "struct",
    "list": "[]struct",
}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "whole": (int,), "string": (str,), "number": (int, Decimal), "bool": (bool,), "object": (dict,), "list": (list,),
}  # fmt: skip


def check_document(document: Any, strict: Strictness = Strictness()) -> None:
    """Judge a decoded document (numbers as int or Decimal) by itself; raises Refused with the first error."""
    if not isinstance(document, dict):
        raise Refused(f"json: cannot unmarshal {_go_word(document)} into Go value of type InvoiceRequest")
    fields = document_fields(strict)
    _check_types(fields, document, "")
    business_id = document.get("business_id") or ""
    if business_id:
        check_uuid(business_id)
    _check_fields(fields, document, ROOT)
    if not strict.isic_accepted:
        _check_goods_only(document)
    _check_together(document)


def check_uuid(text: str) -> None:
    """Refuse what is no UUID, as Go's library words it."""
    if len(text) != 36:
        raise Refused(f"invalid UUID length: {len(text)}")
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise Refused("invalid UUID format")


def _check_types(fields: tuple[Field, ...], values: dict[str, Any], path: str) -> None:
    """Refuse the first value of a wrong JSON type, as decoding does before any rule is looked at."""
    for field in fields:
        value = values.get(field.name)
        if value is None:
            continue
        where = f"{path}.{field.name}".lstrip(".")
        if not isinstance(value, JSON_TYPES[field.type]) or (
            field.type in ("number", "whole") and isinstance(value, bool)
        ):
            raise Refused(
                f"json: cannot unmarshal {_go_word(value)} into Go struct field InvoiceRequest.{where} "
                f"of type {GO_TYPES[field.type]}"
            )
        for item in _objects_in(field, value):
            if not isinstance(item, dict):
                raise Refused(f"json: cannot unmarshal {_go_word(item)} into Go struct field InvoiceRequest.{where}")
            _check_types(field.fields, item, where)


def _objects_in(field: Field, value: Any) -> list[Any]:
    if field.type == "list":
        return list(value)
    return [value] if field.type == "object" else []


def _go_word(value: Any) -> str:
    words = {bool: "bool", str: "string", dict: "object", list: "array", type(None): "null"}
    return words.get(type(value), "number")


def _check_fields(fields: tuple[Field, ...], values: dict[str, Any], path: str) -> None:
    for field in fields:
        value = values.get(field.name)
        where = f"{path}.{field.name.replace('_', '')}"
        if value is None or value in ("", []) or (field.zero_is_absent and value == 0):
            # An optional text that is empty counts as absent, as Go's omitempty has it.
            if field.required:
                raise Refused(f"{where} is required")
            continue
        problem = field.rule(value) if field.rule else ""
        if problem:
            raise Refused(f"{where} {problem}")
        if field.type == "object":
            _check_fields(field.fields, value, where)
        elif field.type == "list":
            for position, item in enumerate(value):
                _check_fields(field.fields, item, f"{where}[{position}]")
                if field.name == "invoice_line":
                    _check_classification(item, f"{where}[{position}]")


def _check_classification(line: dict[str, Any], where: str) -> None:
    """Refuse a line that is neither goods (HS code and category) nor a service (ISIC code and category), or both."""
    goods = [bool(line.get(name)) for name in ("hsn_code", "product_category")]
    service = [bool(line.get(name)) for name in ("isic_code", "service_category")]
    if any(service) and any(goods):
        raise Refused(f"{where}.isiccode must not be sent together with hsncode")
    names, given = (
        (("isiccode", "servicecategory"), service) if any(service) else (("hsncode", "productcategory"), goods)
    )
    for name, there in zip(names, given, strict=True):
        if not there:
            raise Refused(f"{where}.{name} is required")


def _check_goods_only(document: dict[str, Any]) -> None:
    for position, line in enumerate(document["invoice_line"]):
        if not line.get("hsn_code"):
            raise Refused(f"{ROOT}.invoiceline[{position}].hsncode is required")


def _check_together(document: dict[str, Any]) -> None:
    """Refuse what only several fields together show."""
    if document["invoice_kind"] != "B2C" and not document.get("accounting_customer_party"):
        raise Refused(f"{ROOT}.accountingcustomerparty is required")
    if document["invoice_type_code"] in NOTES_THAT_REFER and not document.get("billing_reference"):
        raise Refused(f"{ROOT}.billingreference is required for credit note and debit note")
    for party in ("accounting_supplier_party", "accounting_customer_party"):
        address = (document.get(party) or {}).get("postal_address") or {}
        if address.get("lga") and not address.get("state"):
            raise Refused(f"{ROOT}.{party.replace('_', '')}.postaladdress.state is required")
