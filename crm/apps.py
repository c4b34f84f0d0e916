from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Deals from CRMs."""

    name = "crm"
    verbose_name = "CRM"
