from django.apps import AppConfig
from django.db.models.signals import post_migrate


class InvoicesConfig(AppConfig):
    """Drafts, invoices and their submission to the tax authority."""

    name = "invoices"
    verbose_name = "Invoices"

    def ready(self) -> None:
        """Register the system checks, and what fills the tables of the law in a new installation."""
        from invoices import checks  # noqa: F401
        from invoices.law_seed import seed_law

        post_migrate.connect(seed_law, sender=self, dispatch_uid="seed_law")
