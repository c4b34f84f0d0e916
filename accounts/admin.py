"""People and organizations in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.admin_base import TenantAdmin, badge, organizations
from accounts.models import Membership, Organization, Role, User

ROLE_COLOURS = {
    Role.OWNER: "primary",
    Role.ACCOUNTANT: "info",
    Role.OPERATOR: "info",
    Role.VIEWER: "",
    Role.AUDITOR: "warning",
}


class NewPersonForm(BaseUserCreationForm):
    """Asks for an e-mail address and a first password."""

    class Meta:
        model = User
        fields = ("email",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})

    def clean_email(self) -> str:
        """Return the address in lower case: nobody means a capital letter in it."""
        return str(self.cleaned_data["email"]).lower()


class MembershipInline(TabularInline):
    """Who belongs where, from either side."""

    model = Membership
    extra = 0
    tab = True
    autocomplete_fields = ("user", "organization")
    fields = ("user", "organization", "role")


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, TenantAdmin):  # type: ignore[misc]
    """People, known by e-mail address."""

    form = UserChangeForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "show_standing", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", organizations("memberships__organization"), "memberships__role")
    search_fields = ("email", "first_name", "last_name")
    date_hierarchy = "date_joined"
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    @badge(description=_("Standing"), colours={"off": "danger", "staff": "warning", "member": "success"})
    def show_standing(self, person: User) -> tuple[str, str]:
        """Return whether the person may sign in, and where to."""
        if not person.is_active:
            return "off", str(_("Switched off"))
        return ("staff", str(_("Staff"))) if person.is_staff else ("member", str(_("Member")))


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    """Tenants. One is never deleted by a click: everything it handed in is evidence."""

    list_display = ("name", "slug", "time_zone", "show_people", "created_at")
    list_filter = ("time_zone", "created_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("created_at",)
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Return organizations with the number of their people."""
        rows: QuerySet[Organization] = super().get_queryset(request)
        return rows.annotate(people=Count("memberships"))

    @display(description=_("People"), ordering="people")
    def show_people(self, organization: Organization) -> int:
        """Return how many people belong to it."""
        return int(organization.people)  # type: ignore[attr-defined]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: its invoices must outlive it."""
        return False


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    """Who belongs where, as one list."""

    list_display = ("user", "organization", "show_role", "created_at")
    list_filter = (organizations(), "role")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__first_name", "user__last_name", "organization__name")
    autocomplete_fields = ("user", "organization")
    readonly_fields = ("created_at",)
    date_hierarchy = "created_at"

    @badge(description=_("Role"), ordering="role", colours=ROLE_COLOURS)
    def show_role(self, membership: Membership) -> tuple[str, str]:
        """Return the role in words."""
        return membership.role, membership.get_role_display()
