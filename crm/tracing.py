"""Where each value of a deal's invoice comes from: a property, a rule, the business profile, or arithmetic. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from crm.converters import FILLED
from crm.facts import lookup_of
from crm.records import DealRecord, LineRecord
from invoices import tracing
from invoices.drafts import InvoiceDraft
from invoices.rules import Found
from invoices.tracing import GIVEN, PROFILE, WORKED_OUT, Traced

# Facts of a draft that no rule fills: they are the deal's own.
OF_DEAL = {"currency": "deal.currency", "document_discount": "deal.document_discount"}
OF_LINE = {"name": "line.name", "quantity": "line.quantity", "unit_price": "line.unit_price", "sku": "line.sku"}


class Tracer(tracing.Tracer):
    """Traces the values of one draft and of the document made from it."""

    def __init__(
        self, record: DealRecord, draft: InvoiceDraft, origins: Mapping[str, Found], provider: str, rules: str
    ) -> None:
        self.record, self.draft, self.origins = record, draft, origins
        self.provider, self.rules = provider, rules

    def of_fact(self, path: str, value: str) -> Traced:
        """Return where one value of the draft comes from."""
        if path in WORKED_OUT:
            return Traced(path, value, f"worked out: {WORKED_OUT[path]}")
        found = self.origins.get(path)
        if found is not None:
            return self._found(path, value, found)
        own = OF_DEAL.get(path) or (OF_LINE.get(path.rpartition(".")[2]) if path.startswith("lines.") else None)
        if own:
            return self._from_property(path, value, own)
        if path.endswith(".discount"):
            return Traced(path, value, f"worked out: {GIVEN['discount_amount']}")
        return Traced(path, value, PROFILE)

    def _found(self, path: str, value: str, found: Found) -> Traced:
        if found.rule == FILLED:
            return Traced(path, value, FILLED)
        if found.source:
            return self._from_property(path, value, found.source, found.rule)
        return Traced(path, value, f"{self.rules}: {found.rule}", rule=found.rule)

    def _from_property(self, path: str, value: str, source: str, rule: str = "") -> Traced:
        kind, _, name = source.partition(".")
        given = lookup_of(self.record, self._line_of(path))(source)
        words = f"{self.provider}, {kind} property {name}"
        if rule:
            words = f"{self.rules}: {rule}, by {words}"
        return Traced(path, value, words, source, given, rule)

    def _line_of(self, path: str) -> LineRecord | None:
        """Return the line of the deal that a line of the draft was made from; parts leave some lines out."""
        parts = path.split(".")
        if parts[0] != "lines":
            return None
        wanted = self.draft.lines[int(parts[1]) - 1].external_id
        return next((line for line in self.record.lines if line.external_id == wanted), None)
