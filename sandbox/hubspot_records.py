"""CRM records: list, get, batch read, create, update."""

from bisect import bisect_left
from typing import Any

from sandbox.crm_schema import DEFAULTS, STAGES, derived_from_price, derived_from_stage, is_number
from sandbox.dataset import DEFAULT_TYPES, KINDS, PORTAL_ID, Dataset, Kind, Record, Table, now_text
from sandbox.hubspot_errors import bad_properties, hubspot_error, not_found, validation_error
from sandbox.lifecycle import archive, merge, new_record
from sandbox.web import Request, Response, json_response

MAX_PAGE, MAX_PAGE_WITH_HISTORY, MAX_BATCH, MAX_INLINE = 100, 50, 100, 100
APP_HOST = "https://app.hubspot.com"
PRICING = {"quantity", "price", "discount", "hs_discount_percentage"}
TYPE_NAMES = {
    5: "deal_to_company", 341: "deal_to_company_unlabeled", 6: "company_to_deal", 342: "company_to_deal_unlabeled",
    3: "deal_to_contact", 4: "contact_to_deal", 19: "deal_to_line_item", 20: "line_item_to_deal",
    1: "contact_to_company", 279: "contact_to_company_unlabeled", 2: "company_to_contact",
    280: "company_to_contact_unlabeled",
}  # fmt: skip


def wanted_properties(table: Table, names: list[str] | None) -> tuple[str, ...]:
    """Return the properties to show: those asked for that exist, or the defaults, and three that always come."""
    asked = DEFAULTS[table.kind.plural] if not names else [name for name in names if name in table.types]
    return tuple(dict.fromkeys([*asked, "createdate", table.kind.modified, "hs_object_id"]))


def record_json(kind: Kind, record: Record, wanted: tuple[str, ...], archived_at: str = "") -> dict[str, Any]:
    """Return a record in HubSpot's shape; a property without a value is null. `archived_at` is "" for a live one."""
    properties = record.properties
    value = properties.get
    shown = {
        "id": str(record.id),
        "properties": {name: value(name) for name in wanted},
        "createdAt": properties["createdate"],
        "updatedAt": properties[kind.modified],
        "archived": False,
        "url": f"{APP_HOST}/contacts/{PORTAL_ID}/record/{kind.type_id}/{record.id}",
    }
    if archived_at:
        shown |= {"archived": True, "archivedAt": archived_at}
    return shown


def names_in(request: Request, argument: str) -> list[str]:
    """Return a list argument, written with commas or repeated."""
    return [name for text in request.query.get(argument, ()) for name in text.split(",") if name]


def whole_number(text: str, name: str, low: int, high: int) -> int:
    """Return a number argument; raises the 400 when it is none or out of bounds."""
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not low <= number <= high:
        raise validation_error(
            f"Invalid value for {name}: '{text}'. It must be a whole number from {low} to {high}.",
            context={name: [text]},
        )
    return number


def list_records(data: Dataset, kind: Kind, to_kinds: list[Kind], request: Request) -> Response:
    """Answer one page by id; the cursor is the id from which to go on."""
    most = MAX_PAGE_WITH_HISTORY if request.argument("propertiesWithHistory") else MAX_PAGE
    limit = whole_number(request.argument("limit", "10"), "limit", 1, most)
    after = whole_number(request.argument("after", "0") or "0", "after", 0, 2**63)
    table = data.tables[kind.plural]
    archived = request.argument("archived") == "true"
    ids = sorted(table.archived) if archived else table.ids
    start = bisect_left(ids, after)
    page = ids[start : start + limit]
    wanted = wanted_properties(table, names_in(request, "properties"))
    if archived:
        bin_entries = [table.archived[record_id] for record_id in page]
        results = [record_json(kind, entry.record, wanted, entry.since) for entry in bin_entries]
    else:
        results = [record_json(kind, table.records[record_id], wanted) for record_id in page]
    if to_kinds:
        for record_id, shown in zip(page, results, strict=True):
            _add_associations(data, kind, record_id, to_kinds, shown)
    content: dict[str, Any] = {"results": results}
    if start + limit < len(ids):
        following = str(page[-1] + 1)
        link = f"https://api.hubapi.com{request.path}?after={following}&limit={limit}"
        content["paging"] = {"next": {"after": following, "link": link}}
    return json_response(200, content)


def _add_associations(data: Dataset, kind: Kind, record_id: int, to_kinds: list[Kind], shown: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    for to_kind in to_kinds:
        links = data.links(kind.plural, to_kind.plural).get(record_id)
        if not links:
            continue
        entries = [{"id": str(link.id), "type": TYPE_NAMES[number]} for link in links for number in link.types]
        found[to_kind.words] = {"results": entries[:MAX_INLINE]}
        if len(entries) > MAX_INLINE:
            path = f"/crm/v4/objects/{kind.plural}/{record_id}/associations/{to_kind.plural}"
            after = entries[MAX_INLINE]["id"]
            following = {"after": after, "link": f"https://api.hubapi.com{path}?after={after}"}
            found[to_kind.words]["paging"] = {"next": following}
    if found:
        shown["associations"] = found


def get_record(data: Dataset, kind: Kind, to_kinds: list[Kind], request: Request, text: str) -> Response:
    """Answer one record, also by an id that a merge ended; any other id is a 404, as is an archived one's.

    With ``archived=true`` only archived ones are answered.
    """
    if request.argument("idProperty") not in ("", "hs_object_id"):
        raise validation_error(f"Property '{request.argument('idProperty')}' is not a unique identifier.")
    table = data.tables[kind.plural]
    record, since = _find(table, text, archived=request.argument("archived") == "true")
    if record is None:
        raise hubspot_error(
            404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.", context={"id": [text]}
        )
    shown = record_json(kind, record, wanted_properties(table, names_in(request, "properties")), since)
    _add_associations(data, kind, record.id, to_kinds, shown)
    return json_response(200, shown)


def _find(table: Table, text: str, *, archived: bool) -> tuple[Record | None, str]:
    """Return a live record, or an archived one and since when."""
    if not archived:
        return table.find(text), ""
    entry = table.find_archived(text)
    return (entry.record, entry.since) if entry else (None, "")


def batch_read(data: Dataset, kind: Kind, body: dict[str, Any], *, archived: bool) -> Response:
    """Answer up to 100 records by id, each once; 207 names those that do not exist."""
    ids = input_ids(body, MAX_BATCH)
    if body.get("idProperty") not in (None, "", "hs_object_id"):
        raise validation_error(f"Property '{body['idProperty']}' is not a unique identifier.")
    started = now_text()
    table = data.tables[kind.plural]
    if archived:
        bin_entries = [entry for text in ids if (entry := table.find_archived(text))]
        found = {entry.record.id: (entry.record, entry.since) for entry in bin_entries}
    else:
        live = [record for text in ids if (record := table.find(text))]
        found = {record.id: (record, "") for record in live}
    wanted = wanted_properties(table, body.get("properties"))
    content = {
        "status": "COMPLETE",
        "results": [record_json(kind, record, wanted, since) for record, since in found.values()],
        "requestedAt": started,
        "startedAt": started,
        "completedAt": now_text(),
    }
    if len(found) == len(ids):
        return json_response(200, content)
    missing = [text for text in dict.fromkeys(ids) if _find(table, text, archived=archived)[0] is None]
    if not missing:
        return json_response(200, content)
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        "context": {"ids": missing},
    }
    return json_response(207, content | {"numErrors": 1, "errors": [error]})


def input_ids(body: dict[str, Any], most: int) -> list[str]:
    """Return the ids of a batch's inputs; raises the 400 when there are too many or they are malformed."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(item, dict) and "id" in item for item in inputs):
        raise validation_error('Invalid input: "inputs" must be a list of objects with an "id".')
    if len(inputs) > most:
        raise validation_error(f"The maximum number of inputs supported in a batch request is {most}.")
    return [str(item["id"]) for item in inputs]


def update_record(data: Dataset, kind: Kind, text: str, body: dict[str, Any]) -> Response:
    """Change properties of a record as the API does, with its checks."""
    table = data.tables[kind.plural]
    record = table.find(text)
    if record is None:
        raise not_found()
    changes = checked_properties(table, body.get("properties"))
    apply_edit(data, kind.plural, record, changes)
    return json_response(200, record_json(kind, record, wanted_properties(table, list(changes))))


def archive_record(data: Dataset, kind: Kind, text: str, *, touch_parent: bool) -> Response:
    """Put a record into the recycle bin; one that is not there is no error, as in the original."""
    record = data.tables[kind.plural].find(text)
    if record is not None:
        archive(data, kind.plural, record.id, touch_parent=touch_parent)
    return Response(204)


def merge_records(data: Dataset, kind: Kind, body: dict[str, Any], *, keep_primary: bool) -> Response:
    """Merge two live records and answer the result, which is a new deal where a deal's primary is not kept."""
    if kind.plural == "line_items":
        raise not_found()
    table = data.tables[kind.plural]
    primary, other = (table.find(str(body[name])) for name in ("primaryObjectId", "objectIdToMerge"))
    if primary is None or other is None or primary is other:
        raise validation_error("Both records must exist and differ to be merged.")
    keep = keep_primary or kind.plural != "deals"
    result = merge(data, kind.plural, primary.id, other.id, keep_primary=keep)
    return json_response(200, record_json(kind, result, wanted_properties(table, ["hs_merged_object_ids"])))


def create_record(data: Dataset, kind: Kind, body: dict[str, Any]) -> Response:
    """Store a new record with its associations."""
    table = data.tables[kind.plural]
    properties = checked_properties(table, body.get("properties"))
    targets = _association_targets(data, kind, body.get("associations") or [])
    defaults = {"pipeline": "default", "dealstage": "appointmentscheduled"} if kind.plural == "deals" else {}
    record = new_record(data, kind.plural, {})
    apply_edit(data, kind.plural, record, defaults | properties)
    for to_kind, to_id, types in targets:
        data.link(kind.plural, record.id, to_kind, to_id, types)
    return json_response(201, record_json(kind, record, wanted_properties(table, list(properties))))


def _association_targets(
    data: Dataset, kind: Kind, associations: list[dict[str, Any]]
) -> list[tuple[str, int, tuple[int, ...]]]:
    targets = []
    for association in associations:
        types = tuple(item["associationTypeId"] for item in association["types"])
        other = next(
            (to for to in KINDS for number in types if DEFAULT_TYPES.get((kind.plural, to.plural)) == number or
             (number, to.plural) in ((5, "companies"), (6, "deals"))),
            None,
        )  # fmt: skip
        target = data.tables[other.plural].find(str(association["to"]["id"])) if other else None
        if other is None or target is None:
            raise validation_error(f"Association types {list(types)} do not lead from {kind.singular} to that record.")
        targets.append((other.plural, target.id, types))
    return targets


def checked_properties(table: Table, properties: Any) -> dict[str, str]:
    """Return the properties of a write as text; raises the 400 that lists each one that HubSpot refuses."""
    if not isinstance(properties, dict):
        raise validation_error('Invalid input: "properties" must be an object.')
    changes = {name: "" if value is None else str(value) for name, value in properties.items()}
    problems = []
    for name, value in changes.items():
        type_name = table.types.get(name)
        if type_name is None:
            problems.append((name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
        elif type_name == "number" and value and not is_number(value):
            problems.append((name, "INVALID_NUMBER", f"{value} was not a valid number."))
        elif name == "dealstage" and value not in STAGES:
            problems.append((name, "INVALID_OPTION", f"{value} was not one of the allowed options."))
    if problems:
        raise bad_properties(problems)
    return changes


def apply_edit(data: Dataset, kind: str, record: Record, changes: dict[str, str]) -> None:
    """Store changes without checking values, and what HubSpot derives from a stage and from a line's price."""
    if kind == "deals" and changes.get("dealstage") in STAGES:
        closed_at = changes.get("closedate") or now_text()
        amount = changes.get("amount", record.properties.get("amount", ""))
        changes = derived_from_stage(STAGES[changes["dealstage"]], closed_at, amount) | changes
        changes.setdefault("closedate", closed_at)
    if kind == "line_items" and PRICING & set(changes):
        changes = derived_from_price(record.properties | changes) | changes
    data.edit(kind, record, changes)
