"""Addresses of deals."""

from django.urls import path

from crm import views

urlpatterns = [
    path("deals/", views.deals, name="deals"),
    path("deals/<int:pk>/", views.deal, name="deal"),
]
