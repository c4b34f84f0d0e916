"""Rows that tests need, with invented names."""

from __future__ import annotations

import itertools
from typing import Any

from accounts.models import Membership, Organization, Role, User

PASSWORD = "a long enough passphrase"
_numbers = itertools.count(1)


def make_organization(slug: str = "", **fields: Any) -> Organization:
    """Return an organization."""
    slug = slug or f"organization-{next(_numbers)}"
    return Organization.objects.create(slug=slug, name=fields.pop("name", f"{slug.title()} Works Ltd"), **fields)


def make_user(email: str = "", **fields: Any) -> User:
    """Return a person who can sign in with PASSWORD."""
    return User.objects.create_user(email or f"person{next(_numbers)}@people.example", PASSWORD, **fields)


def make_member(organization: Organization, role: Role = Role.OWNER, **fields: Any) -> User:
    """Return a person with a role in an organization."""
    user = make_user(**fields)
    Membership.objects.create(user=user, organization=organization, role=role)
    return user
