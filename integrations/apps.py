from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Connections, credentials and syncs."""

    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        """Register the system checks and the queues' figures."""
        from integrations import checks, metrics  # noqa: F401

        metrics.register()
