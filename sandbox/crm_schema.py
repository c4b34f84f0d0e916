"""What the account has set up: pipelines and stages, owners, property definitions."""

from decimal import Decimal
from typing import Any, NamedTuple

from sandbox.money import rounded

SET_UP = "2026-01-12T09:00:00.000Z"


class Stage(NamedTuple):
    """One stage; `outcome` is open, won or lost, `probability` as HubSpot writes it."""

    id: str
    label: str
    outcome: str
    probability: str


class Pipeline(NamedTuple):
    """One pipeline with its stages in order."""

    id: str
    label: str
    stages: tuple[Stage, ...]

    def stage(self, outcome: str, number: int) -> Stage:
        """Return one of the stages with this outcome."""
        fitting = [stage for stage in self.stages if stage.outcome == outcome]
        return fitting[number % len(fitting)]


class Owner(NamedTuple):
    """One user who may own a deal; an archived one has no `user_id`."""

    id: str
    user_id: int
    first_name: str
    last_name: str
    archived: bool = False


PIPELINES = (
    Pipeline("default", "Sales Pipeline", (
        Stage("appointmentscheduled", "Appointment Scheduled", "open", "0.2"),
        Stage("qualifiedtobuy", "Qualified To Buy", "open", "0.4"),
        Stage("presentationscheduled", "Presentation Scheduled", "open", "0.6"),
        Stage("decisionmakerboughtin", "Decision Maker Bought-In", "open", "0.8"),
        Stage("contractsent", "Contract Sent", "open", "0.9"),
        Stage("closedwon", "Closed Won", "won", "1.0"),
        Stage("closedlost", "Closed Lost", "lost", "0.0"),
    )),
    Pipeline("98210457", "Projects", (
        Stage("180530011", "Scoping", "open", "0.3"),
        Stage("180530012", "Quoted", "open", "0.6"),
        Stage("180530013", "Order received", "won", "1.0"),
        Stage("180530014", "Not going ahead", "lost", "0.0"),
    )),
)  # fmt: skip
STAGES = {stage.id: stage for pipeline in PIPELINES for stage in pipeline.stages}
OWNERS = (
    Owner("41629779", 9586504, "Ngozi", "Pretend"),
    Owner("41629780", 9586505, "Tunde", "Madeup"),
    Owner("41629781", 9586506, "Sade", "Imagined"),
    Owner("41629790", 9586511, "Musa", "Invented", archived=True),
)


def derived_from_stage(stage: Stage, closed_at: str, amount: str) -> dict[str, str]:
    """Return the properties that HubSpot derives from a deal's stage and amount; "" where there is none."""
    won, lost = stage.outcome == "won", stage.outcome == "lost"
    return {
        "dealstage": stage.id,
        "hs_is_closed": "true" if won or lost else "false",
        "hs_is_closed_won": "true" if won else "false",
        "hs_closed_won_date": closed_at if won else "",
        "hs_deal_stage_probability": stage.probability,
        "amount_in_home_currency": amount,
    }


def derived_from_price(line: dict[str, str]) -> dict[str, str]:
    """Return the sums that HubSpot derives for a line item, "" where there is none or values are no numbers.

    A percentage is taken off price times quantity, an amount off the price of one.
    """
    try:
        quantity, price = Decimal(line.get("quantity") or 0), Decimal(line.get("price") or "")
        gross = quantity * price
        off = quantity * Decimal(line.get("discount") or 0)
        off = off or gross * Decimal(line.get("hs_discount_percentage") or 0) / 100
        before, net = rounded(gross), rounded(gross - off)
    except ArithmeticError:
        before = net = Decimal("NaN")
    if not (before.is_finite() and net.is_finite()):
        return {"amount": "", "hs_pre_discount_amount": "", "hs_total_discount": ""}
    discount = str(before - net) if before != net else ""
    return {"amount": str(net), "hs_pre_discount_amount": str(before), "hs_total_discount": discount}


def pipeline_json(pipeline: Pipeline) -> dict[str, Any]:
    """Return a pipeline as the pipelines API shows it; metadata values are text."""
    return {
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": PIPELINES.index(pipeline),
        "createdAt": SET_UP,
        "updatedAt": SET_UP,
        "archived": False,
        "stages": [stage_json(stage, order) for order, stage in enumerate(pipeline.stages)],
    }


def stage_json(stage: Stage, order: int) -> dict[str, Any]:
    """Return a stage as the pipelines API shows it."""
    closed = stage.outcome != "open"
    return {
        "id": stage.id,
        "label": stage.label,
        "displayOrder": order,
        "metadata": {"isClosed": "true" if closed else "false", "probability": stage.probability},
        "createdAt": SET_UP,
        "updatedAt": SET_UP,
        "archived": False,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    }


def owner_json(owner: Owner) -> dict[str, Any]:
    """Return an owner as the owners API shows it."""
    return {
        "id": owner.id,
        "type": "PERSON",
        "email": f"{owner.first_name}.{owner.last_name}@seller.example".lower(),
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": None if owner.archived else owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": SET_UP,
        "updatedAt": SET_UP,
        "archived": owner.archived,
    }


# Property names by kind and type; ours (tin, tax_category …) stand beside HubSpot's own.
_PROPERTIES = {
    "deals": {
        "string": "dealname description hs_merged_object_ids",
        "number": "amount amount_in_home_currency hs_exchange_rate hs_tcv hs_acv hs_arr hs_mrr document_discount"
        " num_associated_contacts hs_deal_stage_probability hs_object_id",
        "enumeration": "pipeline dealstage dealtype deal_currency_code hubspot_owner_id",
        "bool": "hs_is_closed hs_is_closed_won",
        "datetime": "closedate hs_closed_won_date createdate hs_lastmodifieddate",
    },
    "line_items": {
        "string": "name description hs_sku hsn_code product_category isic_code hs_recurring_billing_period"
        " hs_tier_ranges hs_tier_prices hs_tax_label hs_external_tax_rate_id",
        "number": "quantity price discount hs_discount_percentage hs_pre_discount_amount hs_total_discount amount tax"
        " hs_effective_unit_price hs_tax_rate hs_tax_amount hs_auto_tax_amount hs_post_tax_amount hs_tax_rate_group_id"
        " hs_cost_of_goods_sold hs_position_on_quote hs_product_id hs_recurring_billing_number_of_payments"
        " hs_object_id",
        "enumeration": "tax_category hs_line_item_currency_code recurringbillingfrequency hs_pricing_model"
        " hs_recurring_billing_terms hs_tax_category",
        "date": "hs_recurring_billing_start_date hs_recurring_billing_end_date",
        "datetime": "createdate hs_lastmodifieddate",
    },
    "companies": {
        "string": "name domain website tin billing_email description phone address address2 city state zip country"
        " hs_merged_object_ids",
        "number": "hs_object_id",
        "enumeration": "hubspot_owner_id",
        "datetime": "createdate hs_lastmodifieddate",
    },
    "contacts": {
        "string": "firstname lastname email phone company address city state zip country hs_additional_emails"
        " hs_language hs_merged_object_ids",
        "number": "hs_object_id",
        "enumeration": "hubspot_owner_id",
        # The last one exists and is always empty: a search by it finds nothing and says nothing.
        "datetime": "createdate lastmodifieddate hs_lastmodifieddate",
    },
}  # fmt: skip
TYPES = {
    kind: {name: kind_of for kind_of, names in groups.items() for name in names.split()}
    for kind, groups in _PROPERTIES.items()
}
DEFAULTS = {
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage"),
    "line_items": ("quantity", "amount", "price"),
    "companies": ("name", "domain"),
    "contacts": ("firstname", "lastname", "email"),
}
CUSTOM = {"tin", "billing_email", "tax_category", "hsn_code", "product_category", "isic_code", "document_discount"}
FIELD_TYPES = {"string": "text", "number": "number", "enumeration": "select", "bool": "booleancheckbox"}
OPTIONS = {
    "tax_category": ("STANDARD_VAT", "ZERO_VAT", "EXEMPTED"),
    "deal_currency_code": ("NGN", "USD"),
    "hs_line_item_currency_code": ("NGN", "USD"),
    "dealtype": ("newbusiness", "existingbusiness"),
    "dealstage": tuple(STAGES),
    "pipeline": tuple(pipeline.id for pipeline in PIPELINES),
    "hubspot_owner_id": tuple(owner.id for owner in OWNERS),
}


def property_json(kind: str, name: str, type_name: str) -> dict[str, Any]:
    """Return a property definition as the properties API shows it."""
    options = [
        {"label": value, "value": value, "displayOrder": order, "hidden": False}
        for order, value in enumerate(OPTIONS.get(name, ()))
    ]
    read_only = name in ("hs_object_id", "createdate", "hs_lastmodifieddate", "lastmodifieddate", "hs_is_closed_won")
    return {
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": type_name,
        "fieldType": FIELD_TYPES.get(type_name, "date"),
        "description": "",
        "groupName": "e_invoicing" if name in CUSTOM else f"{kind.rstrip('s')}information",
        "options": options,
        "displayOrder": -1,
        "calculated": name in ("hs_is_closed", "hs_is_closed_won", "hs_pre_discount_amount"),
        "externalOptions": False,
        "hasUniqueValue": name == "hs_object_id",
        "hidden": False,
        "hubspotDefined": name not in CUSTOM,
        "formField": False,
        "createdAt": SET_UP,
        "updatedAt": SET_UP,
        "archived": False,
        "modificationMetadata": {
            "archivable": name in CUSTOM,
            "readOnlyDefinition": name not in CUSTOM,
            "readOnlyValue": read_only,
        },
    }


def is_number(text: str) -> bool:
    """Whether a text is a finite number as HubSpot accepts it for a number property."""
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False
