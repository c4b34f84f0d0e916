"""Keeps the practice ground and the real register apart: the authority's address against our own environment."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

SANDBOX, PRODUCTION = "sandbox", "production"
# The practice address since 2025 and the production gateway; another address must be told by MBS_ENVIRONMENT.
HOSTS = {"eivc-k6z6d.ondigitalocean.app": SANDBOX, "api.firsmbs.com": PRODUCTION, "localhost": SANDBOX}


def environment_of(base_url: str, told: str = "") -> str:
    """Return "sandbox" or "production" for an authority's address, "" when nobody has said.

    What is known of an address counts for more than what is `told`; this machine is always a sandbox.
    """
    host = (urlsplit(base_url).hostname or "").lower()
    if host in HOSTS:
        return HOSTS[host]
    try:
        if ip_address(host).is_loopback:
            return SANDBOX
    except ValueError:
        pass
    return told if told in (SANDBOX, PRODUCTION) else ""


def mixed_environments() -> str:
    """Return the sentence that says why this authority must not be spoken to from here, "" when it may."""
    theirs = environment_of(settings.MBS_BASE_URL, settings.MBS_ENVIRONMENT)
    ours = SANDBOX if settings.ENVIRONMENT == SANDBOX else PRODUCTION
    if not theirs:
        return (
            f"It is not known whether the tax authority at {settings.MBS_BASE_URL} is the real one or its sandbox, so "
            "nothing is sent there. Set MBS_ENVIRONMENT to sandbox or production."
        )
    if theirs == ours:
        return ""
    return (
        f"This is the {ours} environment, and MBS_BASE_URL is the tax authority's {theirs}. Nothing is sent: invoices "
        "of the one must never be registered with the other. Correct MBS_BASE_URL or TAXPOYNT_ENVIRONMENT."
    )
