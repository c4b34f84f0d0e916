"""Addresses of invoices and of the settings, whose page shows the seller."""

from django.urls import path

from invoices import (
    exchange_views,
    key_views,
    mail_views,
    note_views,
    origin_views,
    paper_views,
    profile,
    reconciliation_views,
    risk_views,
    verify_views,
    views,
)

urlpatterns = [
    path("invoices/", views.invoices, name="invoices"),
    path("invoices/<int:pk>/", views.invoice, name="invoice"),
    path("invoices/<int:pk>/submit/", views.invoice_submit, name="invoice_submit"),
    path("invoices/<int:pk>/approve/", views.invoice_approve, name="invoice_approve"),
    path("invoices/<int:pk>/origins/", origin_views.invoice_origins, name="invoice_origins"),
    path("invoices/<int:pk>/void/", views.invoice_void, name="invoice_void"),
    path("invoices/<int:pk>/note/", note_views.invoice_note, name="invoice_note"),
    path("invoices/at-risk/", risk_views.at_risk, name="at_risk"),
    path("invoices/changes/", note_views.proposals, name="proposals"),
    path("invoices/changes/<int:pk>/dismiss/", note_views.proposal_dismiss, name="proposal_dismiss"),
    path("invoices/<int:pk>/ask/<str:purpose>/", exchange_views.exchange_request, name="exchange_request"),
    path("invoices/asked/<int:pk>/<str:decision>/", exchange_views.exchange_decide, name="exchange_decide"),
    path("invoices/<int:pk>/qr.svg", views.invoice_qr, name="invoice_qr"),
    path("invoices/<int:pk>/document.json", views.invoice_document, name="invoice_document"),
    path("invoices/<int:pk>/paper/<str:form>/", paper_views.invoice_paper, name="invoice_paper"),
    path("invoices/<int:pk>/send/", mail_views.invoice_send, name="invoice_send"),
    path("reconciliation/", reconciliation_views.reconciliation, name="reconciliation"),
    path("reconciliation/now/", reconciliation_views.reconcile_now, name="reconcile_now"),
    path("reconciliation/numbers.csv", reconciliation_views.number_report_csv, name="number_report_csv"),
    path("reconciliation/<int:pk>/", reconciliation_views.difference_decide, name="difference_decide"),
    path("verify/", verify_views.verify, name="verify"),
    path("verify/<str:irn>/", verify_views.verify, name="verify_irn"),
    path("settings/letters/", mail_views.letters_switch, name="letters_switch"),
    path("settings/", profile.settings, name="settings"),
    path("settings/key-file/", key_views.key_file, name="key_file"),
    path("settings/service-id/", key_views.service_id, name="service_id"),
]
