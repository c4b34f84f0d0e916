"""Every address, one place; but /healthz and /readyz, which taxpoynt.middleware answers before all others."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from integrations.oauth_views import connect
from integrations.queue_views import show_queues
from integrations.webhooks import receive
from invoices.webhooks import receive as receive_from_authority
from taxpoynt import admin as theme
from taxpoynt import dashboard

theme.dress_other_packages()

handler500 = "taxpoynt.health.server_error"

urlpatterns = [
    path("", dashboard.home, name="home"),
    path("", include("accounts.urls")),
    path("connect/<slug:provider>/", connect, name="connect"),
    path("connections/<int:pk>/", dashboard.connection, name="connection"),
    path("connections/<int:pk>/progress/", dashboard.connection_progress, name="connection_progress"),
    path(
        "connections/<int:pk>/progress.json",
        dashboard.connection_progress_json,
        name="connection_progress_json",
    ),
    path("", include("integrations.urls")),
    path("", include("crm.urls")),
    path("", include("pos.urls")),
    path("", include("invoices.urls")),
    path("oauth/", include("social_django.urls", namespace="social")),
    path("webhooks/mbs/<str:key>/", receive_from_authority, name="authority_webhook"),
    path("webhooks/<slug:provider>/", receive, name="webhook"),
    path("webhooks/<slug:provider>/<str:token>/", receive, name="own_webhook"),
    path("api/", include("taxpoynt.api")),
    path("favicon.ico", RedirectView.as_view(url=static("mark.svg"))),
    path("admin/queues/", admin.site.admin_view(show_queues), name="queues"),
    path("admin/", admin.site.urls),
    path("", include("django_prometheus.urls")),
]
