"""Notes and proposals: crediting what is registered, and deciding what a changed source asks for."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from invoices.models import Invoice, Proposal, ProposalState
from invoices.note_form import NoteForm
from invoices.notes import NoteInvalid
from invoices.services.noting import make_note, original_of, preview_note
from invoices.services.proposing import balance, dismiss
from invoices.tasks import ring_submissions


@require_http_methods(["GET", "HEAD", "POST"])
@require(Act.SUBMIT)
def invoice_note(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a credit or debit note: first what it would come to, then, confirmed, the note itself."""
    invoice: Invoice = get_object_or_404(Invoice.objects.prefetch_related("lines"), pk=pk)
    try:
        original_of(invoice)
    except NoteInvalid as problem:
        messages.error(request, str(problem))
        return redirect("invoice", pk=pk)
    form = NoteForm(request.POST or None, invoice=invoice)
    totals = None
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("confirmed") == "yes":
                note = make_note(invoice=invoice, request=form.wanted(), by=request.user)  # type: ignore[arg-type]
                ring_submissions()
                messages.success(request, _("%(name)s is made.") % {"name": note})
                return redirect("invoice", pk=note.pk)
            totals = preview_note(invoice=invoice, request=form.wanted())
        except NoteInvalid as problem:
            form.add_error(None, str(problem))
    context = {
        "invoice": invoice,
        "form": form,
        "totals": totals,
        "balance": balance(invoice),
        "proposal": invoice.proposals.filter(state=ProposalState.OPEN).first(),
    }
    return render(request, "invoices/note.html", context, status=422 if form.errors else 200)


@require_safe
@require(Act.VIEW)
def proposals(request: HttpRequest) -> HttpResponse:
    """List the registered invoices whose source has changed since, the newest first."""
    open_ones = Proposal.objects.filter(state=ProposalState.OPEN).select_related("invoice")
    return render(request, "invoices/proposals.html", {"page": read_page(open_ones, request.GET.get("page", ""))})


@require_POST
@require(Act.SUBMIT)
def proposal_dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the invoice stand as it is, with a reason."""
    proposal: Proposal = get_object_or_404(Proposal.objects.select_related("invoice"), pk=pk)
    why = request.POST.get("why", "").strip()[:500]
    if not why:
        messages.error(request, _("Say why the invoice stays as it is; nothing was decided."))
    elif dismiss(proposal=proposal, why=why, by=request.user):  # type: ignore[arg-type]
        messages.success(request, _("%(name)s stays as it is.") % {"name": proposal.invoice})
    else:
        messages.info(request, _("Nothing was changed: somebody decided it before."))
    return redirect("invoice", pk=proposal.invoice_id)
