from __future__ import annotations

from django.test import Client

from accounts.models import Organization, User
from tests.factories import PASSWORD, make_user
from tests.pages.making import Reader


def test_a_person_signs_in_with_any_capital_letters_and_out_again(owner: User) -> None:
    browser = Client()
    answer = browser.post("/login/", {"username": owner.email.upper(), "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.get("/").status_code == 200
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/").status_code == 302


def test_a_wrong_password_is_told_in_a_sentence_and_the_address_is_kept(owner: User) -> None:
    answer = Client().post("/login/", {"username": owner.email, "password": "wrong"})
    page = Reader(answer.content.decode())
    assert "do not belong together" in page.text
    assert next(field for field in page.all("input") if field.get("name") == "username")["value"] == owner.email


def test_after_ten_wrong_passwords_signing_in_rests_and_says_for_how_long(owner: User) -> None:
    browser = Client()
    for _ in range(10):
        answer = browser.post("/login/", {"username": owner.email, "password": "wrong"})
    assert answer.status_code == 429
    text = Reader(answer.content.decode()).text
    assert "Signing in is paused" in text
    assert "Wait 15 minutes" in text


def test_a_person_of_no_organization_is_told_whom_to_ask(db: None) -> None:
    browser = Client()
    make_user("nobody@people.example")
    browser.post("/login/", {"username": "nobody@people.example", "password": PASSWORD})
    answer = browser.get("/")
    assert answer.status_code == 403
    assert "You belong to no organization yet. Ask an owner to add you" in Reader(answer.content.decode()).text


def test_where_one_wanted_to_go_is_where_one_ends(owner: User, organization: Organization) -> None:
    answer = Client().post("/login/", {"username": owner.email, "password": PASSWORD, "next": "/deals/"})
    assert answer["Location"] == "/deals/"


def test_a_sign_in_never_leads_to_another_site(owner: User) -> None:
    answer = Client().post("/login/", {"username": owner.email, "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"
