"""What HubSpot is told about a deal's invoice: three custom deal properties, and their values."""

from __future__ import annotations

from typing import Any

from crm.records import InvoiceFacts

NUMBER, STATUS, LINK = OWN_PROPERTIES = ("einvoice_number", "einvoice_status", "einvoice_link")
LABELS = {NUMBER: "E-invoice number", STATUS: "E-invoice status", LINK: "E-invoice link"}
UNKNOWN_PROPERTY = "PROPERTY_DOESNT_EXIST"


def definitions() -> list[dict[str, Any]]:
    """Return the definitions to create, all plain text, in the group that every HubSpot account has."""
    return [
        {
            "groupName": "dealinformation",
            "name": name,
            "label": label,
            "type": "string",
            "fieldType": "text",
            "description": "Written by TaxPoynt. An edit here changes no invoice.",
        }
        for name, label in LABELS.items()
    ]


def values(facts: InvoiceFacts) -> dict[str, str]:
    """Return the properties to write; an empty text clears one."""
    return {NUMBER: facts.number, STATUS: facts.status, LINK: facts.link}


def lacks_properties(body: object) -> bool:
    """Tell whether a refused write named a property of ours that the account does not have yet."""
    said = str(body.get("message") or "") if isinstance(body, dict) else ""
    return UNKNOWN_PROPERTY in said and any(name in said for name in OWN_PROPERTIES)
