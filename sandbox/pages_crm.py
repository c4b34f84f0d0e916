"""HubSpot's CRM as its people see it: deals to find, to open, to change."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from sandbox.crm_schema import PIPELINES, STAGES
from sandbox.dataset import Dataset, Record
from sandbox.expected import judge
from sandbox.html import choice, form, page, text_field
from sandbox.hubspot_records import apply_edit
from sandbox.lifecycle import add_line, archive, merge, restore
from sandbox.web import Request, Response, html_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

PAGE = 50
SAID = {
    "saved": "Saved.", "archived": "Archived: it is in the recycle bin.", "restored": "Restored.",
    "merged": "Merged. This is the deal that the two became.", "added": "The line was added.",
    "removed": "The line was archived.", "not_merged": "Not merged: there is no other deal with this id.",
}  # fmt: skip
STAGE_OPTIONS = [(stage.id, f"{pipeline.label}: {stage.label}") for pipeline in PIPELINES for stage in pipeline.stages]
PIPELINE_OF = {stage.id: pipeline.id for pipeline in PIPELINES for stage in pipeline.stages}


class CrmPages:
    """Shows and changes the records of the sandbox's present state, without any check of values."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox

    @property
    def data(self) -> Dataset:
        """The records since the last reset."""
        return self.sandbox.hubspot.data

    def deals(self, request: Request) -> Response:
        """GET /hubspot?q=&page=&archived=1: deals by id, the newest first."""
        words, in_bin = request.argument("q").strip(), request.argument("archived") == "1"
        table = self.data.tables["deals"]
        all_deals = [entry.record for entry in table.archived.values()] if in_bin else list(table)
        fitting = [deal for deal in reversed(all_deals) if self._fits(deal, words.lower())]
        text = request.argument("page", "1")
        last = max(1, -(-len(fitting) // PAGE))
        number = min(max(1, int(text) if text.isascii() and text.isdigit() else 1), last)
        shown = fitting[(number - 1) * PAGE : number * PAGE]
        body = _filter_form(words, in_bin=in_bin) + self._deal_table(shown)
        body += f"<p>{len(fitting):,} deals, page {number} of {last}.</p>"
        body += _paging({"q": words} | ({"archived": "1"} if in_bin else {}), number, last)
        title = "Deals in the recycle bin" if in_bin else "Deals"
        return html_response(200, page(title, _said(request) + body, wide=True))

    def _fits(self, deal: Record, words: str) -> bool:
        return not words or words in f"{deal.id} {deal.properties.get('dealname', '')} {self._buyer(deal)}".lower()

    def _buyer(self, deal: Record) -> str:
        return ", ".join(company.properties.get("name", "") for company in self._companies(deal))

    def _companies(self, deal: Record) -> list[Record]:
        links = self.data.links("deals", "companies").get(deal.id, ())
        return [self.data.tables["companies"].records[link.id] for link in links]

    def _deal_table(self, deals: Iterable[Record]) -> str:
        rows = "".join(
            f'<tr><td><a href="/hubspot/deals/{deal.id}">{escape(deal.properties.get("dealname") or "(no name)")}</a>'
            f'</td><td>{escape(_stage(deal))}</td><td class="number">{escape(_amount(deal))}</td>'
            f'<td class="extra">{escape(self._buyer(deal))}</td>'
            f'<td class="extra">{escape(deal.properties["hs_lastmodifieddate"][:19].replace("T", " "))}</td></tr>'
            for deal in deals
        )
        head = '<th scope="col">Deal</th><th scope="col">Stage</th><th scope="col" class="number">Amount</th>'
        head += '<th scope="col" class="extra">Company</th><th scope="col" class="extra">Modified</th>'
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""

    def deal(self, request: Request, deal_id: str) -> Response:
        """GET /hubspot/deals/{id}: one deal with its lines and companies; an id that a merge ended leads on."""
        table = self.data.tables["deals"]
        deal, entry = table.find(deal_id), table.find_archived(deal_id)
        if entry:
            body = _facts([("Archived", entry.since)]) + form(f"/hubspot/deals/{deal_id}", "", ("restore", "Restore"))
            return html_response(200, page(_name(entry.record), _said(request) + body, wide=True))
        if deal is None:
            return _missing()
        if str(deal.id) != deal_id:
            return _back(f"/hubspot/deals/{deal.id}", "merged")
        body = self._deal_facts(deal) + _deal_form(deal) + self._lines(deal) + self._company_forms(deal)
        other = text_field("other", "Id of the other deal", "", "Its lines come over; this deal's values win.")
        hidden = f'<input type="hidden" name="primary" value="{deal.id}">'
        body += "<h2>Merge and archive</h2>" + form("/hubspot/merge", hidden + other, ("merge", "Merge"), main=False)
        body += form(f"/hubspot/deals/{deal.id}", "", ("archive", "Archive this deal"), main=False)
        return html_response(200, page(_name(deal), _said(request) + body, wide=True))

    def _deal_facts(self, deal: Record) -> str:
        entry, properties = judge(self.data, deal), deal.properties
        verdict = "Not won: nothing to invoice."
        if entry["won"]:
            verdict = f"Won. Cannot be invoiced: {entry['flaw']}." if entry["flaw"] else ""
            verdict = verdict or f"Won. Payable: {entry['payable_amount']} naira."
        facts = [("Id", str(deal.id)), ("Modified", properties["hs_lastmodifieddate"]), ("Sandbox's own sum", verdict)]
        if properties.get("hs_merged_object_ids"):
            facts.append(("Made of", properties["hs_merged_object_ids"].replace(";", ", ")))
        return _facts(facts)

    def _lines(self, deal: Record) -> str:
        links = self.data.links("deals", "line_items").get(deal.id, ())
        lines = [self.data.tables["line_items"].records[link.id] for link in links]
        rows = "".join(
            f'<div class="row">{_line_form(f"/hubspot/deals/{deal.id}/lines/{line.id}", line)}</div>' for line in lines
        )
        new = Record(0, {"name": "", "quantity": "1", "price": ""})
        fields = _line_fields(new)
        return f"<h2>Lines</h2>{rows}" + form(
            f"/hubspot/deals/{deal.id}/lines", fields, ("add", "Add a line"), main=False
        )

    def _company_forms(self, deal: Record) -> str:
        shown = "<h2>Companies</h2>"
        for company in self._companies(deal):
            fields = text_field("name", "Name", company.properties.get("name", ""))
            fields += text_field("tin", "TIN", company.properties.get("tin", ""), "Empty takes it away.")
            action = f"/hubspot/deals/{deal.id}/companies/{company.id}"
            shown += f'<div class="row">{form(action, fields, ("save", "Save the company"))}</div>'
        return shown if self._companies(deal) else shown + "<p>This deal has no company.</p>"

    def save_deal(self, request: Request, deal_id: str) -> Response:
        """POST: change, archive or restore a deal."""
        given, table, address = request.form(), self.data.tables["deals"], f"/hubspot/deals/{deal_id}"
        if given.get("do") == "restore" and (entry := table.find_archived(deal_id)):
            restore(self.data, "deals", entry.record.id)
            return _back(address, "restored")
        deal = table.find(deal_id)
        if deal is None:
            return _missing()
        if given.get("do") == "archive":
            archive(self.data, "deals", deal.id)
            return _back(address, "archived")
        changes = _picked(given, "dealname", "amount", "dealstage")
        if changes.get("dealstage") in PIPELINE_OF:
            changes["pipeline"] = PIPELINE_OF[changes["dealstage"]]
        self._edit("deals", deal, changes)
        return _back(address, "saved")

    def _edit(self, kind: str, record: Record, given: dict[str, str]) -> None:
        """Store what differs from before; a form saved as it was is no edit."""
        changes = {name: value for name, value in given.items() if value != record.properties.get(name, "")}
        if changes:
            apply_edit(self.data, kind, record, changes)

    def add_line(self, request: Request, deal_id: str) -> Response:
        """POST: one more line item."""
        deal = self.data.tables["deals"].find(deal_id)
        if deal is None:
            return _missing()
        add_line(self.data, deal.id, _line_changes(request), touch_parent=self.sandbox.settings.touch_parent)
        return _back(f"/hubspot/deals/{deal_id}", "added")

    def save_line(self, request: Request, deal_id: str, line_id: str) -> Response:
        """POST: change a line item, or archive it."""
        line = self.data.tables["line_items"].find(line_id)
        if line is None:
            return _missing()
        if request.form().get("do") == "archive":
            archive(self.data, "line_items", line.id, touch_parent=self.sandbox.settings.touch_parent)
            return _back(f"/hubspot/deals/{quote(deal_id)}", "removed")
        self._edit("line_items", line, _line_changes(request))
        return _back(f"/hubspot/deals/{quote(deal_id)}", "saved")

    def save_company(self, request: Request, deal_id: str, company_id: str) -> Response:
        """POST: change a company's name and TIN."""
        company, given = self.data.tables["companies"].find(company_id), request.form()
        if company is None:
            return _missing()
        self._edit("companies", company, _picked(given, "name", "tin"))
        return _back(f"/hubspot/deals/{quote(deal_id)}", "saved")

    def merge(self, request: Request) -> Response:
        """POST: merge two deals and show what they became."""
        given, table = request.form(), self.data.tables["deals"]
        primary, other = table.find(given.get("primary", "")), table.find(given.get("other", "").strip())
        if primary is None:
            return _missing()
        if other is None or other is primary:
            return _back(f"/hubspot/deals/{primary.id}", "not_merged")
        keep = self.sandbox.settings.merge_keeps_primary
        result = merge(self.data, "deals", primary.id, other.id, keep_primary=keep)
        return _back(f"/hubspot/deals/{result.id}", "merged")


def _deal_form(deal: Record) -> str:
    stage = deal.properties.get("dealstage", "")
    options = STAGE_OPTIONS if stage in STAGES else [(stage, stage or "(none)"), *STAGE_OPTIONS]
    fields = text_field("dealname", "Name", deal.properties.get("dealname", ""))
    fields += choice("dealstage", "Stage", options, stage)
    fields += text_field("amount", "Amount", deal.properties.get("amount", ""), "Typed by hand; need not be the sum.")
    return form(f"/hubspot/deals/{deal.id}", fields, ("save", "Save the deal"))


def _line_fields(line: Record) -> str:
    value = line.properties.get
    return (
        text_field("name", "Line", value("name", ""))
        + text_field("quantity", "Quantity", value("quantity", ""), more=' inputmode="decimal"')
        + text_field("price", "Unit price", value("price", ""), more=' inputmode="decimal"')
    )


def _line_form(action: str, line: Record) -> str:
    net = f"<div>Net<br><strong>{escape(line.properties.get('amount', '-'))}</strong></div>"
    return form(action, _line_fields(line) + net, ("save", "Save the line"), ("archive", "Archive the line"))


def _line_changes(request: Request) -> dict[str, str]:
    return _picked(request.form(), "name", "quantity", "price")


def _picked(given: dict[str, str], *names: str) -> dict[str, str]:
    return {name: given[name].strip() for name in names if name in given}


def _filter_form(words: str, *, in_bin: bool) -> str:
    other = '<a href="/hubspot">Live deals</a>' if in_bin else '<a href="/hubspot?archived=1">The recycle bin</a>'
    hidden = '<input type="hidden" name="archived" value="1">' if in_bin else ""
    field = text_field("q", "Name, id or company contains", words)
    button = '<div class="foot"><button>Filter</button></div>'
    return f'<form action="/hubspot"><div class="fields">{field}{hidden}{button}</div></form><p>{other}</p>'


def _paging(query: dict[str, str], number: int, last: int) -> str:
    steps = [("Newer", number - 1), ("Older", number + 1)]
    links = [
        f'<a href="/hubspot?{escape(urlencode(query | {"page": str(to)}))}">{word}</a>'
        for word, to in steps
        if 1 <= to <= last
    ]
    return f'<nav aria-label="Pages">{" ".join(links)}</nav>' if links else ""


def _facts(facts: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>"


def _stage(deal: Record) -> str:
    stage = deal.properties.get("dealstage", "")
    return STAGES[stage].label if stage in STAGES else stage


def _amount(deal: Record) -> str:
    return f"{deal.properties.get('amount', '')} {deal.properties.get('deal_currency_code', '')}".strip()


def _name(deal: Record) -> str:
    return deal.properties.get("dealname") or "(no name)"


def _said(request: Request) -> str:
    sentence = SAID.get(request.argument("said"))
    return f'<p class="said" role="status">{sentence}</p>' if sentence else ""


def _back(address: str, said: str) -> Response:
    return Response(303, b"", "text/html; charset=utf-8", {"Location": f"{address}?said={said}"})


def _missing() -> Response:
    back = '<p>It may have been archived or merged. <a href="/hubspot">All deals</a></p>'
    return html_response(404, page("There is no such record", back, wide=True))
