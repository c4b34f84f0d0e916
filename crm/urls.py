"""Addresses of deals, and of the rules by which they become invoices."""

from django.urls import path

from crm import buyer_views, rule_views, views

urlpatterns = [
    path("deals/", views.deals, name="deals"),
    path("deals/<int:pk>/", views.deal, name="deal"),
    path("connections/<int:pk>/write-back/", views.connection_write_back, name="connection_write_back"),
    path("buyers/", buyer_views.buyers, name="buyers"),
    path("buyers/<int:pk>/ask/", buyer_views.buyer_ask, name="buyer_ask"),
    path("buyer/<str:token>/", buyer_views.buyer, name="buyer"),
    path("settings/rules/", rule_views.rules, name="rules"),
    path("settings/rules/new/", rule_views.rule_new, name="rule_new"),
    path("settings/rules/roll-back/", rule_views.rules_roll_back, name="rules_roll_back"),
    path("settings/rules/<int:pk>/", rule_views.rule_edit, name="rule_edit"),
    path("settings/rules/<int:pk>/simulation/", rule_views.rule_simulation, name="rule_simulation"),
    path("settings/rules/<int:pk>/activate/", rule_views.rule_act, {"act": "activate"}, name="rule_activate"),
    path("settings/rules/<int:pk>/delete/", rule_views.rule_act, {"act": "delete"}, name="rule_delete"),
    path("settings/rules/examples/<int:pk>/delete/", rule_views.example_delete, name="example_delete"),
]
