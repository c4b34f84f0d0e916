"""Addresses of deals."""

from django.urls import path

from crm import views

urlpatterns = [
    path("deals/", views.deals, name="deals"),
    path("deals/<int:pk>/", views.deal, name="deal"),
    path("connections/<int:pk>/write-back/", views.connection_write_back, name="connection_write_back"),
]
