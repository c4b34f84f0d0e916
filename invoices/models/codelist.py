"""The authority's code lists as they were fetched, each version once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CodeList(models.Model):
    """One version of one list. It is the same for every organization, so it belongs to none.

    `items` is {code: name}; `changes` is {added, removed, changed} against the version before, the first one against
    the copy that is shipped. The newest `fetched_at` of a kind is the one in force.
    """

    kind = models.CharField(max_length=30)
    version = models.CharField(max_length=64, help_text=_("SHA-256 of the items."))
    items = models.JSONField()
    changes = models.JSONField(default=dict, blank=True)
    fetched_at = models.DateTimeField(help_text=_("When this version was first seen."))
    confirmed_at = models.DateTimeField(help_text=_("When it was last found unchanged."))

    class Meta:
        verbose_name = _("code list")
        ordering = ["kind", "-fetched_at"]
        indexes = [models.Index(fields=["kind", "-fetched_at"], name="code_list_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.version[:8]}"

    @property
    def words(self) -> str:
        """Return the kind as people read it."""
        return self.kind.replace("_", " ").capitalize()
