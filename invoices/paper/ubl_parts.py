"""The parts of a UBL document that repeat: parties, lines, tax categories; and the maker of elements."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lxml import etree

from invoices.authority import codes

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
# UNCL 5305
CATEGORIES = {"STANDARD_VAT": "S", "ZERO_VAT": "Z", "EXEMPTED": "E"}
# UNCL 7143: the Harmonized System; for services the parties' own agreement, because it has no code for ISIC.
GOODS_LIST, SERVICES_LIST = "HS", "ZZZ"
PIECE = "H87"


class UblNotPossible(ValueError):
    """The document has no form in UBL; the text says why."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Adds elements to one element, in the order in which they are asked for."""

    into: Any
    currency: str

    def group(self, name: str) -> Maker:
        """Return a maker of a new element that holds others."""
        return Maker(etree.SubElement(self.into, f"{{{CAC}}}{name}"), self.currency)

    def text(self, name: str, value: Any, **attributes: str) -> None:
        """Add a value; nothing for None or an empty text."""
        if value not in (None, ""):
            etree.SubElement(self.into, f"{{{CBC}}}{name}", attributes).text = str(value)

    def amount(self, name: str, value: Decimal) -> None:
        """Add money in the document's currency: two places, or as many as a unit price needs."""
        exact = value if value != value.quantize(Decimal("0.01")) else value.quantize(Decimal("0.01"))
        self.text(name, f"{exact:f}", currencyID=self.currency)


def party_into(outer: Maker, party: dict[str, Any], *, rc_number: str = "", is_buyer: bool = False) -> None:
    """Add a party. A sale to consumers may name no buyer: the element then says so, because UBL wants one."""
    make = outer.group("Party")
    make.text("EndpointID", party.get("email"), schemeID="EM")
    if name := party.get("party_name"):
        make.group("PartyName").text("Name", name)
    address = party.get("postal_address") or {}
    if address:
        _address(make.group("PostalAddress"), address)
    tin = party.get("tin")
    if tin and not is_buyer:
        scheme = make.group("PartyTaxScheme")
        scheme.text("CompanyID", tin)
        scheme.group("TaxScheme").text("ID", "TIN")
    legal = make.group("PartyLegalEntity")
    legal.text("RegistrationName", party.get("party_name") or "Consumer, not named")
    legal.text("CompanyID", tin if is_buyer else rc_number)
    if party.get("telephone") or party.get("email"):
        contact = make.group("Contact")
        contact.text("Telephone", party.get("telephone"))
        contact.text("ElectronicMail", party.get("email"))


def line_into(
    make: Maker, number: int, line: dict[str, Any], category: str, percent: Decimal, *, is_credit: bool
) -> None:
    """Add one line; its discount and fee stand beside its net."""
    price = line["price"]
    unit = price.get("price_unit", "")
    unit = unit if 0 < len(unit) <= 3 else PIECE
    make.text("ID", number)
    make.text("CreditedQuantity" if is_credit else "InvoicedQuantity", f"{line['invoiced_quantity']:f}", unitCode=unit)
    make.amount("LineExtensionAmount", line["line_extension_amount"])
    for name, is_charge, reason in (("discount_amount", "false", "Discount"), ("fee_amount", "true", "Fee")):
        if line.get(name):
            change = make.group("AllowanceCharge")
            change.text("ChargeIndicator", is_charge)
            change.text("AllowanceChargeReason", reason)
            change.amount("Amount", line[name])
    _item(make.group("Item"), line, category, percent)
    into = make.group("Price")
    into.amount("PriceAmount", price["price_amount"])
    into.text("BaseQuantity", f"{price.get('base_quantity', 1):f}" if price.get("base_quantity") else "", unitCode=unit)


def tax_category_into(make: Maker, category: str, percent: Decimal, *, says_why: bool = False) -> None:
    """Add a tax category by its UNCL 5305 letter; raises UblNotPossible for one that has none."""
    if category not in CATEGORIES:
        raise UblNotPossible(f"The tax category {category} has no letter in UNCL 5305.")
    make.text("ID", CATEGORIES[category])
    make.text("Percent", f"{percent:f}")
    if says_why and category == "EXEMPTED":
        make.text("TaxExemptionReason", "Exempt from VAT")
    make.group("TaxScheme").text("ID", "VAT")


def _address(make: Maker, address: dict[str, Any]) -> None:
    make.text("StreetName", address.get("street_name"))
    make.text("CityName", address.get("city_name"))
    make.text("PostalZone", address.get("postal_zone"))
    state = address.get("state") or ""
    make.text("CountrySubentity", codes.names_by_code("states").get(state, state))
    if country := address.get("country"):
        make.group("Country").text("IdentificationCode", country)


def _item(make: Maker, line: dict[str, Any], category: str, percent: Decimal) -> None:
    item = line["item"]
    make.text("Description", item.get("description"))
    make.text("Name", item.get("name"))
    if sku := item.get("sellers_item_identification"):
        make.group("SellersItemIdentification").text("ID", sku)
    for name, of_list in (("hsn_code", GOODS_LIST), ("isic_code", SERVICES_LIST)):
        if line.get(name):
            make.group("CommodityClassification").text("ItemClassificationCode", line[name], listID=of_list)
    tax_category_into(make.group("ClassifiedTaxCategory"), category, percent)
