"""The connectors that this installation has, from settings.CONNECTORS."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from integrations.base.connector import BaseConnector


@cache
def connector_classes() -> dict[str, type[BaseConnector]]:
    """Return connector classes by slug, in the order of the settings."""
    classes: list[type[BaseConnector]] = [import_string(path) for path in settings.CONNECTORS]
    return {connector.info.slug: connector for connector in classes}


def get_connector_class(slug: str) -> type[BaseConnector]:
    """Return the connector for a slug; raises KeyError when none has it."""
    return connector_classes()[slug]


def providers_of(category: str, stream: str = "") -> list[str]:
    """Return the slugs of the installed connectors of a category, crm or pos, or of one stream in it."""
    infos = [connector.info for connector in connector_classes().values() if connector.info.category == category]
    return [info.slug for info in infos if stream in ("", info.stream)]
