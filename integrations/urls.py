"""Addresses of connections; a connection's own page shows things of several apps and lives in taxpoynt.dashboard."""

from django.urls import path

from integrations import views

urlpatterns = [
    path("connections/", views.connections, name="connections"),
    path("connections/key/<slug:provider>/", views.connect_with_key, name="connect_with_key"),
    path("connections/<int:pk>/sync/", views.connection_sync, name="connection_sync"),
    path("connections/<int:pk>/full-read/", views.connection_full_read, name="connection_full_read"),
    path("connections/<int:pk>/preview/", views.connection_preview, name="connection_preview"),
    path("connections/<int:pk>/stop/", views.connection_stop, name="connection_stop"),
    path("connections/<int:pk>/retry/", views.connection_retry, name="connection_retry"),
    path("connections/<int:pk>/test/", views.connection_test, name="connection_test"),
    path("connections/<int:pk>/pause/", views.connection_pause, name="connection_pause"),
    path("connections/<int:pk>/resume/", views.connection_resume, name="connection_resume"),
    path("connections/<int:pk>/disconnect/", views.connection_disconnect, name="connection_disconnect"),
]
