"""An invoice from draft to signature, and its lines. What may be in which status is the database's to enforce."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import models
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.lists import COUNTED
from accounts.searching import both_ways, by_letters, holds, search_index, searched
from invoices.models.status import OPEN, REGISTERED, STUCK, WAITING, Status

SEARCHED = searched("number", "irn", "buyer_name", "buyer_tin", "source_label", "source_external_id")
BUYER_SORT = by_letters("buyer_name")


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Reads that have a name."""

    def credits_of(self, original: Invoice) -> QuerySet[Invoice]:
        """Return the credit notes of an invoice that count against it; a voided one does not."""
        return self.filter(original=original, type_code="380").exclude(status=Status.VOIDED)

    def matching(self, text: str) -> QuerySet[Invoice]:
        """Return what has this text in its number, IRN, buyer, source's label or id, whatever the case.

        One or two letters have to begin one of them.
        """
        return self.filter(holds(SEARCHED, text))

    def open_drafts(self) -> QuerySet[Invoice]:
        """Return what is held back for lack of facts."""
        return self.filter(status=Status.DRAFT)

    def correctable(self) -> QuerySet[Invoice]:
        """Return what a change of facts can move: drafts, and rejected invoices."""
        return self.filter(status__in=[Status.DRAFT, Status.REJECTED])

    def needing_somebody(self) -> QuerySet[Invoice]:
        """Return what stands still until a person gives a fact, mends something or approves."""
        return self.filter(Q(status__in=STUCK) | Q(status=Status.READY, needs_approval=True))

    def registered(self) -> QuerySet[Invoice]:
        """Return what the authority holds."""
        return self.filter(status__in=REGISTERED)

    def to_approve(self) -> QuerySet[Invoice]:
        """Return what waits for a second person."""
        return self.filter(status=Status.READY, needs_approval=True)

    def due(self, now: datetime) -> QuerySet[Invoice]:
        """Return what should be submitted or asked about now, the nearest deadline first."""
        return (
            self.filter(status__in=WAITING, next_attempt_at__lte=now, business__submissions_paused_reason="")
            .exclude(status=Status.READY, needs_approval=True)
            .order_by("deadline_at", "pk")
        )

    def abandoned(self) -> QuerySet[Invoice]:
        """Return what a worker was submitting when it died or was cut off, by the database's clock."""
        return self.filter(status=Status.SUBMITTING, lease_until__lt=Now())

    def unsettled(self) -> QuerySet[Invoice]:
        """Return what somebody still has to look after or wait for, drafts left out."""
        return self.exclude(status__in=[Status.DRAFT, Status.VOIDED, *REGISTERED])

    def short_counts_by_status(self) -> dict[str, int]:
        """Return {status: number} with every status named, each counted to one above COUNTED and no further."""
        some = [self.filter(status=status).order_by().values("status")[: COUNTED + 1] for status in Status.values]
        inner = [each.query.sql_with_params() for each in some]
        # The scope's own filter is in the inner statements, each of which is read from the index alone.
        sql = " UNION ALL ".join(f"SELECT count(*) FROM ({statement}) AS found" for statement, _values in inner)  # noqa: S608
        with database.cursor() as cursor:
            cursor.execute(sql, [value for _statement, values in inner for value in values])
            return dict(zip(Status.values, (number for (number,) in cursor.fetchall()), strict=True))

    def counts_by_status(self) -> dict[str, int]:
        """Return {status: number} with every status named."""
        counted = dict(self.order_by().values_list("status").annotate(Count("pk")))
        return {status: counted.get(status, 0) for status in Status.values}


# Credit and debit notes: the authority's own numbers, which are not UNTDID 1001's.
NOTE_TYPES = ("380", "384")


class VoidedFor(models.TextChoices):
    """Who gave a number up."""

    SOURCE = "source", _("Its source took it back")
    PERSON = "person", _("A person decided it")


class Invoice(models.Model):
    """One invoice, made from one part of one deal or sale.

    `document` is the exact text that goes to the authority as UTF-8, frozen when the invoice became READY and the
    same on every attempt. `missing` lists {field, label, where}. Amounts are null while a draft cannot be added up.
    """

    # The three have no index of their own: one of several columns begins with each.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    business = models.ForeignKey(
        "invoices.Business", on_delete=models.PROTECT, null=True, blank=True, related_name="invoices", db_index=False
    )
    connection = models.ForeignKey(
        "integrations.Connection", on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    source_kind = models.CharField(max_length=20)
    source_external_id = models.CharField(max_length=100)
    source_part = models.CharField(max_length=20, default="1")
    source_label = models.TextField(blank=True)
    source_url = models.TextField(blank=True)

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    number = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001 - unique where there is one
    irn = models.CharField(_("IRN"), max_length=50, null=True, blank=True, unique=True)
    kind = models.CharField(max_length=3)
    type_code = models.CharField(max_length=3, default="381")
    issue_date = models.DateField(null=True, blank=True)
    issue_time = models.TimeField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    supply_date = models.DateField(null=True, blank=True)
    supplied_at = models.DateTimeField(
        null=True, blank=True, help_text=_("The instant where the source knows it, of several sales the first.")
    )
    currency = models.CharField(max_length=10, blank=True)
    buyer_name = models.TextField(blank=True)
    buyer_tin = models.TextField(_("buyer's TIN"), blank=True)
    line_extension_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    allowance_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    tax_exclusive_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    tax_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    tax_inclusive_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    payable_amount = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)

    missing = models.JSONField(default=list, blank=True)
    draft = models.JSONField(default=dict, blank=True)
    snapshot = models.JSONField(default=dict, blank=True)
    document = models.TextField(null=True, blank=True)  # noqa: DJ001
    document_sha256 = models.CharField(max_length=64, blank=True)
    qr_payload = models.CharField(max_length=400, blank=True)
    # No client has been given these by the authority yet; they wait for the day.
    csid = models.TextField(null=True, blank=True)  # noqa: DJ001
    server_qr = models.TextField(null=True, blank=True)  # noqa: DJ001

    rule_set = models.ForeignKey(
        "invoices.RuleSet",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
        help_text=_("The version of the rules that it was made by; none means the program's own."),
    )
    tax_rules = models.ForeignKey(
        "invoices.TaxRulesVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
        help_text=_("The tax rates that its document was made with."),
    )
    seller_version = models.ForeignKey(
        "invoices.SellerVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # looked up from the invoice only
        help_text=_("The seller's facts that its document was made with."),
    )
    source_currency = models.CharField(max_length=10, blank=True, help_text=_("What the source sold in."))
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    exchange_day = models.DateField(null=True, blank=True)
    exchange_source = models.CharField(max_length=100, blank=True)
    # For lists, reports and thresholds, also where the document stays in another currency.
    naira_amount = models.DecimalField(
        max_digits=20, decimal_places=2, null=True, blank=True, help_text=_("What is to be paid, in naira.")
    )
    naira_tax = models.DecimalField(
        max_digits=20, decimal_places=2, null=True, blank=True, help_text=_("The tax in it, in naira.")
    )
    deadline_at = models.DateTimeField(null=True, blank=True)
    deadline_rule = models.CharField(max_length=60, blank=True, help_text=_("The legal rule, or own-target."))
    original = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="notes",
        help_text=_("The registered invoice that this credit or debit note is about."),
    )
    needs_approval = models.BooleanField(default=False)
    approval_reason = models.TextField(blank=True, help_text=_("Why a second person has to look, in words."))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices_made"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices_approved"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    voided_for = models.CharField(max_length=10, choices=VoidedFor.choices, blank=True)
    void_reason = models.TextField(blank=True)

    problem = models.TextField(blank=True, help_text=_("What is wrong and what to do, for people."))
    problem_field = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    setbacks = models.PositiveSmallIntegerField(
        default=0, help_text=_("Attempts in a row that settled nothing; the wait grows with them.")
    )
    seen_absent = models.BooleanField(
        default=False, help_text=_("The authority was asked once since the last attempt and did not have it.")
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(InvoiceQuerySet), organization="organization")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "source_kind", "source_external_id", "source_part"],
                name="one_invoice_per_source",
            ),
            models.UniqueConstraint(fields=["business", "number"], name="one_invoice_per_number"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="invoice_status_known"),
            models.CheckConstraint(
                condition=~Q(status=Status.DRAFT)
                | Q(number__isnull=True, irn__isnull=True, document__isnull=True, document_sha256=""),
                name="a_draft_has_no_number",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.DRAFT)
                | (
                    Q(
                        business__isnull=False,
                        number__isnull=False,
                        irn__isnull=False,
                        document__isnull=False,
                        issue_date__isnull=False,
                        payable_amount__isnull=False,
                    )
                    & Q(document_sha256__regex=r"^[0-9a-f]{64}$")
                ),
                name="an_invoice_has_number_and_document",
            ),
            models.CheckConstraint(
                condition=Q(status__in=REGISTERED, signed_at__isnull=False)
                | (~Q(status__in=REGISTERED) & Q(signed_at__isnull=True)),
                name="signed_means_signed_at",
            ),
            models.CheckConstraint(
                condition=Q(type_code__in=NOTE_TYPES, original__isnull=False)
                | (~Q(type_code__in=NOTE_TYPES) & Q(original__isnull=True)),
                name="a_note_has_an_original",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.APPROVED)
                | Q(needs_approval=True, approved_by__isnull=False, approved_at__isnull=False),
                name="approved_means_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | Q(made_by__isnull=True) | ~Q(approved_by=F("made_by")),
                name="approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=(Q(status=Status.VOIDED) & ~Q(voided_for="") & ~Q(void_reason=""))
                | (~Q(status=Status.VOIDED) & Q(voided_for="", void_reason="")),
                name="voided_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=WAITING) | Q(next_attempt_at__isnull=False), name="waiting_has_a_time"
            ),
            models.CheckConstraint(
                condition=Q(exchange_rate=None, exchange_day=None, exchange_source="")
                | (Q(exchange_rate__gt=0, exchange_day__isnull=False) & ~Q(exchange_source="")),
                name="an_exchange_rate_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.SUBMITTING) | Q(lease_until__isnull=False), name="submitting_has_a_lease"
            ),
        ]
        indexes = [
            models.Index(fields=["deadline_at", "id"], condition=Q(status__in=WAITING), name="invoice_by_deadline"),
            models.Index(fields=["organization", "deadline_at"], condition=Q(status__in=OPEN), name="invoice_at_risk"),
            models.Index(fields=["lease_until"], condition=Q(status=Status.SUBMITTING), name="invoice_leased"),
            # Every order and every filter of the lists has an index: tests/invoices/test_lists.py names the lists.
            models.Index(fields=["organization", "id"], name="invoice_newest_first"),
            models.Index(fields=["organization", "status", "id"], name="invoice_in_status"),
            models.Index("organization", BUYER_SORT, "id", name="invoice_by_buyer"),
            *both_ways("issue_date", "invoice_by_date"),
            *both_ways("number", "invoice_by_number"),
            *both_ways("payable_amount", "invoice_by_amount"),
            search_index(SEARCHED, "invoice_searched"),
            # Those of operations, who look at every organization at once.
            models.Index(fields=["status", "id"], name="invoice_all_by_status"),
            models.Index(fields=["kind", "id"], name="invoice_all_by_kind"),
            models.Index(fields=["issue_date"], name="invoice_all_by_date"),
            models.Index(fields=["created_at"], name="invoice_all_by_making"),
            models.Index(fields=["id"], condition=Q(needs_approval=True), name="invoice_for_approval"),
        ]

    def __str__(self) -> str:
        return self.number or self.source_label or self.source_external_id

    @property
    def body(self) -> bytes:
        """Return the frozen bytes, b"" for a draft."""
        return (self.document or "").encode()

    @property
    def missing_labels(self) -> list[str]:
        """Return the names of the missing facts."""
        return [fact["label"] for fact in self.missing]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete a draft; raises ProtectedError for anything that has a number."""
        if self.status != Status.DRAFT:
            raise models.ProtectedError("An invoice that has a number is never deleted.", {self})
        return super().delete(*args, **kwargs)


class InvoiceLine(models.Model):
    """One line of an invoice, for lists and reports; the document is what was handed in."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    name = models.TextField()
    description = models.TextField(blank=True)
    sku = models.TextField(blank=True)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    unit_price = models.DecimalField(max_digits=20, decimal_places=6)
    discount_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    fee_amount = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    net_amount = models.DecimalField(max_digits=20, decimal_places=2)
    tax_category = models.CharField(max_length=30)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    hsn_code = models.TextField(blank=True)
    product_category = models.TextField(blank=True)
    isic_code = models.TextField(blank=True)
    service_category = models.TextField(blank=True)

    objects = ScopedManager(organization="invoice__organization")

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="one_line_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"
