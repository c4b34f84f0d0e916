"""The web process. It refuses to start with a key that cannot read what is stored."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxpoynt.settings")
application = get_wsgi_application()

from integrations.services.keys import refuse_wrong_keys  # noqa: E402 - after Django is set up

refuse_wrong_keys()
