"""Addresses of sales."""

from django.urls import path

from pos import views

urlpatterns = [
    path("sales/", views.sales, name="sales"),
    path("sales/<int:pk>/", views.sale, name="sale"),
    path("connections/<int:pk>/locations/", views.locations, name="locations"),
    path("connections/<int:pk>/locations/choose/", views.choose, name="choose_locations"),
]
