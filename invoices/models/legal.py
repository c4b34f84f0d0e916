"""What the law says, dated and with its source: rates, rules and enforcement. It belongs to no organization."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

CATEGORY_PATTERN = r"^[A-Z][A-Z_]{1,29}$"


class TaxRate(models.Model):
    """A tax category's rate from a day on, until the next row of its category.

    A rate that numbered invoices were made with is refused any change by a trigger: a new rate gets a row and a date
    of its own. Information (such as withholding tax) is shown and never added to an invoice.
    """

    category = models.CharField(max_length=30, help_text=_("The authority's name of it, for example STANDARD_VAT."))
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    since = models.DateField(help_text=_("The first day that it holds on."))
    law = models.TextField(help_text=_("Which act and section say so."))
    is_information = models.BooleanField(default=False, help_text=_("Shown only; it never enters a total."))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("tax rate")
        ordering = ["category", "-since"]
        constraints = [
            models.UniqueConstraint(fields=["category", "since"], name="one_rate_per_category_and_day"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="tax_rate_is_a_percentage"),
            models.CheckConstraint(condition=Q(category__regex=CATEGORY_PATTERN), name="tax_rate_category_shape"),
            models.CheckConstraint(condition=~Q(law=""), name="tax_rate_names_its_law"),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.percent.normalize():f} % since {self.since}"


class TaxRulesVersion(models.Model):
    """All rates as they stood when a document was made with them, whole, so that it can be made again."""

    version = models.CharField(max_length=16, primary_key=True, help_text=_("Short hash of the content."))
    content = models.JSONField()
    first_used_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version of the tax rates")
        verbose_name_plural = _("versions of the tax rates")
        ordering = ["-first_used_at"]

    def __str__(self) -> str:
        return self.version


class Confidence(models.TextChoices):
    """How well a fact of law is known."""

    HIGH = "high", _("Several sources agree")
    MEDIUM = "medium", _("One good source, or two weak ones")
    LOW = "low", _("One weak source: ask before relying on it")


class LegalRule(models.Model):
    """One number or duty of the law from a day on, until the next row of its key. No value: the law names none."""

    key = models.SlugField(max_length=60)
    value = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    unit = models.CharField(max_length=30, blank=True, help_text=_("For example NGN, hours, NGN a day."))
    since = models.DateField()
    law = models.TextField()
    confidence = models.CharField(max_length=10, choices=Confidence.choices)
    note = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("legal rule")
        ordering = ["key", "-since"]
        constraints = [
            models.UniqueConstraint(fields=["key", "since"], name="one_legal_rule_per_key_and_day"),
            models.CheckConstraint(condition=Q(value__isnull=True) | Q(value__gte=0), name="legal_rule_not_negative"),
            models.CheckConstraint(condition=Q(value__isnull=True) | ~Q(unit=""), name="legal_rule_value_has_a_unit"),
            models.CheckConstraint(condition=~Q(law=""), name="legal_rule_names_its_law"),
            models.CheckConstraint(condition=Q(confidence__in=Confidence.values), name="legal_rule_confidence_known"),
        ]

    def __str__(self) -> str:
        return f"{self.key} since {self.since}"


class Enforcement(models.Model):
    """One milestone of the roll-out of e-invoicing for a class of businesses; `until` where it is a span."""

    turnover_class = models.CharField(max_length=60)
    milestone = models.CharField(max_length=60)
    begins = models.DateField()
    until = models.DateField(null=True, blank=True)
    law = models.TextField()
    confidence = models.CharField(max_length=10, choices=Confidence.choices)

    class Meta:
        verbose_name = _("enforcement date")
        ordering = ["begins", "turnover_class"]
        constraints = [
            models.UniqueConstraint(fields=["turnover_class", "milestone"], name="one_date_per_class_and_milestone"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=models.F("begins")), name="enforcement_ends_after_begin"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.turnover_class}: {self.milestone} {self.begins}"


class ExchangeRate(models.Model):
    """What one unit of a currency came to in naira on a day, and who says so."""

    currency = models.CharField(max_length=3, help_text=_("For example USD."))
    day = models.DateField()
    rate = models.DecimalField(max_digits=18, decimal_places=6, help_text=_("Naira for one unit."))
    source = models.CharField(max_length=100, help_text=_("For example: Central Bank of Nigeria, closing rate."))
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("exchange rate")
        ordering = ["-day", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["currency", "day"], name="one_exchange_rate_per_currency_and_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_is_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="exchange_rate_currency_shape"),
            models.CheckConstraint(condition=~Q(currency="NGN"), name="naira_needs_no_exchange_rate"),
            models.CheckConstraint(condition=~Q(source=""), name="exchange_rate_names_its_source"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate.normalize():f} on {self.day}"
