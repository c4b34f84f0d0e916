"""The admin as a whole: other packages' admins in our theme, and the figures of its first page.

Those packages register admins that the theme does not style until they are registered again with its ModelAdmin.
"""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
    PeriodicTaskInline,
    TaskSelectWidget,
)
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from kombu.exceptions import OperationalError
from social_django.models import Association, Nonce, UserSocialAuth
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin_base import badge
from accounts.templatetags.show import NOTHING, ago


class StyledTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of registered tasks, in our theme."""


class StyledPeriodicTaskForm(PeriodicTaskForm):
    """A schedule's form, in our theme."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = StyledTaskSelect()


class ScheduledTaskAdmin(PeriodicTaskAdmin, ModelAdmin):
    """What beat starts by itself; the nightly sync of each connection is changed here."""

    form = StyledPeriodicTaskForm
    date_hierarchy = "last_run_at"
    list_display = ("name", "show_state", "show_schedule", "task", "queue", "description", "show_last_run")
    list_filter = ("enabled", "one_off", "task", "queue", "last_run_at")
    search_fields = ("name", "task", "description")
    list_filter_submit = True

    @badge(description=_("State"), ordering="enabled", colours={"on": "success", "off": "warning"})
    def show_state(self, task: PeriodicTask) -> tuple[str, str]:
        """Return whether it runs."""
        return ("on", str(_("On"))) if task.enabled else ("off", str(_("Off")))

    @display(description=_("When"))
    def show_schedule(self, task: PeriodicTask) -> str:
        """Return the schedule in words."""
        if task.crontab:
            return str(task.crontab.human_readable)
        return str(task.schedule) if task.interval or task.solar or task.clocked else NOTHING

    @display(description=_("Last run"), ordering="last_run_at")
    def show_last_run(self, task: PeriodicTask) -> str | SafeString:
        """Return how long ago it was last started."""
        return ago(task.last_run_at)

    @admin.action(description=_("Run selected tasks now"))
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Send the tasks; say so when the queue is away, because nothing would remember them."""
        try:
            super().run_tasks(request, queryset)
        except OperationalError:
            self.message_user(
                request,
                "The queue does not answer, so not all of these tasks were sent. Try again when it is back; beat sends "
                "them at their own time anyway.",
                messages.ERROR,
            )


class TasksOfScheduleInline(PeriodicTaskInline, TabularInline):
    """The tasks that use a schedule."""

    tab = True


class TimeOfDayAdmin(CrontabScheduleAdmin, ModelAdmin):
    """Schedules by the clock."""

    inlines = (TasksOfScheduleInline,)
    list_display = ("human_readable", "timezone", "minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    list_filter = ("timezone",)
    search_fields = ("hour", "minute", "timezone")


class EverySoOftenAdmin(ModelAdmin):
    """Schedules by an interval."""

    inlines = (TasksOfScheduleInline,)
    list_display = ("__str__", "every", "period")
    list_filter = ("period",)
    search_fields = ("every", "period")


class OnceAdmin(ClockedScheduleAdmin, ModelAdmin):
    """Schedules of one instant."""

    inlines = (TasksOfScheduleInline,)
    date_hierarchy = "clocked_time"


class SunAdmin(ModelAdmin):
    """Schedules by the sun."""

    inlines = (TasksOfScheduleInline,)


class RightsGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups of rights for staff."""


class SignInAttemptAdmin(AccessAttemptAdmin, ModelAdmin):
    """Sign-ins that failed, and who is shut out for a while."""


class SignInAdmin(AccessLogAdmin, ModelAdmin):
    """Sign-ins that worked."""


class FailedSignInAdmin(AccessFailureLogAdmin, ModelAdmin):
    """Every single failed sign-in."""


OURS: tuple[tuple[type[Model], type[ModelAdmin]], ...] = (
    (PeriodicTask, ScheduledTaskAdmin),
    (CrontabSchedule, TimeOfDayAdmin),
    (IntervalSchedule, EverySoOftenAdmin),
    (ClockedSchedule, OnceAdmin),
    (SolarSchedule, SunAdmin),
    (Group, RightsGroupAdmin),
    (AccessAttempt, SignInAttemptAdmin),
    (AccessLog, SignInAdmin),
    (AccessFailureLog, FailedSignInAdmin),
)
# Connecting leaves nothing in social-auth's own tables, so there is nothing to look at, and nothing to edit there.
NOBODYS = (UserSocialAuth, Nonce, Association)


def dress_other_packages() -> None:
    """Register other packages' models again in our theme, after their own admins have been loaded."""
    for model, model_admin in OURS:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
        admin.site.register(model, model_admin)
    for model in NOBODYS:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
