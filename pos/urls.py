"""Addresses of sales."""

from django.urls import path

from pos import views

urlpatterns = [path("sales/", views.sales, name="sales")]
