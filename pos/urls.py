"""Addresses of sales and payments."""

from django.urls import path

from pos import close_views, customer_views, payment_views, views

urlpatterns = [
    path("sales/", views.sales, name="sales"),
    path("sales/today/", views.today, name="today"),
    path("sales/close/", close_views.closes, name="closes"),
    path("sales/close/<int:pk>/<str:day>/", close_views.close, name="close"),
    path("sales/close/<int:pk>/<str:day>/now/", close_views.close_now, name="close_now"),
    path("sales/customers/", customer_views.customers, name="customers"),
    path("sales/customers/<int:pk>/", customer_views.customer, name="customer"),
    path("sales/customers/<int:pk>/forget/", customer_views.customer_forget, name="customer_forget"),
    path("sales/<int:pk>/", views.sale, name="sale"),
    path("payments/", payment_views.payments, name="payments"),
    path("payments/<int:pk>/", payment_views.payment, name="payment"),
    path("payments/<int:pk>/<slug:decision>/", payment_views.payment_decide, name="payment_decide"),
    path("connections/<int:pk>/locations/", views.locations, name="locations"),
    path("connections/<int:pk>/locations/choose/", views.choose, name="choose_locations"),
]
