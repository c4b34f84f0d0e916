"""The seller as the tax authority knows it, and its series of invoice numbers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from integrations.fields import EncryptedTextField
from invoices.approval import KINDS, ApprovalPolicy
from invoices.authority import codes
from invoices.drafts import PartyDraft, Seller
from invoices.qr import KeyFileInvalid, load_public_key

SERVICE_ID_PATTERN = r"^[A-Z0-9]{8}$"
# It ends in a letter: INV1 + 000001 and INV + 1000001 would be the same number.
PREFIX_PATTERN = r"^[A-Z0-9]{0,11}[A-Z]$"


class Business(models.Model):
    """An organization's business profile. What is empty here holds its invoices back as drafts that say so."""

    organization = models.OneToOneField("accounts.Organization", on_delete=models.PROTECT, related_name="business")
    legal_name = models.CharField(max_length=100)
    tin = models.CharField(_("TIN"), max_length=20, blank=True)
    rc_number = models.CharField(
        _("RC/BN number"), max_length=20, blank=True, help_text=_("Printed on the invoice; the law asks for it.")
    )
    entity_id = models.UUIDField(null=True, blank=True, help_text=_("The taxpayer's id at the authority."))
    business_id = models.UUIDField(unique=True, help_text=_("The business's id at the authority."))
    service_id = models.CharField(
        max_length=8,
        blank=True,
        validators=[RegexValidator(SERVICE_ID_PATTERN, _("It has 8 capital letters and digits."))],
        help_text=_("The 8 characters in the middle of the authority's IRN template."),
    )
    email = models.EmailField(max_length=100, blank=True)
    telephone = models.CharField(max_length=30, blank=True, help_text=_("With + and the country's number."))
    description = models.CharField(max_length=255, blank=True, help_text=_("What the business does."))
    street = models.CharField(max_length=150, blank=True)
    city = models.CharField(max_length=100, blank=True)
    postal_zone = models.CharField(_("postal code"), max_length=20, blank=True)
    state = models.CharField(max_length=5, blank=True, help_text=_("For example NG-LA."))
    lga = models.CharField(_("local government area"), max_length=10, blank=True, help_text=_("For example NG-LA-IKO."))
    country = models.CharField(max_length=2, default="NG")
    number_prefix = models.CharField(
        max_length=12,
        default="INV",
        validators=[RegexValidator(PREFIX_PATTERN, _("1 to 12 capital letters and digits, the last a letter."))],
        help_text=_("Invoice numbers start with it. A new prefix starts a new series at 1."),
    )
    credit_prefix = models.CharField(
        max_length=12, default="CRN", validators=[RegexValidator(PREFIX_PATTERN)], help_text=_("Of credit notes.")
    )
    debit_prefix = models.CharField(
        max_length=12, default="DBN", validators=[RegexValidator(PREFIX_PATTERN)], help_text=_("Of debit notes.")
    )
    payment_terms_days = models.PositiveSmallIntegerField(default=30, validators=[MaxValueValidator(3650)])
    payment_means_code = models.CharField(max_length=3, choices=codes.payment_means, default="30")
    default_tax_category = models.CharField(
        max_length=30,
        choices=codes.tax_categories,
        default="STANDARD_VAT",
        blank=True,
        help_text=_("For lines that name none; empty holds such invoices back."),
    )
    hsn_code = models.CharField(_("default goods code"), max_length=10, blank=True)
    product_category = models.CharField(_("default product category"), max_length=255, blank=True)
    isic_code = models.CharField(_("default service code"), max_length=4, blank=True)
    service_category = models.CharField(_("default service category"), max_length=255, blank=True)
    public_key = models.TextField(blank=True, help_text=_("PEM text from the authority's key file."))
    certificate = EncryptedTextField(bound_to="organization_id", null=True, blank=True)
    api_key = EncryptedTextField(bound_to="organization_id", null=True, blank=True)
    api_secret = EncryptedTextField(bound_to="organization_id", null=True, blank=True)
    submissions_paused_reason = models.TextField(
        blank=True, help_text=_("Why nothing is submitted for this business now; emptied to resume.")
    )
    approval_above = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Invoices above this amount wait for a second person; empty: no amount does."),
    )
    approval_kinds = models.JSONField(
        default=list,
        blank=True,
        help_text=_("Kinds that always wait for a second person: B2B, B2C, B2G, credit note, debit note."),
    )
    target_hours = models.PositiveSmallIntegerField(
        default=24,
        validators=[MaxValueValidator(24 * 365)],
        help_text=_("Own target: hours in which what is won is registered where the law names none; 0: no target."),
    )
    email_buyers_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("What is signed from then on goes to its buyer by e-mail by itself; empty: only when asked."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        verbose_name = _("business profile")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(service_id="") | models.Q(service_id__regex=SERVICE_ID_PATTERN),
                name="business_service_id_shape",
            ),
            models.CheckConstraint(
                condition=models.Q(number_prefix__regex=PREFIX_PATTERN)
                & models.Q(credit_prefix__regex=PREFIX_PATTERN)
                & models.Q(debit_prefix__regex=PREFIX_PATTERN),
                name="business_number_prefix_shape",
            ),
            models.CheckConstraint(
                condition=~models.Q(number_prefix=models.F("credit_prefix"))
                & ~models.Q(number_prefix=models.F("debit_prefix"))
                & ~models.Q(credit_prefix=models.F("debit_prefix")),
                name="business_prefixes_differ",
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name

    @property
    def is_paused(self) -> bool:
        """Tell whether nothing is submitted for this business now."""
        return bool(self.submissions_paused_reason)

    def clean(self) -> None:
        """Refuse a public key that cannot be used; raises ValidationError."""
        super().clean()
        unknown = [kind for kind in self.approval_kinds if kind not in KINDS]
        if unknown:
            raise ValidationError({"approval_kinds": f"Known are {', '.join(KINDS)}; not {', '.join(unknown)}."})
        if self.public_key:
            try:
                load_public_key(self.public_key)
            except KeyFileInvalid as problem:
                raise ValidationError({"public_key": str(problem)}) from problem

    def prefix_of(self, type_code: str) -> str:
        """Return what the numbers of a type of document start with."""
        return {"380": self.credit_prefix, "384": self.debit_prefix}.get(type_code, self.number_prefix)

    @property
    def approval_policy(self) -> ApprovalPolicy:
        """Return when a second person has to look."""
        return ApprovalPolicy(self.approval_above, tuple(self.approval_kinds))

    def as_seller(self) -> Seller:
        """Return the facts that drafts and documents are made with."""
        return Seller(
            party=PartyDraft(
                name=self.legal_name,
                description=self.description,
                **{name: getattr(self, name) for name in _PARTY_COLUMNS},
            ),
            business_id=str(self.business_id),
            service_id=self.service_id,
            public_key=self.public_key,
            certificate=self.certificate or "",
            payment_means_code=self.payment_means_code,
            payment_terms_days=self.payment_terms_days,
            default_tax_category=self.default_tax_category,
            hsn_code=self.hsn_code,
            product_category=self.product_category,
            isic_code=self.isic_code,
            service_category=self.service_category,
        )


_PARTY_COLUMNS = ("tin", "email", "telephone", "street", "city", "postal_zone", "state", "country", "lga")


class NumberSeries(models.Model):
    """The last number taken under one prefix; its row lock is what keeps numbers gapless and never reused."""

    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="series")
    prefix = models.CharField(max_length=12)
    last_number = models.PositiveIntegerField(default=0)

    objects = ScopedManager(organization="business__organization")

    class Meta:
        verbose_name_plural = _("number series")
        constraints = [
            models.UniqueConstraint(fields=["business", "prefix"], name="one_series_per_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix} up to {self.last_number}"

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: a series that starts again would reuse numbers."""
        raise ValidationError(_("A number series is never deleted: its numbers would be used again."))
