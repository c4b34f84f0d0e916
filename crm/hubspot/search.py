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
    group = [{"propertyName": "hs_object_id", "operator": "GT", "value": after_id or "0"}]
    for name, value in filters.items():
        if name != "text" and value not in (None, ""):
            property_name, operator, write = FILTERS[name]
            group.append({"propertyName": property_name, "operator": operator, "value": write(value)})
    if len(group) > MAX_FILTERS:
        raise ValueError(f"HubSpot takes {MAX_FILTERS - 1} filters at a time; {len(group) - 1} were given.")
    query: dict[str, Any] = {
        "filterGroups": [{"filters": group}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": list(properties),
        "limit": limit,
    }
    if filters.get("text"):
        query["query"] = str(filters["text"])
    return query


def changed_deals_query(
    since: datetime, until: datetime, properties: Sequence[str], *, after_id: str
) -> dict[str, Any]:
    """Return the search for deals changed in a window, both ends included."""
    return deals_query({"modified_since": since, "modified_until": until}, properties, after_id=after_id)
