"""Which shops of a merchant are read."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from integrations.models import Connection
from integrations.services.syncs import request_full_read
from pos.models import Location


class ChoiceRefused(Exception):
    """The choice cannot be kept now; `str()` is the sentence for people."""


def choose_locations(*, connection: Connection, chosen: Collection[int]) -> int:
    """Read these locations of a connection and no others; return how many those are.

    What was sold in one that is newly chosen lies before the window of the next read, so that everything is read
    again. Raises ChoiceRefused while a read is under way, whose end would undo that wish.
    """
    with transaction.atomic():
        mine = Location.objects.select_for_update().filter(connection=connection)
        is_wider = mine.filter(pk__in=list(chosen), is_chosen=False).exists()
        mine.update(is_chosen=False)
        count = mine.filter(pk__in=list(chosen)).update(is_chosen=True)
        if is_wider and not request_full_read(connection=connection):
            raise ChoiceRefused("The till is being read, so nothing was changed. Choose again in a minute.")
    return count
