from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Connections, credentials and syncs."""

    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        """Register the system checks."""
        from integrations import checks  # noqa: F401
