"""An organization's rules, version by version, and the examples that a version must pass."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from invoices.rules import Rules, read_rules


class RuleStatus(models.TextChoices):
    """Where a version stands."""

    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class RuleSet(models.Model):
    """One version. The database refuses a change of content once it was active, and a second active one."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="rule_sets")
    version = models.PositiveIntegerField()
    content = models.JSONField()
    status = models.CharField(max_length=10, choices=RuleStatus.choices, default=RuleStatus.DRAFT)
    note = models.TextField(blank=True, help_text=_("What it changes and why, for those who come later."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "version"], name="one_rule_set_per_version"),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(status="active"), name="one_active_rule_set_an_organization"
            ),
            models.CheckConstraint(condition=Q(status__in=RuleStatus.values), name="rule_set_status_known"),
            models.CheckConstraint(
                condition=Q(status="draft", activated_at__isnull=True)
                | (~Q(status="draft") & Q(activated_at__isnull=False)),
                name="activated_means_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Version')} {self.version}"

    @property
    def rules(self) -> Rules:
        """Return the typed content; raises RulesInvalid for one that a later program no longer understands."""
        return read_rules(self.content)


class RuleEvent(models.Model):
    """Who did what to the rules; written with the deed, never changed."""

    class What(models.TextChoices):
        """What was done."""

        SAVED = "saved", _("Saved")
        ACTIVATED = "activated", _("Activated")
        ROLLED_BACK = "rolled_back", _("Rolled back to it")
        STOPPED = "stopped", _("Rolled back to the program's own rules")

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="events")
    what = models.CharField(max_length=20, choices=What.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the deals that it concerns were marked to be looked at again.")
    )
    to_read = models.JSONField(
        default=list, blank=True, help_text=_("Connections that are still to be asked for what the rules read anew.")
    )

    objects = ScopedManager(organization="rule_set__organization")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["rule_set"],
                condition=(Q(applied_at=None) & ~Q(what="saved")) | ~Q(to_read=[]),
                name="rule_event_to_apply",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_set}: {self.get_what_display()}"


class RuleExample(models.Model):
    """A deal and what must come of it: `expected` maps paths ("due", "buyer.tin", "lines.1.tax_category") to text."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="rule_examples")
    name = models.CharField(max_length=200)
    snapshot = models.JSONField(help_text=_("The facts of the deal, as they were when the example was made."))
    expected = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(organization="organization")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="one_rule_example_per_name"),
            models.CheckConstraint(condition=~Q(expected={}), name="an_example_expects_something"),
        ]

    def __str__(self) -> str:
        return self.name
