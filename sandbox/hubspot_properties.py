"""Property definitions: list, one, and a new one of the account's own."""

import re
from typing import Any

from sandbox.crm_schema import property_json
from sandbox.dataset import Table, now_text
from sandbox.hubspot_errors import hubspot_error, not_found, validation_error
from sandbox.web import Response, json_response

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
TYPE_NAMES = ("string", "number", "enumeration", "bool", "date", "datetime")
NEEDED = ("name", "label", "type", "fieldType", "groupName")


def definitions(table: Table) -> Response:
    """Answer all definitions, without paging."""
    return json_response(200, {"results": [_definition(table, name) for name in table.types]})


def definition(table: Table, name: str) -> Response:
    """Answer one definition; an unknown name is a 404."""
    if name not in table.types:
        raise not_found()
    return json_response(200, _definition(table, name))


def create_definition(table: Table, body: dict[str, Any]) -> Response:
    """Store a new property; 409 when there is one of this name."""
    missing = [name for name in NEEDED if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        raise validation_error(f"Some required fields were not set: [{', '.join(missing)}]")
    name = body["name"]
    if name in table.types:
        raise hubspot_error(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property named '{name}' already exists.",
            subCategory="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    if not NAME.fullmatch(name) or body["type"] not in TYPE_NAMES:
        raise validation_error(f"Invalid name or type of a property: '{name}', '{body['type']}'.")
    now = now_text()
    table.types[name] = body["type"]
    table.custom[name] = {
        key: body[key] for key in (*NEEDED, "description", "options", "hasUniqueValue") if key in body
    }
    table.custom[name] |= {"createdAt": now, "updatedAt": now}
    return json_response(201, _definition(table, name))


def _definition(table: Table, name: str) -> dict[str, Any]:
    shown = property_json(table.kind.plural, name, table.types[name])
    if name in table.custom:
        shown |= {"hubspotDefined": False} | table.custom[name]
        shown["modificationMetadata"] = {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False}
    return shown
