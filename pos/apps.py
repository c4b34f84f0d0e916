from django.apps import AppConfig


class PosConfig(AppConfig):
    """Sales from tills."""

    name = "pos"
    verbose_name = "Point of sale"
