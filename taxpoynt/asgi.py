"""The ASGI door, for servers that want one; the measured choice is WSGI (docs/architecture.md)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")
application = get_asgi_application()
