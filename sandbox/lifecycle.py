"""What happens to whole records: made with lines, archived, restored, merged."""

from sandbox.crm_schema import derived_from_price
from sandbox.dataset import (
    DEFAULT_TYPES,
    KINDS,
    Archived,
    Change,
    Dataset,
    Link,
    Record,
    now_text,
    seen_from_there,
)

LINE = (19,)
UNLABELLED = {5: 341, 1: 279}  # what a second primary company becomes, of a deal and of a contact
NEVER_MERGED = {"hs_object_id", "createdate", "hs_lastmodifieddate", "lastmodifieddate", "hs_merged_object_ids"}


def archive(data: Dataset, kind: str, record_id: int, *, touch_parent: bool = False) -> None:
    """Put a live record into the recycle bin; neither its modification time nor its deal's moves.

    `touch_parent` moves the deal's time when a line item goes, as some accounts have reported.
    """
    table = data.tables[kind]
    record, links = table.take(record_id), _take_links(data, kind, record_id)
    table.archived[record_id] = Archived(record, now_text(), links)
    if touch_parent:
        _touch_deals(data, kind, links)
    data.changed(Change("deletion", table.kind, record_id, {}))


def restore(data: Dataset, kind: str, record_id: int) -> None:
    """Bring an archived record back with its links; a link to a record still archived waits for that one."""
    table = data.tables[kind]
    entry = table.archived.pop(record_id)
    table.put(entry.record)
    data.changed(Change("restore", table.kind, record_id, {}))
    for (_, other_kind), link in entry.links:
        other = data.tables[other_kind]
        other_id = other.merged.get(link.id, link.id)
        if other_id in other.records:
            data.link(kind, record_id, other_kind, other_id, link.types)
        elif other_id in other.archived:
            waiting = Link(record_id, seen_from_there(link.types))
            other.archived[other_id].links.append(((other_kind, kind), waiting))


def merge(data: Dataset, kind: str, primary_id: int, other_id: int, *, keep_primary: bool) -> Record:
    """Make one record of two live ones and return it: the primary's values win, the other's fill the gaps.

    Without `keep_primary` the result has a new id. All links move to it; old ids lead to it by `Table.merged`.
    """
    table = data.tables[kind]
    primary, other = table.records[primary_id], table.records[other_id]
    filled = {name: value for name, value in other.properties.items() if not primary.properties.get(name)}
    moved = {name: value for name, value in filled.items() if name not in NEVER_MERGED and value}
    links = _take_links(data, kind, primary_id) + _take_links(data, kind, other_id)
    result = primary if keep_primary else table.add(dict(primary.properties))
    if keep_primary:
        table.remember(primary_id, primary.properties)
    result.properties |= moved | {"hs_merged_object_ids": _merged_ids(primary, other, result)}
    result.properties["hs_object_id"] = str(result.id)
    for old_id in {primary_id, other_id} - {result.id}:
        table.take(old_id)
        table.merged[old_id] = result.id
    for old_id, present in table.merged.items():
        table.merged[old_id] = table.merged.get(present, present)
    _give_links(data, kind, result.id, links)
    data.touch(kind, result)
    merged = {"primary": primary_id, "merged": [other_id], "new": result.id, "moved": len(moved)}
    data.changed(Change("merge", table.kind, result.id, merged))
    return result


def add_line(data: Dataset, deal_id: int, properties: dict[str, str], *, touch_parent: bool = False) -> Record:
    """Store a line item of a deal; the deal's modification time stays unless `touch_parent`."""
    line = new_record(data, "line_items", derived_from_price(properties) | properties)
    data.link("deals", deal_id, "line_items", line.id, LINE)
    if touch_parent:
        data.touch("deals", data.tables["deals"].records[deal_id])
    return line


def new_record(data: Dataset, kind: str, properties: dict[str, str]) -> Record:
    """Store a record created now with the properties that have a value."""
    table, now = data.tables[kind], now_text()
    given = {name: value for name, value in properties.items() if value}
    record = table.add(given | {"createdate": now, table.kind.modified: now})
    record.properties["hs_object_id"] = str(record.id)
    data.changed(Change("creation", table.kind, record.id, {}))
    for name, value in given.items():
        data.changed(Change("propertyChange", table.kind, record.id, {"name": name, "value": value}))
    return record


def _take_links(data: Dataset, kind: str, record_id: int) -> list[tuple[tuple[str, str], Link]]:
    """Take away all links of a record and return them as they look from it."""
    taken = []
    for pair in [(kind, other.plural) for other in KINDS if (kind, other.plural) in DEFAULT_TYPES]:
        for link in list(data.links(*pair).get(record_id, ())):
            data.unlink(kind, record_id, pair[1], link.id)
            taken.append((pair, link))
    return taken


def _give_links(data: Dataset, kind: str, record_id: int, links: list[tuple[tuple[str, str], Link]]) -> None:
    """Link a merged record to all that its parts had; the first primary company stays the only one."""
    has_primary = False
    for (_, other_kind), link in links:
        plain = tuple({UNLABELLED.get(number, number): None for number in link.types})
        is_primary = plain != link.types
        data.link(kind, record_id, other_kind, link.id, plain if has_primary else link.types)
        has_primary = has_primary or is_primary


def _merged_ids(primary: Record, other: Record, result: Record) -> str:
    """Return the old ids, those of earlier merges included, as the `;` list that the original shows."""
    earlier = [record.properties.get("hs_merged_object_ids", "") for record in (primary, other)]
    ids = [old for text in earlier for old in text.split(";") if old]
    ids += [str(record.id) for record in (primary, other) if record.id != result.id]
    return ";".join(dict.fromkeys(ids))


def _touch_deals(data: Dataset, kind: str, links: list[tuple[tuple[str, str], Link]]) -> None:
    for pair, link in links:
        if pair == ("line_items", "deals"):
            data.touch("deals", data.tables["deals"].records[link.id])
