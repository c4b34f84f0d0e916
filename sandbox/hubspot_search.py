"""Search over CRM records: filters, sorting, paging and its 10,000 cap."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sandbox.dataset import KIND_BY_NAME, Dataset, Kind, Record, Table
from sandbox.hubspot_errors import bad_properties, validation_error
from sandbox.hubspot_records import record_json, wanted_properties
from sandbox.web import Response, json_response

MAX_BODY, MAX_PAGE, MAX_DEPTH = 3000, 200, 10_000
MAX_GROUPS, MAX_FILTERS, MAX_FILTERS_IN_ALL = 5, 6, 18

Test = Callable[[Record], bool]
Value = float | str


def search(data: Dataset, kind: Kind, body: dict[str, Any], size: int) -> Response:
    """Answer one page of the records that match; `size` is the body's length in characters."""
    if size > MAX_BODY:
        raise validation_error(f"The request body is too long: {size} characters, {MAX_BODY} are allowed.")
    limit = _whole(body.get("limit", 10), "limit", 0, MAX_PAGE)
    after = _whole(body.get("after") or 0, "after", 0, 2**63)
    if after + limit > MAX_DEPTH:
        raise validation_error(f"Paging through more than {MAX_DEPTH:,} results of a search is not supported.")
    groups = _groups(body)
    tests = [[_test(data, kind, entry) for entry in group] for group in groups]
    table = data.tables[kind.plural]
    found = [record for record in table.indexed(_lowest_id(groups)) if _matches(record, tests)]
    found = _sorted(table, found, body.get("sorts"))
    wanted = wanted_properties(table, body.get("properties"))
    page = found[after : after + limit]
    content = {"total": len(found), "results": [record_json(kind, record, wanted) for record in page]}
    if after + limit < len(found):
        content["paging"] = {"next": {"after": str(after + limit)}}
    return json_response(200, content)


def _whole(value: Any, name: str, low: int, high: int) -> int:
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not low <= number <= high:
        raise validation_error(f"Invalid value for {name}: '{text}'. It must be a whole number from {low} to {high}.")
    return number


def _groups(body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    groups = [group.get("filters") or [] for group in body.get("filterGroups") or []]
    if body.get("filters"):
        groups.append(body["filters"])
    if len(groups) > MAX_GROUPS:
        raise validation_error(f"Too many filter groups: {len(groups)}, at most {MAX_GROUPS} are allowed.")
    if any(len(group) > MAX_FILTERS for group in groups) or sum(map(len, groups)) > MAX_FILTERS_IN_ALL:
        raise validation_error(
            f"Too many filters: at most {MAX_FILTERS} in a group and {MAX_FILTERS_IN_ALL} in all are allowed."
        )
    return groups


def _lowest_id(groups: list[list[dict[str, Any]]]) -> int:
    """Return the id below which nothing matches, so that a walk by id does not test again what it has passed."""
    if len(groups) != 1:
        return 0
    bounds = [
        str(entry.get("value"))
        for entry in groups[0]
        if entry.get("propertyName") == "hs_object_id" and entry.get("operator") in ("GT", "GTE")
    ]
    return max((int(bound) for bound in bounds if bound.isascii() and bound.isdigit()), default=0)


def _matches(record: Record, groups: list[list[Test]]) -> bool:
    return not groups or any(all(test(record) for test in group) for group in groups)


def _test(data: Dataset, kind: Kind, entry: dict[str, Any]) -> Test:
    name, operator = str(entry.get("propertyName")), str(entry.get("operator"))
    if name.startswith("associations."):
        return _association_test(data, kind, name.removeprefix("associations."), entry)
    if name not in data.tables[kind.plural].types:
        raise bad_properties([(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')])
    if operator == "HAS_PROPERTY":
        return lambda record: bool(record.properties.get(name))
    if operator == "NOT_HAS_PROPERTY":
        return lambda record: not record.properties.get(name)
    read = _reader(data.tables[kind.plural].types[name])
    check = _comparison(entry, operator, read)

    def test(record: Record) -> bool:
        text = record.properties.get(name)
        if not text:
            return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
        return check(read(text))

    return test


def _comparison(entry: dict[str, Any], operator: str, read: Callable[[str], Value]) -> Callable[[Any], bool]:
    """Return the check of a property's value; raises the 400 for an operator or a value that does not fit."""
    if operator in ("IN", "NOT_IN"):
        values = {read(str(value)) for value in entry.get("values") or []}
        return (lambda value: value in values) if operator == "IN" else (lambda value: value not in values)
    if "value" not in entry:
        raise validation_error(f"The filter on {entry.get('propertyName')} with {operator} needs a value.")
    one = read(str(entry["value"]))
    if operator == "BETWEEN":
        high = read(str(entry.get("highValue")))
        return lambda value: bool(one <= value <= high)
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        token = str(entry["value"]).strip("*").lower()
        return lambda value: (token in str(value).lower()) == (operator == "CONTAINS_TOKEN")
    checks: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda value: value == one,
        "NEQ": lambda value: value != one,
        "LT": lambda value: value < one,
        "LTE": lambda value: value <= one,
        "GT": lambda value: value > one,
        "GTE": lambda value: value >= one,
    }
    if operator not in checks:
        raise validation_error(f"Invalid input: operator {operator} is not known.")
    return checks[operator]


def _association_test(data: Dataset, kind: Kind, to_name: str, entry: dict[str, Any]) -> Test:
    to_kind = KIND_BY_NAME.get(to_name)
    values = entry.get("values") or [entry.get("value")]
    if to_kind is None or entry.get("operator") not in ("EQ", "IN"):
        raise validation_error(f"Invalid input: associations.{to_name} takes EQ or IN on an object type.")
    back = data.links(to_kind.plural, kind.plural)
    ids = {link.id for value in values if str(value).isdigit() for link in back.get(int(value), ())}
    return lambda record: record.id in ids


def _reader(type_name: str) -> Callable[[str], Value]:
    """Return how a property's text is compared: as a number, an instant in milliseconds, or text."""
    if type_name in ("datetime", "date"):
        return _milliseconds
    if type_name == "number":
        return _number
    return str.lower if type_name == "string" else str


@lru_cache(maxsize=1 << 17)  # each page of a search reads the same instants of the whole account again
def _milliseconds(text: str) -> float:
    if text.isdigit():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise validation_error(f"{text} was not a valid date or time.") from None
    return round((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)


def _number(text: str) -> float:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise validation_error(f"{text} was not a valid number.") from None


def _sorted(table: Table, records: list[Record], sorts: Any) -> list[Record]:
    first = sorts[0] if isinstance(sorts, list) and sorts else "createdate"
    if isinstance(first, str):
        name, descending = first.removeprefix("-"), first.startswith("-")
    else:
        name, descending = str(first.get("propertyName")), first.get("direction") == "DESCENDING"
    if name not in table.types:
        raise bad_properties([(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')])
    if name == "hs_object_id":  # as they come
        return records[::-1] if descending else records
    read = _reader(table.types[name])
    full = [record for record in records if record.properties.get(name)]
    empty = [record for record in records if not record.properties.get(name)]
    full.sort(key=lambda record: read(record.properties[name]), reverse=descending)
    return full + empty
