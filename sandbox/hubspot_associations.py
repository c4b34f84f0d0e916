"""Associations between CRM records: batch read, one record, labels."""

from typing import Any

from sandbox.dataset import DEFAULT_TYPES, LABELS, Dataset, Kind, Link, now_text
from sandbox.hubspot_errors import validation_error
from sandbox.hubspot_records import input_ids, whole_number
from sandbox.web import Request, Response, json_response

MAX_BATCH, MAX_PAGE = 1000, 500


def batch_read_associations(
    data: Dataset, kind: Kind, to_kind: Kind, body: dict[str, Any], *, number_ids: bool
) -> Response:
    """Answer the links of up to 1,000 records; those without any are left out and named in a 207."""
    ids = input_ids(body, MAX_BATCH)
    links = data.links(kind.plural, to_kind.plural)
    started = now_text()
    results, errors = [], []
    for text, item in zip(ids, body["inputs"], strict=True):
        found = links.get(int(text), []) if text.isascii() and text.isdigit() else []
        if found:
            path = f"/crm/v4/objects/{kind.plural}/{text}/associations/{to_kind.plural}"
            page = _page(found, str(item.get("after") or "0"), MAX_PAGE, path, number_ids=number_ids)
            results.append({"from": {"id": text}, "to": page.pop("results"), **page})
        else:
            errors.append(_none_found(kind, to_kind, text))
    content: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": started}
    content["completedAt"] = now_text()
    if errors:
        return json_response(207, content | {"numErrors": len(errors), "errors": errors})
    return json_response(200, content)


def _none_found(kind: Kind, to_kind: Kind, text: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {to_kind.singular} is associated with {kind.singular} {text}.",
        "context": {
            "fromObjectId": [text],
            "fromObjectType": [kind.singular],
            "toObjectType": [to_kind.singular],
        },
    }


def record_associations(
    data: Dataset, kind: Kind, to_kind: Kind, text: str, request: Request, *, number_ids: bool
) -> Response:
    """Answer one record's links; none is an empty list, as it is for an id that a merge ended."""
    limit = whole_number(request.argument("limit", str(MAX_PAGE)), "limit", 1, MAX_PAGE)
    links = data.links(kind.plural, to_kind.plural)
    found = links.get(int(text), []) if text.isascii() and text.isdigit() else []
    return json_response(
        200, _page(found, request.argument("after", "0") or "0", limit, request.path, number_ids=number_ids)
    )


def _page(links: list[Link], after: str, limit: int, path: str, *, number_ids: bool) -> dict[str, Any]:
    first = whole_number(after, "after", 0, 2**63)
    ordered = sorted(link for link in links if link.id >= first)
    page: dict[str, Any] = {"results": [_target(link, number_ids=number_ids) for link in ordered[:limit]]}
    if len(ordered) > limit:
        following = str(ordered[limit].id)
        page["paging"] = {"next": {"after": following, "link": f"https://api.hubapi.com{path}?after={following}"}}
    return page


def _target(link: Link, *, number_ids: bool) -> dict[str, Any]:
    """Return one end of a link; its id is a number in live answers and text by the specification."""
    types = [{"category": "HUBSPOT_DEFINED", "typeId": number, "label": LABELS.get(number)} for number in link.types]
    return {"toObjectId": link.id if number_ids else str(link.id), "associationTypes": types}


def labels(kind: Kind, to_kind: Kind) -> Response:
    """Answer the association types of one direction."""
    unlabelled = DEFAULT_TYPES.get((kind.plural, to_kind.plural))
    if unlabelled is None:
        raise validation_error(f"There are no associations from {kind.singular} to {to_kind.singular}.")
    primary = {341: 5, 342: 6, 279: 1, 280: 2}.get(unlabelled)
    numbers = [number for number in (primary, unlabelled) if number]
    results = [{"category": "HUBSPOT_DEFINED", "typeId": number, "label": LABELS.get(number)} for number in numbers]
    return json_response(200, {"results": results})
