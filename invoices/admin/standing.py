"""What changed after signing, and whether the authority answers, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin_base import EvidenceAdmin, badge
from accounts.templatetags.show import NOTHING, money
from invoices.admin.of_invoice import OfInvoiceAdmin
from invoices.models import Breaker, Proposal, ProposalState


@admin.register(Breaker)
class BreakerAdmin(EvidenceAdmin):
    """Whether the authority answers."""

    list_display = ("authority", "show_state", "failures", "opened_at", "open_until", "sentence", "updated_at")
    fields = list_display
    readonly_fields = list_display

    @badge(description=_("State"), colours={"answers": "success", "away": "danger"})
    def show_state(self, breaker: Breaker) -> tuple[str, str]:
        """Return whether invoices go out."""
        return ("away", str(_("Away: invoices wait"))) if breaker.opened_at else ("answers", str(_("Answers")))


@admin.register(Proposal)
class ProposalAdmin(OfInvoiceAdmin):
    """Registered invoices whose source has changed since; people of the organization decide them on its pages."""

    list_display = ("invoice", "show_organization", "show_state", "show_difference", "why", "decision", "updated_at")
    list_filter = (*OfInvoiceAdmin.list_filter, ("state", ChoicesDropdownFilter))
    fields = (
        "invoice", "show_organization", "show_state", "show_difference", "why", "note", "decision", "decided_by",
        "decided_at", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @badge(description=_("State"), colours={ProposalState.OPEN: "warning", ProposalState.DONE: "success"})
    def show_state(self, proposal: Proposal) -> tuple[str, str]:
        """Return where it stands."""
        return proposal.state, proposal.get_state_display()

    @display(description=_("Difference"))
    def show_difference(self, proposal: Proposal) -> str:
        """Return what a note would come to, negative for a credit."""
        return NOTHING if proposal.difference is None else money(proposal.difference, proposal.invoice.currency)
