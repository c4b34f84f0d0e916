"""HubSpot search bodies: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.hubspot.client import SEARCH_PAGE


def milliseconds(instant: Any) -> str:
    """Return a datetime as epoch milliseconds, the form that every HubSpot date filter takes."""
    return str(int(instant.timestamp() * 1000))


# Our filter → HubSpot's property, operator and how the value is written.
FILTERS: dict[str, tuple[str, str, Callable[[Any], str]]] = {
    "pipeline": ("pipeline", "EQ", str),
    "stage": ("dealstage", "EQ", str),
    "owner": ("hubspot_owner_id", "EQ", str),
    "amount_min": ("amount", "GTE", str),
    "amount_max": ("amount", "LTE", str),
    "closed_since": ("closedate", "GTE", milliseconds),
    "closed_until": ("closedate", "LTE", milliseconds),
    "modified_since": ("hs_lastmodifieddate", "GTE", milliseconds),
    "modified_until": ("hs_lastmodifieddate", "LTE", milliseconds),
}
# The two kinds of party disagree on what their change time is called.
PARTY_CHANGE_TIME = {"companies": "hs_lastmodifieddate", "contacts": "lastmodifieddate"}
MAX_FILTERS = 6  # HubSpot's limit for one group; one is ours, for the walk by id


def deals_query(
    filters: Mapping[str, Any], properties: Sequence[str], *, after_id: str = "", limit: int = SEARCH_PAGE
) -> dict[str, Any]:
    """Return the search for deals that match every filter, by ascending id after `after_id`.

    `text` searches names and descriptions. Raises ValueError for an unknown filter or more than five of them.
    """
    unknown = sorted(set(filters) - set(FILTERS) - {"text"})
    if unknown:
        raise ValueError(
            f"Deals cannot be filtered by {', '.join(unknown)}; known are {', '.join([*FILTERS, 'text'])}."
        )
    group = [_after(after_id)]
    for name, value in filters.items():
        if name != "text" and value not in (None, ""):
            property_name, operator, write = FILTERS[name]
            group.append({"propertyName": property_name, "operator": operator, "value": write(value)})
    if len(group) > MAX_FILTERS:
        raise ValueError(f"HubSpot takes {MAX_FILTERS - 1} filters at a time; {len(group) - 1} were given.")
    query = _by_id(group, properties, limit)
    if filters.get("text"):
        query["query"] = str(filters["text"])
    return query


def changed_deals_query(since: datetime, until: datetime, properties: Sequence[str], after_id: str) -> dict[str, Any]:
    """Return the search for deals changed in a window, both ends included."""
    return deals_query({"modified_since": since, "modified_until": until}, properties, after_id=after_id)


def changed_parties_query(
    kind: str, since: datetime, until: datetime, properties: Sequence[str], after_id: str
) -> dict[str, Any]:
    """Return the search for companies or contacts changed in a window, both ends included, by ascending id."""
    changed = PARTY_CHANGE_TIME[kind]
    group = [
        _after(after_id),
        {"propertyName": changed, "operator": "GTE", "value": milliseconds(since)},
        {"propertyName": changed, "operator": "LTE", "value": milliseconds(until)},
    ]
    return _by_id(group, properties, SEARCH_PAGE)


def _after(external_id: str) -> dict[str, str]:
    return {"propertyName": "hs_object_id", "operator": "GT", "value": external_id or "0"}


def _by_id(group: Sequence[dict[str, str]], properties: Sequence[str], limit: int) -> dict[str, Any]:
    return {
        "filterGroups": [{"filters": list(group)}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": list(properties),
        "limit": limit,
    }
