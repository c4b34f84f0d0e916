"""Where the values of an invoice come from: whoever makes invoices of a kind of source tells it."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from invoices.models import Invoice
from invoices.tracing import NotTraceable, Traced


def trace_invoice(*, invoice: Invoice) -> list[Traced]:
    """Return where each value of an invoice comes from, by converting the stored snapshot by its rules once more.

    Of a frozen invoice the values are those of its document, of a draft those of the draft. Raises NotTraceable for
    a note, and for an invoice whose source or rules this program no longer understands.
    """
    path = settings.TRACED_SOURCES.get(invoice.source_kind)
    if path is None or invoice.type_code != "381":
        raise NotTraceable(_("A note repeats what stands on the invoice that it corrects."))
    traced: list[Traced] = import_string(path)(invoice=invoice)
    return traced
