"""The key file's form, the service id, and the authority's code lists on the settings page."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Role
from invoices.models import Business
from tests.pages.making import Reader
from tests.sandbox_process import SandboxProcess


def pem_form(key_file: dict[str, str]) -> str:
    return f"{b64decode(key_file['public_key']).decode()}\n{key_file['certificate']}\n"


@pytest.mark.parametrize("form", ["json", "pem"])
@pytest.mark.parametrize("way", ["file", "text"])
def test_the_key_file_is_taken_in_both_forms(
    owner_browser: Client, business: Business, sandbox: SandboxProcess, form: str, way: str, broker_away: None
) -> None:
    keys = sandbox.get("/_control/businesses")[1]["key_file"]
    content = json.dumps(keys) if form == "json" else pem_form(keys)
    given: Any = SimpleUploadedFile("crypto_keys.txt", content.encode()) if way == "file" else content
    answer = owner_browser.post("/settings/key-file/", {way: given}, follow=True)
    assert "The key file is stored" in Reader(answer.content.decode()).text
    stored = Business.objects.get(pk=business.pk)
    assert stored.certificate == keys["certificate"]
    assert stored.public_key.strip() == b64decode(keys["public_key"]).decode().strip()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"{", "cut short"), (b"\xff\xfe\x00", "no text"), (b"x" * 30_000, "too large")],
)
def test_a_key_file_that_is_none_changes_nothing(
    owner_browser: Client, business: Business, content: bytes, said: str
) -> None:
    upload = SimpleUploadedFile("crypto_keys.txt", content)
    answer = owner_browser.post("/settings/key-file/", {"file": upload}, follow=True)
    assert said in Reader(answer.content.decode()).text
    assert Business.objects.get(pk=business.pk).certificate == business.certificate


def test_only_an_owner_changes_keys(sign_in: Callable[..., Client], business: Business) -> None:
    accountant = sign_in(Role.ACCOUNTANT)
    assert "Store the key file" not in Reader(accountant.get("/settings/").content.decode()).text
    for path in ("key-file", "service-id"):
        assert accountant.post(f"/settings/{path}/").status_code == 403


def ask(browser: Client, **form: str) -> str:
    return Reader(browser.post("/settings/service-id/", form, follow=True).content.decode()).text


def test_the_service_id_is_read_from_the_template(owner_browser: Client, business: Business, broker_away: None) -> None:
    assert "has the service id of the profile" in ask(owner_browser)
    Business.objects.update(service_id="")
    assert "now has the service id C41D9D42" in ask(owner_browser)
    assert Business.objects.get().service_id == "C41D9D42"


def test_a_template_that_disagrees_warns_and_changes_nothing_by_itself(
    owner_browser: Client, business: Business, sandbox: SandboxProcess, broker_away: None
) -> None:
    sandbox.set(mbs_template_service_id="ZZXXYY12")
    text = ask(owner_browser)
    assert "has the service id ZZXXYY12, the business profile has C41D9D42" in text
    assert "not the one that the two ids suggest" in text
    assert Business.objects.get().service_id == "C41D9D42"
    ask(owner_browser, take="1")
    assert Business.objects.get().service_id == "ZZXXYY12"


def test_why_no_template_could_be_read_is_told(
    owner_browser: Client, business: Business, sandbox: SandboxProcess
) -> None:
    sandbox.set(mbs_refused_keys=["sandbox-key"])
    assert "refuses the API keys" in ask(owner_browser)
    sandbox.set(mbs_refused_keys=[])
    Business.objects.update(entity_id="7d3f2b90-0000-4a55-9e10-0f1e2d3c4b5a")
    assert "knows no taxpayer" in ask(owner_browser)
    Business.objects.update(entity_id=None)
    assert "no entity id" in ask(owner_browser)


def test_values_that_are_on_no_list_any_more_are_named_on_the_settings(
    owner_browser: Client, business: Business
) -> None:
    page = Reader(owner_browser.get("/settings/").content.decode())
    assert "All your values are valid" in page.text
    Business.objects.update(isic_code="9999")
    page = Reader(owner_browser.get("/settings/").content.decode())
    assert "One value of yours is on the authority's list no more: 9999 Services codes" in page.text
