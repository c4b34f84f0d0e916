from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Drafts, invoices and their submission to the tax authority."""

    name = "invoices"
    verbose_name = "Invoices"

    def ready(self) -> None:
        """Register the system checks."""
        from invoices import checks  # noqa: F401
