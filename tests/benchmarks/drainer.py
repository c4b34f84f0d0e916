"""One worker of the drain: loads nothing of Django before it is set up."""

from __future__ import annotations


def drain(database: str, url: str, allowed: int) -> None:
    """Submit what is due until nothing is; runs in a process of its own."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections

    from invoices.services.submitting import has_due, submit_due_invoices

    connections["default"].settings_dict["NAME"] = database
    settings.MBS_BASE_URL = url
    settings.MBS_CALLS_PER_SECOND = settings.MBS_CALLS_PER_SECOND_PER_BUSINESS = allowed
    while has_due():
        submit_due_invoices()
    connections.close_all()
