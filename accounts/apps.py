from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Organizations, people and roles."""

    name = "accounts"
    verbose_name = "People and organizations"
