from __future__ import annotations

import pytest
from django.db import connection as database

from accounts.models import Organization
from tests.benchmarks.refreshes import connected, race, refreshes
from tests.sandbox_process import SandboxProcess


@pytest.mark.django_db(transaction=True)
def test_racing_processes_refresh_once_for_each_expiry(organization: Organization, sandbox: SandboxProcess) -> None:
    connection = connected(sandbox, organization)
    before = refreshes(sandbox)
    codes = race(
        database=str(database.settings_dict["NAME"]), url=sandbox.url, connection_id=connection.pk,
        processes=3, expiries=5,
    )  # fmt: skip
    assert codes == [0, 0, 0]
    assert refreshes(sandbox) - before == 5
