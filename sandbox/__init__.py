"""HubSpot, Square, Paystack and the tax authority (MBS), played over real HTTP for the demo and the tests.

Start it
    python -m sandbox --port 8900 [--host 127.0.0.1] [--deals 250] [--seed 1] [--no-limits] [--latency MS]
    It prints ``sandbox ready on http://127.0.0.1:8900`` once it accepts connections. Ctrl-C ends it.
    Everything is in memory; ``--deals`` and ``--seed`` fix the data, dates are counted back from the day it starts.

HubSpot (same address for app host and API host)
    OAuth app ``sandbox-client`` / ``sandbox-secret``; consent page at ``/oauth/authorize``; tokens under
    ``/oauth/{2026-03,2026-09,v3}/token``. Service key ``pat-sandbox`` as a Bearer token has every read scope.
    ``/crm/objects``, ``/crm/associations``, ``/crm/pipelines``, ``/crm/owners``, ``/crm/properties`` and
    ``/account-info`` answer for 2026-09, 2026-03 and the v3/v4 spellings, with the original's limits and errors.

Square (same address for OAuth and API; all amounts in kobo)
    App ``sandbox-sq0idb-sandbox-client`` / ``sandbox-sq0csb-sandbox-secret``; consent page at ``/oauth2/authorize`` (no
    PKCE), ``/oauth2/token``, ``/oauth2/token/status``, ``/oauth2/revoke``. Sellers with one, three and twelve shops,
    without a sale until one is rung up. ``/v2/merchants``, ``locations``, ``payments``, ``refunds``, ``orders``
    (search, batch-retrieve, one), ``customers``, ``catalog``, and ``webhooks`` (event types, subscriptions).
    The personal token ``EAAAEsandbox-personal`` acts for the first seller. Webhooks tell of a seller only while it has
    granted the app the event's scope. Cash and EXTERNAL only, as in Nigeria.

Paystack (from public facts only; all amounts in kobo)
    Two accounts with a terminal each, by the keys ``sk_test_sandbox-one`` and ``sk_test_sandbox-two`` as Bearer.
    ``/terminal``, ``/customer`` (empty), ``/transaction`` (list, one, verify) and ``/refund``. Webhooks go to the
    address of the account, signed with its key; bad answers come from ``fail_next``.

Tax authority (under ``/api`` and ``/api/v1``)
    Headers ``x-api-key: sandbox-key`` and ``x-api-secret: sandbox-secret``; an integrator's second pair is
    ``sandbox-si-key`` / ``sandbox-si-secret``, and each business has one of its own (see the control list). Entity,
    irn/validate, validate, sign, confirm, search, update, download, the exchange (transmit, lookup, pull), the VAT
    report, the two calls about taxpayers and the resource lists. Documents are judged by rules written out by hand,
    one error at a time. Sums are not checked, as in the original; the control list says whether they hold.

Control (no keys; for tests and the demo)
    GET  /_control/received[?documents=0]   what each side was asked, and what the authority registered
    GET  /_control/businesses               three sellers known to the authority, with their key files
    GET  /_control/expected                 each deal: won or not, what is wrong with it, what is payable
    POST /_control/reset                    {"deals", "seed", "same_modified"}: fresh state; so many deals share one
                                            modification time
    GET  /_control/settings                 the settings as they are now
    POST /_control/settings                 {"token_ttl", "limits", "latency_ms", "expire_access_tokens", "fail_next"}
                                            and the switches below; a reset takes all of them back
    POST /_control/hubspot/deals/{id}       {"properties": {...}}: edit a deal; no value is checked
    POST /_control/hubspot/records/{kind}/{id}   the same for line_items, companies, contacts
    POST /_control/hubspot/archive          {"kind", "id"}: into the recycle bin; restore takes it out again
    POST /_control/hubspot/merge            {"kind", "primary", "other"}: one record of two; deals get a new id
    POST /_control/hubspot/associate        {"from_kind", "from_id", "to_kind", "to_id", "primary"}; dissociate undoes
    POST /_control/hubspot/lines            {"deal_id", "properties"}: one more line item
    POST /_control/hubspot/deals            {"properties", "lines": [{...}], "company_id"}: a deal with its lines
    GET  /_control/webhooks                 {"sent", "delivered", "failed", "pending", "deliveries": the last 200}
    POST /_control/webhooks/burst           {"events", "per_second", "batch"}: rename deals, post an event for each at
                                            this many deliveries a second; answers with p50, p95, p99 when all are done
    GET  /_control/square/sellers           merchant ids, their locations, the scopes granted to the app
    POST /_control/square/sellers           {"name", "locations"}: one more seller
    POST /_control/square/locations         {"merchant_id"}: one more shop; with "location_id" and
                                            "active" it opens or closes one
    POST /_control/square/connect           {"merchant_id", "scopes"}: grant without the page; answers as the token call
    POST /_control/square/revoke            {"merchant_id"}: the seller takes the access away in its dashboard
    POST /_control/square/sales             {"merchant_id", "location_id", ...}: ring up one sale; answers its order.
                                            Either "variant" (GET /_control/square/variants lists them with their
                                            content) or "lines" [{"ware" or "name" and "price", "quantity", "taxes",
                                            "discounts", "modifiers", "item_type", "note"}], "discounts" and
                                            "service_charges" (each "percentage" or "amount"), "taxes" [{"uid", "name",
                                            "percentage", "type"}] beside the price list's VAT, VATIN and ZERO,
                                            "cash_rounding", "tenders" [{"type", "amount", "tip", "external",
                                            "source"}], "tip", "customer_id", "note", "at" (back-dated),
                                            "offline_at" (sold then, uploaded now), "state" OPEN, and for an exchange
                                            "return_of" {"order_id", "lines"}. Without either: an everyday sale
    POST /_control/square/sales/{id}/finish {"state"}: COMPLETED, CANCELED or FAILED (its payments) for an open one
    POST /_control/square/refunds           {"order_id", "lines" [{"uid", "quantity"}] or "amount" or neither for all,
                                            "reason", "status": "PENDING"}: answers the return order and "refund_ids"
    POST /_control/square/refunds/{id}/settle    {"status"}: COMPLETED, REJECTED or FAILED for a pending one
    POST /_control/square/refunds/unlinked  {"merchant_id", "location_id", "amount"}: cash back without a sale
    POST /_control/square/history           {"merchant_id", "location_id", "sales", "days"}: so many past sales a shop
    POST /_control/square/burst             {"merchant_id", "location_id", "sales", "per_second"}: everyday sales at
                                            this pace; answers when the last one is rung up
    GET  /_control/square/truth             ?merchant_id=&location_id=&each=1: what each shop sold and gave back by day
    GET  /_control/square/webhooks          as for HubSpot, with "dropped"
    POST /_control/paystack/payments        {"key", "amount", "reference", "metadata", "status", "currency", "at"}: take
                                            a payment; paid ones are told of
    POST /_control/paystack/payments/{reference}/finish   {"key", "status"}: end one that was left pending
    POST /_control/paystack/refunds         {"key", "reference", "amount"}: give back all that is left, or an amount
    POST /_control/paystack/webhook         {"key", "url"}: where the account's events go
    GET  /_control/paystack/webhooks        as for HubSpot
    GET  /_control/mbs/log[?after=N]        the witness: every call of the authority in order, with method, path, IRN,
                                            SHA-256 of the body, fault, what was committed and what was answered
    GET  /_control/mbs/exchange             transmissions, VAT reports, and the authority's own webhooks as posted
    POST /_control/mbs/alter                {"irn", "payable_amount"}: the authority's copy says another amount
    POST /_control/mbs/forget               {"irn"}: the authority loses a registered document
    POST /_control/qr                       {"payload"}: decrypt and judge the content of an invoice's QR code

    Switches of HubSpot's bad days: ``index_lag_s`` (search sees a write only then), ``refuse_refresh``, ``bad_hub``,
    ``drop_refresh_token`` (left out of the refresh answer), ``rate_limit`` {"kind": "ten_secondly", "search" or
    "daily", "retry_after": null or seconds, "times"}, ``locked_423`` (times), ``migrating_477`` {"retry_after",
    "times"}, ``bad_gateway_html`` (times), ``missing_scopes`` [...], ``number_ids`` (false: ``toObjectId`` as text),
    ``clock_skew_s`` (Date headers and webhooks), ``merge_keeps_primary`` (deals too), ``touch_parent`` (lines and
    associations move the deal's modification time). An address over 8 KB is always a 414.

    Switches of Square's bad days: ``square_token_ttl``, ``square_cursor_s`` (300), ``square_lag_s`` (lists, searches
    and look-ups trail the tills), ``square_order_events`` ("none", "updated", "both"), ``square_tips_in_total`` (of an
    order), ``square_offline_keeps_time`` (the order's created_at), ``square_oauth_errors`` ("errors" or "legacy"),
    ``square_go_times`` (of subscriptions), ``square_missing_scopes`` [...], ``square_rate_limit`` {"times",
    "retry_after"}, ``square_error_500`` (times), ``square_bad_gateway_html`` (times), ``square_timeout`` {"times",
    "seconds"}, ``square_dead_token`` {"code", "after", "times"} (the 401 comes after so many good calls). Webhooks go
    to ``square_webhook_target`` {"url", "secret"} and to the app's subscriptions: ``square_webhooks_on``,
    ``square_webhook_delay_ms``, ``square_webhook_duplicates``, ``square_webhook_shuffle``, ``square_webhook_drop`` (so
    many are never sent), ``square_webhook_wrong_key``, ``square_webhook_disable_after`` (so many failed attempts in a
    row disable a subscription of the app; 0: never), ``square_webhook_timeout_s`` (10) and
    ``square_webhook_time_scale`` (0.01: a minute of Square's schedule takes 0.6 seconds).

    Switches of the authority's bad days: ``mbs_faults`` [{"kind", "method", "path_prefix", "times", "seconds",
    "answer"}] for the next calls that fit, and ``mbs_storm`` {"rate", "seed", "kinds", "seconds"} for any call. Kinds:
    ``drop`` (before anything is done), ``error_500``, ``html_502``, ``slow``; for writes ``commit_drop``,
    ``commit_504``, ``late_commit`` (answered with "drop", "504" or "busy", done that many seconds later), ``busy`` (not
    done), ``duplicate`` and ``duplicate_2026`` (done, with the words for busy); planned only: ``bad_keys``,
    ``offline``. States: ``mbs_confirm_lag_s``, ``mbs_resources_down``, ``mbs_refused_keys`` [...],
    ``mbs_entity_needs_si``, ``mbs_template_service_id``, ``mbs_download_key`` (base64 of 32 bytes),
    ``mbs_buyers_offline``, ``mbs_buyer_acknowledges``, ``mbs_transmit_fails``, ``mbs_webhook_target`` (without one
    nothing can be transmitted), ``mbs_webhook_copies`` (0: none is sent), ``mbs_webhook_delay_ms``,
    ``mbs_webhook_shuffle``. Strictness: ``mbs_date_is_issue_date``, ``mbs_place_required``, ``mbs_isic_accepted``,
    ``mbs_unit_of_three``, ``mbs_exempted_known``, ``mbs_status_words``, ``mbs_whole_quantity``, ``mbs_refuse_zero``.

    Webhooks are posted once ``webhook_target`` is {"url", "secret"}. Further settings: ``webhooks_on``,
    ``webhook_form`` ("classic" or "generic"), ``webhook_batch`` (events a delivery), ``webhook_delay_ms``,
    ``webhook_duplicates`` (extra copies), ``webhook_shuffle``, ``webhook_timeout_s`` (5) and ``webhook_retry_gaps``
    (seconds; the last one counts for all further ones; ten repetitions at most, none when the list is empty).

    One ``fail_next`` entry is {"method", "path_prefix", "status", "body", "headers", "times", "drop"}: the next
    ``times`` (1) matching requests get that answer and nothing is done; ``"drop": "before"`` closes the connection
    without doing anything, ``"drop": "after"`` does the work and then closes it.
"""
