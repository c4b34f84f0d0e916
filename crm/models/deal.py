"""Deals and the parties around them, as the provider has them: each row keeps its source payload and a hash of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from accounts.models import Organization
from accounts.searching import both_ways, by_letters, holds, search_index, searched
from integrations.models import Connection
from invoices.rules.content import Due

COMPANY_FACTS = ("name", "tin", "email", "external_id")
COMPANY_SEARCHED = searched(*COMPANY_FACTS)
ITS_COMPANY_SEARCHED = searched(*(f"company__{name}" for name in COMPANY_FACTS))
CONTACT_SEARCHED = searched("first_name", "last_name", "email", "external_id")
DEAL_SEARCHED = searched("name", "external_id")
NAME_SORT = by_letters("name")
# Up to so many companies are looked for by their ids; a text that more of them have is met soon on any page.
COMPANIES_BY_ID = 1_000


class SourceRecord(models.Model):
    """What every record read from a CRM has; one organization's are found by indexes that begin with it."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    # Its one external id leads to a connection's rows, so that an index of its own would be written for nothing.
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(max_length=100)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict, help_text=_("As the provider sent it."))
    content_hash = models.CharField(max_length=32)
    stored_at = models.DateTimeField(help_text=_("When this content was first stored here."))
    extra = models.JSONField(default=dict, blank=True, help_text=_("Properties that the rules read, as text."))

    class Meta:
        abstract = True


class Pipeline(models.Model):
    """A pipeline of deals and its stages; `stages` maps a stage id to label, order and whether it is closed or won."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="pipelines")
    external_id = models.CharField(max_length=100)
    label = models.TextField()
    stages = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_pipeline_per_id")]

    def __str__(self) -> str:
        return self.label


class Owner(models.Model):
    """A salesperson at the provider; archived ones stay, because old deals name them."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="owners")
    external_id = models.CharField(max_length=100)
    name = models.TextField(blank=True)
    email = models.TextField(blank=True)
    is_archived = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_owner_per_id")]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id


class CompanyQuerySet(models.QuerySet["Company"]):
    """Reads of companies that more than one caller needs."""

    def matching(self, text: str) -> CompanyQuerySet:
        """Return companies with this text in name, TIN, e-mail address or id."""
        return self.filter(holds(COMPANY_SEARCHED, text))


class Company(SourceRecord):
    """A buying company; `country` and `state` are free text, as people typed them."""

    name = models.TextField(blank=True)
    tin = models.TextField(_("TIN"), blank=True)
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    description = models.TextField(blank=True)
    street = models.TextField(blank=True)
    city = models.TextField(blank=True)
    state = models.TextField(blank=True)
    postal_zone = models.TextField(blank=True)
    country = models.TextField(blank=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(CompanyQuerySet), organization="organization")

    class Meta:
        verbose_name_plural = _("companies")
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_company_per_id")]
        indexes = [search_index(COMPANY_SEARCHED, "company_searched")]

    def __str__(self) -> str:
        return self.name or self.external_id

    @property
    def filled(self) -> dict[str, str]:
        """Return what the buyer filled in itself; select `buyer_facts` with it."""
        facts = getattr(self, "buyer_facts", None)
        return dict(facts.facts) if facts else {}


class ContactQuerySet(models.QuerySet["Contact"]):
    """Reads of contacts that have a name."""

    def matching(self, text: str) -> ContactQuerySet:
        """Return contacts with this text in first or last name, e-mail address or id."""
        return self.filter(holds(CONTACT_SEARCHED, text))


class Contact(SourceRecord):
    """A person at a buyer, or the buyer."""

    first_name = models.TextField(blank=True)
    last_name = models.TextField(blank=True)
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(ContactQuerySet), organization="organization")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_contact_per_id")]
        indexes = [search_index(CONTACT_SEARCHED, "contact_searched")]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.external_id


class DealQuerySet(models.QuerySet["Deal"]):
    """Reads of deals that more than one caller needs."""

    def won(self) -> DealQuerySet:
        """Return deals that stand on a won stage and are not archived."""
        return self.filter(is_won=True, is_archived=False)

    def asking(self, due: Due) -> DealQuerySet:
        """Return deals whose stage and pipeline ask for an invoice by these rules, whatever their conditions say."""
        found = self.filter(is_archived=False)
        found = found.filter(stage_external_id__in=due.stages) if due.stages else found.filter(is_won=True)
        return found.filter(pipeline_external_id__in=due.pipelines) if due.pipelines else found

    def due(self) -> DealQuerySet:
        """Return won deals whose invoice has not been looked at since their last change."""
        return self.filter(invoice_due=True)

    def matching(self, text: str) -> DealQuerySet:
        """Return deals with this text in name or id, and those of companies that have it, whatever the case."""
        ids = list(Company.objects.matching(text).order_by().values_list("pk", flat=True)[: COMPANIES_BY_ID + 1])
        are_few = len(ids) <= COMPANIES_BY_ID
        return self.filter(
            holds(DEAL_SEARCHED, text) | (models.Q(company__in=ids) if are_few else holds(ITS_COMPANY_SEARCHED, text))
        )


class Deal(SourceRecord):
    """A deal. `amount` is what somebody typed or HubSpot summed: it is shown and compared, never invoiced from."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.TextField(blank=True)
    amount = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    currency = models.CharField(max_length=3)
    document_discount = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    pipeline_external_id = models.CharField(max_length=100, blank=True)
    stage_external_id = models.CharField(max_length=100, blank=True)
    stage_label = models.TextField(blank=True)
    is_won = models.BooleanField(default=False)
    is_closed = models.BooleanField(default=False)
    close_date = models.DateField(null=True, blank=True, help_text=_("In the account's time zone."))
    owner_external_id = models.CharField(max_length=100, blank=True)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, null=True, blank=True, related_name="deals")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, blank=True, related_name="deals")
    company_question = models.TextField(
        blank=True,
        help_text=_("Why no company was chosen, when several stand on the deal and none is primary."),
    )
    url = models.TextField(blank=True)
    is_archived = models.BooleanField(default=False)
    invoice_due = models.BooleanField(
        default=False, help_text=_("Won, and not looked at for invoicing since its last change.")
    )
    next_part_on = models.DateField(
        null=True, blank=True, help_text=_("The day on which its next milestone is to be invoiced.")
    )

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(DealQuerySet), organization="organization")

    class Meta:
        ordering = ["-close_date", "-pk"]
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_deal_per_id")]
        indexes = [
            # Every order and filter of the lists has an index: tests/crm/test_lists.py names the lists.
            models.Index(fields=["organization", "-close_date", "-id"], name="deal_list"),
            models.Index("organization", NAME_SORT, "id", name="deal_by_name"),
            *both_ways("amount", "deal_by_amount"),
            models.Index(fields=["organization", "source_updated_at", "id"], name="deal_by_change"),
            models.Index(fields=["organization", "is_won", "is_closed", "-close_date", "-id"], name="deal_by_outcome"),
            models.Index(fields=["organization", "stage_external_id", "-close_date", "-id"], name="deal_by_stage"),
            models.Index(
                fields=["organization", "pipeline_external_id", "-close_date", "-id"], name="deal_by_pipeline"
            ),
            models.Index(fields=["organization", "owner_external_id", "-close_date", "-id"], name="deal_by_owner"),
            search_index(DEAL_SEARCHED, "deal_searched"),
            models.Index(fields=["id"], condition=models.Q(is_archived=True), name="deal_archived"),
            models.Index(fields=["connection", "id"], condition=models.Q(invoice_due=True), name="deal_invoice_due"),
            models.Index(
                fields=["next_part_on"], condition=models.Q(next_part_on__isnull=False), name="deal_next_part"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id


class DealAlias(models.Model):
    """An id that a deal had before it was merged into another; whatever was invoiced under it counts for that one."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=100)
    deal = models.ForeignKey(Deal, on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(organization="deal__organization")

    class Meta:
        verbose_name_plural = _("deal aliases")
        ordering = ["external_id"]
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_deal_per_former_id")]

    def __str__(self) -> str:
        return f"{self.external_id} is now {self.deal}"


class DealVersion(models.Model):
    """A deal as it was before its content changed, with its lines: what later questions about an invoice go back to.

    A trigger writes it in the statement that changes the deal, so that no version is lost to a race. The newest
    version is the deal itself.
    """

    deal = models.ForeignKey(Deal, on_delete=models.CASCADE, related_name="versions")
    content_hash = models.CharField(max_length=32)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    stored_at = models.DateTimeField()
    payload = models.JSONField(default=dict, help_text=_("The deal as the provider sent it."))
    lines = models.JSONField(default=list, help_text=_("Its lines as the provider sent them."))

    objects = ScopedManager(organization="deal__organization")

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["deal", "stored_at"], name="deal_version_time")]

    def __str__(self) -> str:
        return f"{self.deal_id} at {self.stored_at:%Y-%m-%d %H:%M:%S}"


class DealLine(models.Model):
    """One line item of a deal; money is in the deal's currency, `amount` is the provider's own net total."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", db_index=False)
    deal = models.ForeignKey(Deal, on_delete=models.CASCADE, related_name="lines")
    external_id = models.CharField(max_length=100)
    position = models.IntegerField(default=0)
    name = models.TextField(blank=True)
    description = models.TextField(blank=True)
    sku = models.TextField(blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    unit_price = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    unit_discount = models.DecimalField(
        max_digits=30, decimal_places=10, null=True, blank=True, help_text=_("Money off each unit.")
    )
    discount_percent = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    amount = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    tax_rate = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    tax_category = models.TextField(blank=True)
    hsn_code = models.TextField(blank=True)
    product_category = models.TextField(blank=True)
    isic_code = models.TextField(blank=True)
    payload = models.JSONField(default=dict)
    extra = models.JSONField(default=dict, blank=True)

    objects = ScopedManager(organization="deal__organization")

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_deal_line_per_id")]

    def __str__(self) -> str:
        return self.name or self.external_id
