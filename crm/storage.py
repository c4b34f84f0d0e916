"""Stores pages of deals: COPY, compare, write what changed; never an older version over a newer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection as database
from django.utils import timezone
from psycopg import sql

from crm.converters import may_be_due
from crm.models import Company, Contact, Deal, DealAlias, DealLine, Owner, Pipeline
from crm.records import CompanyRecord, ContactRecord, DealRecord, LineRecord, OwnerRecord, PipelineRecord
from integrations.base.records import content_hash
from integrations.bulk import Upserted, upsert
from integrations.models import Connection
from integrations.services.syncs import SaveCounts
from invoices.rules import Rules, default_rules
from invoices.services.ruling import active_rules
from invoices.services.withdrawing import withdraw

SOURCE_COLUMNS = (
    "organization_id",
    "connection_id",
    "external_id",
    "source_updated_at",
    "payload",
    "content_hash",
    "stored_at",
    "extra",
)
COMPANY_COLUMNS = (
    "name",
    "tin",
    "email",
    "phone",
    "description",
    "street",
    "city",
    "state",
    "postal_zone",
    "country",
)
CONTACT_COLUMNS = ("first_name", "last_name", "email", "phone")
DEAL_COLUMNS = (
    "name", "amount", "currency", "document_discount", "pipeline_external_id", "stage_external_id", "stage_label",
    "is_won", "is_closed", "close_date", "owner_external_id", "company_question", "url", "is_archived",
)  # fmt: skip
LINE_COLUMNS = (
    "external_id", "position", "name", "description", "sku", "quantity", "unit_price", "unit_discount",
    "discount_percent", "amount", "currency", "tax_rate", "tax_category", "hsn_code", "product_category", "isic_code",
)  # fmt: skip
LINES = sql.Identifier(DealLine._meta.db_table)
NOT_WON = "The deal is not won any more."
GONE = "gone"  # the content hash of a deal that its provider no longer has: any content that comes back is a change
TORN = "torn"  # likewise of a deal that lost a line to another one and was not read since


def save_structure(
    *, connection: Connection, pipelines: Sequence[PipelineRecord], owners: Sequence[OwnerRecord]
) -> None:
    """Store pipelines and owners; there are few, so one statement each does."""
    Pipeline.objects.bulk_create(
        [
            Pipeline(
                organization_id=connection.organization_id,
                connection=connection,
                external_id=pipeline.external_id,
                label=pipeline.label,
                stages={stage_id: asdict(stage) for stage_id, stage in pipeline.stages.items()},
                updated_at=timezone.now(),
            )
            for pipeline in pipelines
        ],
        update_conflicts=True,
        unique_fields=["connection", "external_id"],
        update_fields=["label", "stages", "updated_at"],
    )
    Owner.objects.bulk_create(
        [
            Owner(
                organization_id=connection.organization_id,
                connection=connection,
                updated_at=timezone.now(),
                **asdict(owner),
            )
            for owner in {
                owner.external_id: owner for owner in owners
            }.values()  # one may be archived between two pages
        ],
        update_conflicts=True,
        unique_fields=["connection", "external_id"],
        update_fields=["name", "email", "is_archived", "updated_at"],
    )


@dataclass(frozen=True, slots=True)
class Saved:
    """What storing deals did: the external ids of new and of changed ones, and how many were as they are."""

    created: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    unchanged: int = 0


def save_deals(*, connection: Connection, records: Sequence[DealRecord], read_at: datetime | None = None) -> Saved:
    """Store deals with their lines and parties, inside the caller's transaction; `read_at` is when reading them began.

    A deal whose content did not change costs no write. A changed company makes its won deals due again, so that
    a draft that waited for its TIN is looked at anew. A deal that is not won any more takes its draft back, and so do
    the deals that were merged into another.
    """
    if not records:
        return Saved()
    at = read_at or timezone.now()
    parties = [party for deal in records for party in deal.companies]
    people = [person for deal in records for person in deal.contacts]
    companies = _save_parties(connection, Company, COMPANY_COLUMNS, parties, at)
    contacts = _save_parties(connection, Contact, CONTACT_COLUMNS, people, at)
    rules = active_rules(connection.organization_id).rules
    deals = _save_deal_rows(connection, records, at, rules)
    _follow_merges(connection, records, deals.written)
    _save_lines(connection, records, deals)
    lost = [
        deal.external_id
        for deal in records
        if deal.external_id in deals.changed and not _is_to_be_looked_at(deal, rules)
    ]
    withdraw(connection=connection, kind="deal", external_ids=lost, why=NOT_WON)
    _mark_due(rules, list(companies.changed.values()), list(contacts.changed.values()))
    distinct = len({record.external_id for record in records})
    unchanged = distinct - len(deals.created) - len(deals.changed)
    return Saved(frozenset(deals.created), frozenset(deals.changed), unchanged)


def save_changed_parties(
    *, connection: Connection, records: Sequence[CompanyRecord | ContactRecord], read_at: datetime | None = None
) -> None:
    """Store those of these buyers that a stored deal stands on, and make the won deals of changed ones due again."""
    at = read_at or timezone.now()
    companies = _save_parties(connection, Company, COMPANY_COLUMNS, _known(Company, connection, records), at)
    contacts = _save_parties(connection, Contact, CONTACT_COLUMNS, _known(Contact, connection, records), at)
    rules = active_rules(connection.organization_id).rules
    _mark_due(rules, list(companies.changed.values()), list(contacts.changed.values()))


def _known(
    model: type[Company | Contact], connection: Connection, records: Sequence[CompanyRecord | ContactRecord]
) -> list[CompanyRecord | ContactRecord]:
    kind = CompanyRecord if model is Company else ContactRecord
    ours = [record for record in records if isinstance(record, kind)]
    known = _ids_of(model, connection, {record.external_id for record in ours}) if ours else {}
    return [record for record in ours if record.external_id in known]


def compare_deals(*, connection: Connection, records: Sequence[DealRecord]) -> SaveCounts:
    """Return what storing these deals would do, and store nothing; each that would change is named with its fields."""
    ids = [record.external_id for record in records]
    kept = {deal.external_id: deal for deal in Deal.objects.filter(connection=connection, external_id__in=ids)}
    new = [record for record in records if record.external_id not in kept]
    changed = [r for r in records if r.external_id in kept and kept[r.external_id].content_hash != deal_hash(r)]
    findings = [{"external_id": r.external_id, "name": r.name, "what": "new", "fields": []} for r in new]
    findings += [
        {
            "external_id": r.external_id,
            "name": r.name,
            "what": "changed",
            "fields": _differences(kept[r.external_id], r),
        }
        for r in changed
    ]
    return SaveCounts(len(new), len(changed), len(records) - len(new) - len(changed), findings=tuple(findings))


def _differences(kept: Deal, record: DealRecord) -> list[str]:
    fields = [name for name in DEAL_COLUMNS if getattr(kept, name) != getattr(record, name)]
    return fields or ["lines or parties"]


def _source_values(connection: Connection, record: Any, digest: str, at: datetime) -> tuple[Any, ...]:
    return (
        connection.organization_id,
        connection.pk,
        record.external_id,
        record.source_updated_at,
        orjson.dumps(record.payload).decode(),
        digest,
        at,
        orjson.dumps(record.extra).decode(),
    )


def _save_parties(
    connection: Connection,
    model: type[Company | Contact],
    columns: tuple[str, ...],
    records: Iterable[CompanyRecord | ContactRecord],
    at: datetime,
) -> Upserted:
    distinct = {record.external_id: record for record in records}
    if not distinct:
        return Upserted({}, {})
    rows = (
        (
            *_source_values(connection, record, _party_hash(record, columns), at),
            *(getattr(record, column) for column in columns),
        )
        for record in distinct.values()
    )
    return upsert(model, (*SOURCE_COLUMNS, *columns), rows)


def _is_to_be_looked_at(deal: DealRecord, rules: Rules) -> bool:
    """Tell whether it may be due by these rules, or by those that it was invoiced by before; invoicing decides."""
    return may_be_due(deal, rules) or may_be_due(deal, default_rules())


def _party_hash(record: CompanyRecord | ContactRecord, columns: tuple[str, ...]) -> str:
    return content_hash([getattr(record, column) for column in columns], *_extra_facts([record]))


def _extra_facts(records: Iterable[Any]) -> list[list[list[str]]]:
    """Return what rules read beside our fields, [] where that is nothing, as it was before there were rules."""
    extras = [[f"{name}={value}" for name, value in sorted(record.extra.items())] for record in records]
    return [extras] if any(extras) else []


def deal_hash(deal: DealRecord) -> str:
    """Return the hash of all that an invoice could be made from: the deal, its lines and its chosen parties."""
    facts = [str(getattr(deal, column)) for column in DEAL_COLUMNS]
    parties = [deal.company_external_id, deal.contact_external_id]
    lines = [[str(getattr(line, column)) for column in LINE_COLUMNS] for line in deal.lines]
    return content_hash(facts, parties, lines, deal.former_ids, *_extra_facts([deal, *deal.lines]))


def _save_deal_rows(connection: Connection, records: Sequence[DealRecord], at: datetime, rules: Rules) -> Upserted:
    companies = _ids_of(Company, connection, {deal.company_external_id for deal in records})
    contacts = _ids_of(Contact, connection, {deal.contact_external_id for deal in records})
    rows = (
        (
            *_source_values(connection, deal, deal_hash(deal), at),
            *(getattr(deal, column) for column in DEAL_COLUMNS),
            companies.get(deal.company_external_id),
            contacts.get(deal.contact_external_id),
            _is_to_be_looked_at(deal, rules),
        )
        for deal in records
    )
    columns = (*SOURCE_COLUMNS, *DEAL_COLUMNS, "company_id", "contact_id", "invoice_due")
    return upsert(Deal, columns, rows, compared=("company_id", "contact_id"))


def _ids_of(
    model: type[Company | Contact | DealAlias], connection: Connection, external_ids: set[str]
) -> dict[str, int]:
    statement = sql.SQL("SELECT external_id, id FROM {} WHERE connection_id = %s AND external_id = ANY(%s)")
    with database.cursor() as cursor:
        # An array, because a thousand single parameters cost more to parse than to run.
        cursor.execute(
            statement.format(sql.Identifier(model._meta.db_table)), [connection.pk, list(external_ids - {""})]
        )
        return dict(cursor.fetchall())


def _save_lines(connection: Connection, records: Sequence[DealRecord], deals: Upserted) -> None:
    """Replace the lines of deals that were written; the others' lines are part of their unchanged content."""
    written = deals.written
    lines = {
        line.external_id: (written[deal.external_id], line)
        for deal in records
        if deal.external_id in written
        for line in deal.lines
    }
    _tear(connection, list(lines), list(written.values()))
    columns = sql.SQL(", ").join(map(sql.Identifier, ("connection_id", "deal_id", *LINE_COLUMNS, "payload", "extra")))
    with database.cursor() as cursor:
        # A line moves to another deal when deals are merged; it must not be met twice. Arrays, because thousands of
        # single parameters cost more to parse than to run.
        cursor.execute(
            sql.SQL(
                "DELETE FROM {table} WHERE deal_id = ANY(%s) OR (connection_id = %s AND external_id = ANY(%s))"
            ).format(table=LINES),
            [list(deals.changed.values()), connection.pk, list(lines)],
        )
        with cursor.copy(sql.SQL("COPY {table} ({columns}) FROM STDIN").format(table=LINES, columns=columns)) as copy:
            for deal_id, line in lines.values():
                copy.write_row(_line_values(connection, deal_id, line))


def _tear(connection: Connection, line_ids: list[str], deal_ids: list[int]) -> None:
    """Let other deals that have these lines be written by their next read, even one that finds what they had."""
    with database.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT DISTINCT deal_id FROM {table} WHERE connection_id = %s AND external_id = ANY(%s)"
                " AND deal_id <> ALL(%s)"
            ).format(table=LINES),
            [connection.pk, line_ids, deal_ids],
        )
        losers = [deal_id for (deal_id,) in cursor.fetchall()]
    if losers:
        Deal.objects.filter(pk__in=losers, is_archived=False).update(content_hash=TORN)


def _line_values(connection: Connection, deal_id: int, line: LineRecord) -> tuple[Any, ...]:
    return (
        connection.pk,
        deal_id,
        *(getattr(line, column) for column in LINE_COLUMNS),
        orjson.dumps(line.payload).decode(),
        orjson.dumps(line.extra).decode(),
    )


def _follow_merges(connection: Connection, records: Sequence[DealRecord], written: dict[str, int]) -> None:
    """Let former ids stand for the deal that they were merged into, and archive the deals that had them.

    They are archived again whenever one comes back: a page that was listed before the merge may be stored after it.
    """
    for record in records:
        if record.external_id not in written or not record.former_ids:
            continue
        deal_id, former = written[record.external_id], list(record.former_ids)
        DealAlias.objects.filter(deal__connection=connection, deal__external_id__in=former).update(deal_id=deal_id)
        DealAlias.objects.bulk_create(
            [DealAlias(connection=connection, external_id=former_id, deal_id=deal_id) for former_id in former],
            update_conflicts=True,
            unique_fields=["connection", "external_id"],
            update_fields=["deal"],
        )
    merged = {former_id for record in records for former_id in record.former_ids}
    merged.update(_ids_of(DealAlias, connection, set(written)))
    if merged:
        archive_deals(connection=connection, external_ids=sorted(merged))


def archive_deals(*, connection: Connection, external_ids: Sequence[str]) -> int:
    """Mark deals that their provider no longer has, take their drafts back, and return how many there were."""
    deals = Deal.objects.filter(connection=connection, external_id__in=list(external_ids), is_archived=False)
    archived = deals.update(is_archived=True, invoice_due=False, content_hash=GONE, stored_at=timezone.now())
    withdraw(
        connection=connection, kind="deal", external_ids=external_ids, why="The deal was archived, deleted or merged."
    )
    return archived


def _mark_due(rules: Rules, company_ids: list[int], contact_ids: list[int]) -> None:
    if company_ids:
        Deal.objects.asking(rules.due).filter(company_id__in=company_ids).update(invoice_due=True)
    if contact_ids:
        Deal.objects.asking(rules.due).filter(contact_id__in=contact_ids).update(invoice_due=True)
