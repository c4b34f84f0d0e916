"""Which pair of keys speaks for a business in which group of calls; sources disagree, so settings decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.conf import settings
from django.utils.module_loading import import_string

from invoices.authority.base import Authority
from invoices.models import Business

BUSINESS, DEFAULT, SI = "business", "default", "si"
PAIRS = (BUSINESS, DEFAULT, SI)


class Group(StrEnum):
    """Calls that belong together: some integrators use their SI pair for taxpayers, their APP pair for the rest."""

    DOCUMENTS = "documents"  # validate, sign, confirm, search, payment status
    EXCHANGE = "exchange"  # transmit, look-up of a TIN
    DOWNLOAD = "download"
    REPORT = "report"  # VAT of paid invoices
    ENTITY = "entity"  # taxpayers and their IRN templates


USUAL = {Group.ENTITY: SI}


def pair_for(business: Business, group: Group) -> tuple[str, str]:
    """Return (key, secret) for these calls; a pair that is not set gives way to the operator's own.

    `settings.MBS_KEY_GROUPS` maps a group to "business" (its own pair), "si" or "default".
    """
    chosen = settings.MBS_KEY_GROUPS.get(group.value, USUAL.get(group, BUSINESS))
    own = (business.api_key or "", business.api_secret or "")
    si = (settings.MBS_SI_API_KEY, settings.MBS_SI_API_SECRET)
    default = (settings.MBS_API_KEY, settings.MBS_API_SECRET)
    # A taxpayer with keys of its own integrates directly: an integrator's pair would not be good for it.
    order = {BUSINESS: (own, default), SI: (si, own, default), DEFAULT: (default, own)}[chosen]
    return next((pair for pair in order if all(pair)), ("", ""))


def authority_for(business: Business, group: Group) -> Authority:
    """Return the authority spoken to with the right pair for these calls; the caller closes it."""
    authority: type[Authority] = import_string(settings.TAX_AUTHORITY)
    key, secret = pair_for(business, group)
    return authority(api_key=key, api_secret=secret, business=str(business.pk))


@contextmanager
def authority_open(business: Business, group: Group) -> Iterator[Authority]:
    """Yield the authority for these calls and let its connections go afterwards."""
    authority = authority_for(business, group)
    try:
        yield authority
    finally:
        authority.close()
