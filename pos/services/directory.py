"""What sales point to: the goods that they name are learnt once, and the businesses that buy are made out as buyers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

import structlog
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from integrations.base.errors import NotFound, PermanentError
from integrations.models import Connection
from invoices.drafts import PartyDraft
from pos.connector import POSConnector
from pos.models import CatalogObject, Customer
from pos.records import SaleRecord, Ware
from pos.services.saving import save_catalog, save_customers, save_hidden_catalog

logger = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=1)  # what carries one time may be shown one after another


def learn_goods(*, connection: Connection, connector: POSConnector, sales: Iterable[SaleRecord]) -> None:
    """Read the goods that these sales name and that are not known.

    Where they cannot be read at all, sales go on without them; what fails in passing is raised, since a sale that is
    stored without its goods would be converted without them.
    """
    named = {line.catalog_id for sale in sales for line in sale.lines} - {""}
    if unknown := _unknown(connection, named):
        _learn(connection, connector, unknown)


def refresh_goods(*, connection: Connection, connector: POSConnector) -> None:
    """Read anew what has changed of the known goods; those that nothing was sold of are not kept."""
    known = CatalogObject.objects.filter(connection=connection)
    newest = known.aggregate(Max("source_updated_at"))["source_updated_at__max"]
    if newest is None:
        return
    try:
        for records in connector.read_catalog(newest - OVERLAP):
            ids = set(known.filter(external_id__in=[each.external_id for each in records]).values_list("external_id"))
            changed = [each for each in records if (each.external_id,) in ids]
            save_catalog(connection=connection, records=changed)
            if parents := _unknown(connection, {each.parent_external_id for each in changed} - {""}):
                _learn(connection, connector, parents)
    except PermanentError as problem:
        logger.warning("goods_not_readable", connection=connection.pk, reason=problem.sentence)


def _unknown(connection: Connection, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    known = CatalogObject.objects.filter(connection=connection, external_id__in=list(ids))
    return set(ids) - set(known.values_list("external_id", flat=True))


def _learn(connection: Connection, connector: POSConnector, ids: set[str]) -> None:
    try:
        records = connector.get_catalog_by_id(sorted(ids))
    except PermanentError as problem:
        logger.warning("goods_not_readable", connection=connection.pk, reason=problem.sentence)
        return
    save_catalog(connection=connection, records=records)
    save_hidden_catalog(connection=connection, external_ids=ids - {each.external_id for each in records})


def wares_of(*, connection: Connection, sales: Iterable[SaleRecord]) -> dict[str, Ware]:
    """Return what the price list says of the goods of these sales, by their `catalog_id`."""
    variations = _entries(connection, {line.catalog_id for sale in sales for line in sale.lines} - {""})
    items = _entries(connection, {each.parent_external_id for each in variations.values()})
    categories = _entries(connection, {each.parent_external_id for each in items.values()})
    found = {}
    for external_id, each in variations.items():
        item = items.get(each.parent_external_id)
        category = categories.get(item.parent_external_id) if item else None
        found[external_id] = Ware(each.sku, item.name if item else "", category.name if category else "")
    return found


def _entries(connection: Connection, ids: Collection[str]) -> Mapping[str, CatalogObject]:
    wanted = [each for each in ids if each]
    rows = CatalogObject.objects.filter(connection=connection, external_id__in=wanted) if wanted else ()
    return {row.external_id: row for row in rows}


def refresh_customers(*, connection: Connection, connector: POSConnector, customer_ids: Collection[str]) -> None:
    """Read customers anew; one that is gone and that nobody said anything of is forgotten."""
    for customer_id in sorted(customer_ids):
        try:
            save_customers(connection=connection, records=[connector.get_customer_by_id(customer_id)])
        except NotFound:
            Customer.objects.filter(connection=connection, external_id=customer_id, filled_at=None).delete()
        except PermanentError as problem:
            logger.warning("customers_not_readable", connection=connection.pk, reason=problem.sentence)
            return


def name_buyer(*, customer: Customer, facts: Mapping[str, str], by: User) -> None:
    """Keep what the merchant says of a business; its sales from now on are invoiced to it."""
    customer.facts, customer.filled_at, customer.filled_by = dict(facts), timezone.now(), by
    customer.save(update_fields=["facts", "filled_at", "filled_by"])
    logger.info("buyer_named", customer=customer.pk, by=by.pk)


def forget_buyer(*, customer: Customer) -> None:
    """Take back what the merchant said, so that its sales are a consumer's again."""
    customer.facts, customer.filled_at, customer.filled_by = {}, None, None
    customer.save(update_fields=["facts", "filled_at", "filled_by"])


def buyers_of(*, connection: Connection) -> dict[str, PartyDraft]:
    """Return the businesses that sales are made out to, by the till's id of the customer."""
    named = Customer.objects.filter(connection=connection, filled_at__isnull=False)
    blank = {"tin": "", "description": "", "state": ""}
    return {each.external_id: PartyDraft(**{**blank, **each.told}) for each in named}
