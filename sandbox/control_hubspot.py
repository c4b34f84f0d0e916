"""The part of the control endpoint that acts on HubSpot's records as its people would; no value is checked."""

from typing import TYPE_CHECKING, Any

from sandbox.dataset import DEFAULT_TYPES, KIND_BY_NAME, Record, Table
from sandbox.hubspot_records import apply_edit
from sandbox.lifecycle import add_line, archive, merge, new_record, restore
from sandbox.web import Request, Response, json_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.hubspot import HubSpot

PRIMARY = {341: 5, 342: 6, 279: 1, 280: 2}


class Refused(Exception):
    """A control call that cannot be done; the argument is the sentence to answer."""


class HubSpotControl:
    """Edits, archives, restores, merges, makes and links records of the sandbox's present state."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.table = (
            ("POST", "/_control/hubspot/archive", self.archive),
            ("POST", "/_control/hubspot/restore", self.restore),
            ("POST", "/_control/hubspot/merge", self.merge),
            ("POST", "/_control/hubspot/associate", self.associate),
            ("POST", "/_control/hubspot/dissociate", self.dissociate),
            ("POST", "/_control/hubspot/lines", self.add_line),
            ("POST", "/_control/hubspot/deals", self.add_deal),
            ("POST", "/_control/hubspot/deals/{id}", self.edit_deal),
            ("POST", "/_control/hubspot/records/{kind}/{id}", self.edit),
        )

    @property
    def hubspot(self) -> "HubSpot":
        """The account as it is since the last reset."""
        return self.sandbox.hubspot

    def edit_deal(self, request: Request, record_id: str) -> Response:
        """POST: change a deal."""
        return self.edit(request, "deals", record_id)

    def edit(self, request: Request, kind: str, record_id: str) -> Response:
        """POST: change a record; null or "" clears a property."""
        record = self._live(kind, record_id)
        apply_edit(self.hubspot.data, self._table(kind).kind.plural, record, _texts(body_of(request)))
        return json_response(200, {"id": record_id, "properties": record.properties})

    def archive(self, request: Request) -> Response:
        """POST {"kind", "id"}: put a live record into the recycle bin; a line item's deal then lacks the line."""
        body = body_of(request)
        record = self._live(body.get("kind"), body.get("id"))
        kind = self._table(body.get("kind")).kind.plural
        archive(self.hubspot.data, kind, record.id, touch_parent=self.sandbox.settings.touch_parent)
        return json_response(200, {"ok": True})

    def restore(self, request: Request) -> Response:
        """POST {"kind", "id"}: take a record out of the recycle bin."""
        body = body_of(request)
        table = self._table(body.get("kind"))
        entry = table.find_archived(str(body.get("id")))
        if entry is None:
            raise Refused(f"There is no archived {table.kind.plural} record {body.get('id')}.")
        restore(self.hubspot.data, table.kind.plural, entry.record.id)
        return json_response(200, {"ok": True})

    def merge(self, request: Request) -> Response:
        """POST {"kind", "primary", "other"}: merge two live records; the answer has the id of the result."""
        body = body_of(request)
        kind = self._table(body.get("kind", "deals")).kind.plural
        primary, other = self._live(kind, body.get("primary")), self._live(kind, body.get("other"))
        if kind == "line_items" or primary is other:
            raise Refused("Two different deals, companies or contacts can be merged.")
        keep = self.sandbox.settings.merge_keeps_primary or kind != "deals"
        result = merge(self.hubspot.data, kind, primary.id, other.id, keep_primary=keep)
        return json_response(200, {"id": str(result.id)})

    def associate(self, request: Request) -> Response:
        """POST {"from_kind", "from_id", "to_kind", "to_id", "primary"}: link two records; one is primary at a time."""
        body = body_of(request)
        pair, one, other = self._pair(body)
        number = DEFAULT_TYPES[pair]
        types: tuple[int, ...] = (number,)
        if body.get("primary") and number in PRIMARY:
            types = (PRIMARY[number], number)
            self._demote(pair, one.id, number)
        self.hubspot.data.link(pair[0], one.id, pair[1], other.id, types)
        self._touch(pair, one, other)
        return json_response(200, {"ok": True})

    def _demote(self, pair: tuple[str, str], record_id: int, number: int) -> None:
        for link in list(self.hubspot.data.links(*pair).get(record_id, ())):
            if PRIMARY[number] in link.types:
                self.hubspot.data.unlink(pair[0], record_id, pair[1], link.id)
                self.hubspot.data.link(pair[0], record_id, pair[1], link.id, (number,))

    def dissociate(self, request: Request) -> Response:
        """POST {"from_kind", "from_id", "to_kind", "to_id"}: take the link of two records away."""
        pair, one, other = self._pair(body_of(request))
        if not self.hubspot.data.unlink(pair[0], one.id, pair[1], other.id):
            raise Refused("These two records are not associated.")
        self._touch(pair, one, other)
        return json_response(200, {"ok": True})

    def add_line(self, request: Request) -> Response:
        """POST {"deal_id", "properties"}: give a deal one more line item; the answer has its id."""
        body = body_of(request)
        deal = self._live("deals", body.get("deal_id"))
        touch = self.sandbox.settings.touch_parent
        line = add_line(self.hubspot.data, deal.id, _texts(body), touch_parent=touch)
        return json_response(200, {"id": str(line.id)})

    def add_deal(self, request: Request) -> Response:
        """POST {"properties", "lines", "company_id"}: make a deal; the answer has its id and its lines' ids."""
        data, body = self.hubspot.data, body_of(request)
        company = self._live("companies", body["company_id"]) if body.get("company_id") else None
        deal = new_record(data, "deals", {})
        defaults = {"pipeline": "default", "dealstage": "appointmentscheduled"}
        lines = [add_line(data, deal.id, _texts({"properties": line})) for line in body.get("lines") or []]
        if company:
            data.link("deals", deal.id, "companies", company.id, (PRIMARY[341], 341))
        apply_edit(data, "deals", deal, defaults | _texts(body))
        return json_response(200, {"id": str(deal.id), "line_ids": [str(line.id) for line in lines]})

    def _table(self, kind: object) -> Table:
        if kind not in KIND_BY_NAME:
            raise Refused(f"There is no kind {kind}; there are deals, line_items, companies and contacts.")
        return self.hubspot.data.tables[KIND_BY_NAME[str(kind)].plural]

    def _live(self, kind: object, record_id: object) -> Record:
        table = self._table(kind)
        record = table.find(str(record_id))
        if record is None:
            raise Refused(f"There is no {table.kind.plural} record {record_id}.")
        return record

    def _pair(self, body: dict[str, Any]) -> tuple[tuple[str, str], Record, Record]:
        pair = (self._table(body.get("from_kind")).kind.plural, self._table(body.get("to_kind")).kind.plural)
        if pair not in DEFAULT_TYPES:
            raise Refused(f"{pair[0]} and {pair[1]} cannot be associated.")
        return pair, self._live(pair[0], body.get("from_id")), self._live(pair[1], body.get("to_id"))

    def _touch(self, pair: tuple[str, str], one: Record, other: Record) -> None:
        """Move the deal's modification time only where the setting says that an association does that."""
        if self.sandbox.settings.touch_parent and "deals" in pair:
            self.hubspot.data.touch("deals", one if pair[0] == "deals" else other)


def body_of(request: Request) -> dict[str, Any]:
    """Return the body when it is a JSON object, else an empty one."""
    body = request.json() if request.body else {}
    return body if isinstance(body, dict) else {}


def _texts(body: dict[str, Any]) -> dict[str, str]:
    properties = body.get("properties") or {}
    return {name: "" if value is None else str(value) for name, value in properties.items()}
