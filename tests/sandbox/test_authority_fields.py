"""Each template of the error catalogue, the first error only, in the document's order."""

from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.documents import changed, example

LINE, PARTY = "invoice_line.0.", "accounting_customer_party."
DATE = "must be a valid date value yyyy-mm-dd (e.g: 2024-04-29)"
LIST = "refer to the invoice resource apis"
CASES = [
    # required
    ("business_id", ..., "businessid is required"),
    ("irn", "", "irn is required"),
    ("invoice_kind", ..., "invoicekind is required"),
    ("tax_currency_code", None, "taxcurrencycode is required"),
    ("accounting_supplier_party", ..., "accountingsupplierparty is required"),
    (PARTY[:-1], ..., "accountingcustomerparty is required"),
    ("tax_total", [], "taxtotal is required"),
    ("legal_monetary_total.line_extension_amount", ..., "legalmonetarytotal.lineextensionamount is required"),
    ("invoice_line", [], "invoiceline is required"),
    (PARTY + "email", ..., "accountingcustomerparty.email is required"),
    (PARTY + "postal_address", ..., "accountingcustomerparty.postaladdress is required"),
    (PARTY + "postal_address.postal_zone", "", "accountingcustomerparty.postaladdress.postalzone is required"),
    (PARTY + "postal_address.state", ..., "accountingcustomerparty.postaladdress.state is required"),
    (LINE + "item.description", "", "invoiceline[0].item.description is required"),
    (LINE + "price.price_unit", ..., "invoiceline[0].price.priceunit is required"),
    (LINE + "product_category", ..., "invoiceline[0].productcategory is required"),
    ("invoice_line.1.service_category", ..., "invoiceline[1].servicecategory is required"),
    (LINE + "isic_code", "4330", "invoiceline[0].isiccode must not be sent together with hsncode"),
    # dates and times
    ("issue_date", "20-11-2026", f"issuedate {DATE}"),
    ("due_date", "2026-02-30", f"duedate {DATE}"),
    ("tax_point_date", "20261120", f"taxpointdate {DATE}"),
    ("payment_means.0.payment_due_date", "soon", f"paymentmeans[0].paymentduedate {DATE}"),
    ("issue_time", "25:00:00", "issuetime must be a valid time value hh:mm:ss"),
    # lists
    (
        "tax_total.0.tax_subtotal.0.tax_category.id",
        "VAT",
        f"taxtotal[0].taxsubtotal[0].taxcategory.id must be a valid tax category, {LIST}",
    ),
    (
        PARTY + "postal_address.country",
        "Nigeria",
        f"accountingcustomerparty.postaladdress.country must be a valid country code, {LIST}",
    ),
    ("document_currency_code", "ZZZ", f"documentcurrencycode must be a valid currency code, {LIST}"),
    ("invoice_type_code", "999", f"invoicetypecode must be a valid invoice type code, {LIST}"),
    ("invoice_line.1.isic_code", "0000", f"invoiceline[1].isiccode must be a valid service code, {LIST}"),
    (
        PARTY + "postal_address.state",
        "NG-XX",
        f"accountingcustomerparty.postaladdress.state must be a valid state code, {LIST}",
    ),
    ("invoice_kind", "B2X", "invoicekind must be one of B2B B2C B2G"),
    ("payment_status", "HALF", "paymentstatus must be one of PENDING PAID REJECTED CANCELED"),
    # lengths and values
    (PARTY + "tin", "1234", "accountingcustomerparty.tin must be at least in length or value 5"),
    (PARTY + "tin", "9" * 21, "accountingcustomerparty.tin must be at most in length or value 20"),
    (
        PARTY + "business_description",
        "Shop",
        "accountingcustomerparty.businessdescription must be at least in length or value 5",
    ),
    (LINE + "price.price_unit", "EA", "invoiceline[0].price.priceunit must be at least in length or value 3"),
    (LINE + "price.price_amount", -1, "invoiceline[0].price.priceamount must be at least in length or value 0"),
    (LINE + "invoiced_quantity", 0, "invoiceline[0].invoicedquantity must be greater than 0"),
    (
        "tax_total.0.tax_subtotal.0.tax_category.percent",
        101,
        "taxtotal[0].taxsubtotal[0].taxcategory.percent must be at most in length or value 100",
    ),
    (LINE + "hsn_code", "940320", "invoiceline[0].hsncode must be a valid hsn code, NNNN.NN"),
    (PARTY + "email", "nobody", "accountingcustomerparty.email must be a valid email"),
    (PARTY + "telephone", "08000000202", "accountingcustomerparty.telephone must start with + and the country's code"),
]


@pytest.mark.parametrize(("path", "value", "details"), CASES, ids=[f"{case[0]}={case[1]}" for case in CASES])
def test_a_field_error_is_told_with_its_path(sandbox: Client, path: str, value: Any, details: str) -> None:
    document = changed(example("b2b_invoice"), path, value)
    for call in ("/invoice/validate", "/invoice/sign"):
        answer = sandbox.mbs("POST", call, json=document)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["details"] == f"invoicerequest.invoice.{details}"
        assert error["handler"] == "invoice_actions"
        assert error["public_message"] == (
            "validation failed: we are unable to process your request. also confirm this is not a duplicate request"
        )
        assert len(error["id"]) == 36
    assert sandbox.control("received")["mbs"]["signed"] == []


@pytest.mark.parametrize(
    ("path", "value", "details"),
    [
        (
            "legal_monetary_total.payable_amount",
            "290250.0",
            "json: cannot unmarshal string into Go struct field InvoiceRequest.legal_monetary_total.payable_amount "
            "of type float64",
        ),
        (
            "invoice_line.0.invoiced_quantity",
            True,
            "json: cannot unmarshal bool into Go struct field InvoiceRequest.invoice_line.invoiced_quantity of type "
            "float64",
        ),
        ("irn", 7, "json: cannot unmarshal number into Go struct field InvoiceRequest.irn of type string"),
        ("invoice_line.0", "x", "json: cannot unmarshal string into Go struct field InvoiceRequest.invoice_line"),
        ("business_id", "5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6", "invalid UUID length: 35"),
        ("business_id", "00000000-0000-0000-0000-000000000000", "invoicerequest.invoice.businessid does not belong to"),
    ],
)
def test_types_and_ids_are_judged_as_go_does(sandbox: Client, path: str, value: Any, details: str) -> None:
    answer = sandbox.mbs("POST", "/invoice/sign", json=changed(example("b2b_invoice"), path, value))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"].startswith(details)


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'"text"', b'{"irn": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_document_is_a_400(sandbox: Client, raw: bytes) -> None:
    answer = sandbox.mbs("POST", "/invoice/sign", data=raw)
    assert (answer.status_code, answer.json()["error"]["handler"]) == (400, "invoice_actions")


def test_only_the_first_error_in_the_documents_order_is_told(sandbox: Client) -> None:
    document = example("b2b_invoice")
    for path, value, _ in reversed(CASES):
        if not isinstance(value, list) and value is not ... and path.count(".") < 3:
            document = changed(document, path, value)
    told = []
    for _ in range(3):
        details = sandbox.mbs("POST", "/invoice/validate", json=document).json()["error"]["details"]
        told.append(details.removeprefix("invoicerequest.invoice.").split(" ")[0])
        repair = {"irn": "irn", "invoicekind": "invoice_kind", "issuedate": "issue_date", "issuetime": "issue_time"}
        document[repair[told[-1]]] = example("b2b_invoice")[repair[told[-1]]]
    assert told == ["irn", "invoicekind", "issuedate"]


def test_a_wrong_type_is_told_before_any_missing_field(sandbox: Client) -> None:
    document = changed(changed(example("b2b_invoice"), "irn", ...), "invoice_line.1.price.base_quantity", "1")
    details = sandbox.mbs("POST", "/invoice/validate", json=document).json()["error"]["details"]
    assert "float64" in details


def test_a_credit_note_without_its_reference_is_refused(sandbox: Client) -> None:
    document = changed(example("b2b_credit_note"), "billing_reference", ...)
    details = sandbox.mbs("POST", "/invoice/sign", json=document).json()["error"]["details"]
    assert details == "invoicerequest.invoice.billingreference is required for credit note and debit note"


def test_a_receipt_needs_no_buyer_and_optional_fields_may_be_missing(sandbox: Client) -> None:
    document = example("b2c_receipt")
    for name in ("issue_time", "payment_status", "tax_point_date", "payment_means", "actual_delivery_date"):
        del document[name]
    assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201


def test_zero_rated_and_exempt_documents_are_accepted(sandbox: Client) -> None:
    for number, category in enumerate(("ZERO_VAT", "EXEMPTED")):
        document = example("b2c_receipt") | {"irn": f"ADURC{number}-C41D9D42-20261121"}
        subtotal = {
            "taxable_amount": 75000.0, "tax_amount": 0, "tax_category": {"id": category, "percent": 0},
        }  # fmt: skip
        document["tax_total"] = [{"tax_amount": 0, "tax_subtotal": [subtotal]}]
        document["legal_monetary_total"] |= {"tax_inclusive_amount": 75000.0, "payable_amount": 75000.0}
        assert sandbox.mbs("POST", "/invoice/sign", json=document).status_code == 201
    assert all(entry["sums_ok"] for entry in sandbox.control("received")["mbs"]["signed"])
