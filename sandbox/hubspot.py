"""HubSpot: which path does what, who may call it and how often."""

from typing import Any

import orjson

from sandbox.crm_schema import OWNERS, PIPELINES, owner_json, pipeline_json
from sandbox.dataset import KIND_BY_NAME, PORTAL_ID, Change, Dataset, Kind
from sandbox.faults import fault
from sandbox.hubspot_associations import batch_read_associations, labels, record_associations
from sandbox.hubspot_errors import HubSpotError, hubspot_error, invalid_json, not_found, rate_limited, validation_error
from sandbox.hubspot_grants import SERVICE_KEY, Grants, check_scopes
from sandbox.hubspot_oauth import OAuthServer, sunset
from sandbox.hubspot_properties import create_definition, definition, definitions
from sandbox.hubspot_records import (
    archive_record,
    batch_read,
    create_record,
    get_record,
    list_records,
    merge_records,
    names_in,
    update_record,
    whole_number,
)  # fmt: skip
from sandbox.hubspot_search import search
from sandbox.ratelimit import RollingWindow
from sandbox.settings import Settings
from sandbox.web import Request, Response, Routes, json_response, split_path
from sandbox.webhooks import Webhooks

VERSIONS = ("2026-09", "2026-03", "v3")
ASSOCIATION_VERSIONS = ("2026-09", "2026-03", "v4")
OAUTH_LIMIT, SERVICE_KEY_LIMIT, SEARCH_LIMIT = 110, 190, 5
SPAN = 10.0


class HubSpot:
    """One account with its data, its grants and its counters."""

    def __init__(self, settings: Settings, data: Dataset, webhooks: Webhooks) -> None:
        self.settings = settings
        self.data = data
        self.webhooks = webhooks
        data.changed = self._tell
        self.grants = Grants(settings.token_ttl)
        self.oauth = OAuthServer(self.grants, settings)
        self._app_calls = RollingWindow(OAUTH_LIMIT, SPAN)
        self._key_calls = RollingWindow(SERVICE_KEY_LIMIT, SPAN)
        self._searches = RollingWindow(SEARCH_LIMIT, 1.0)
        self.routes = Routes(
            ("GET", "/account-info/{version}/details", self.account),
            ("DELETE", "/appinstalls/{version}/external-install", self.uninstall),
            ("GET", "/crm/objects/{version}/{kind}", self.list_objects),
            ("POST", "/crm/objects/{version}/{kind}", self.create),
            ("POST", "/crm/objects/{version}/{kind}/search", self.search),
            ("POST", "/crm/objects/{version}/{kind}/batch/read", self.batch_read),
            ("GET", "/crm/objects/{version}/{kind}/{id}", self.get_object),
            ("PATCH", "/crm/objects/{version}/{kind}/{id}", self.update),
            ("DELETE", "/crm/objects/{version}/{kind}/{id}", self.archive),
            ("POST", "/crm/objects/{version}/{kind}/merge", self.merge),
            ("GET", "/crm/objects/{version}/{kind}/{id}/associations/{to}", self.associations),
            ("POST", "/crm/associations/{version}/{kind}/{to}/batch/read", self.batch_read_associations),
            ("GET", "/crm/associations/{version}/{kind}/{to}/labels", self.labels),
            ("GET", "/crm/pipelines/{version}/{kind}", self.pipelines),
            ("GET", "/crm/pipelines/{version}/{kind}/{pipeline}", self.pipeline),
            ("GET", "/crm/pipelines/{version}/{kind}/{pipeline}/stages", self.stages),
            ("GET", "/crm/owners/{version}", self.owners),
            ("GET", "/crm/owners/{version}/{owner}", self.owner),
            ("GET", "/crm/properties/{version}/{kind}", self.definitions),
            ("POST", "/crm/properties/{version}/{kind}", self.create_definition),
            ("GET", "/crm/properties/{version}/{kind}/{name}", self.definition),
        )

    def apply_settings(self) -> None:
        """Let the parts that keep a copy of a setting take it up again."""
        self.grants.token_ttl = self.settings.token_ttl
        for table in self.data.tables.values():
            table.index_lag_s = self.settings.index_lag_s

    def _tell(self, change: Change) -> None:
        if not self.grants.uninstalled:
            self.webhooks.heard(change)

    def handle(self, request: Request) -> Response:
        """Answer a call; every refusal has HubSpot's shape."""
        try:
            parts = split_path(request.path)
            if parts[0] == "oauth":
                return self._oauth(request, parts)
            return self._api(request, parts)
        except HubSpotError as error:
            return error.response
        except orjson.JSONDecodeError as error:
            return invalid_json(error).response
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return validation_error(f"Invalid input: the body does not have the expected form ({error}).").response

    def _oauth(self, request: Request, parts: list[str]) -> Response:
        found = self.oauth.routes.find(request.method, parts)
        if found is None:
            raise sunset() if parts[1:2] == ["v1"] else not_found()
        handler, values = found
        return handler(request, *values)

    def _api(self, request: Request, parts: list[str]) -> Response:
        if parts[0] == "crm" and parts[1:2] in (["v3"], ["v4"]) and len(parts) > 2:
            parts = ["crm", parts[2], parts[1], *parts[3:]]  # the old spelling has the version first
        found = self.routes.find(request.method, parts)
        if found is None:
            raise not_found()
        handler, values = found
        if values[0] not in (ASSOCIATION_VERSIONS if "associations" in parts else VERSIONS):
            raise not_found()
        bad_answer = fault(self.settings, is_search=handler == self.search)
        if bad_answer:
            return bad_answer
        request_scopes = self.grants.scopes_of(request.headers.get("Authorization", ""))
        if self.settings.missing_scopes:
            request_scopes = [scope for scope in request_scopes if scope not in self.settings.missing_scopes]
        window = self._count(request, handler == self.search)
        self.webhooks.by_app = True
        try:
            response = handler(request, request_scopes, *values[1:])
        finally:
            self.webhooks.by_app = False
        if self.settings.limits and window is not self._searches:
            response.headers |= _limit_headers(window)
        return response

    def _count(self, request: Request, is_search: bool) -> RollingWindow:
        window = self._key_calls if request.headers["Authorization"].endswith(SERVICE_KEY) else self._app_calls
        if is_search:
            window = self._searches
        if self.settings.limits and not window.take():
            span, policy = ("secondly", "SECONDLY") if is_search else ("ten_secondly_rolling", "TEN_SECONDLY_ROLLING")
            error = rate_limited(f"You have reached your {span} limit.", policy)
            if not is_search:
                error.response.headers |= _limit_headers(window)
            raise error
        return window

    # Objects. Each handler gets the call, the scopes granted, and the values of its path after the version.

    def list_objects(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """GET /crm/objects/{version}/{kind}."""
        kind, to_kinds = _kind(kind_name), _kinds(request)
        check_scopes(scopes, [_read(each) for each in (kind, *to_kinds)])
        return list_records(self.data, kind, to_kinds, request)

    def get_object(self, request: Request, scopes: list[str], kind_name: str, record_id: str) -> Response:
        """GET /crm/objects/{version}/{kind}/{id}."""
        kind, to_kinds = _kind(kind_name), _kinds(request)
        check_scopes(scopes, [_read(each) for each in (kind, *to_kinds)])
        return get_record(self.data, kind, to_kinds, request, record_id)

    def batch_read(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """POST /crm/objects/{version}/{kind}/batch/read."""
        kind = _kind(kind_name)
        check_scopes(scopes, [_read(kind)])
        return batch_read(self.data, kind, _body(request), archived=request.argument("archived") == "true")

    def search(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """POST /crm/objects/{version}/{kind}/search."""
        kind = _kind(kind_name)
        check_scopes(scopes, [_read(kind)])
        return search(self.data, kind, _body(request), len(request.body.decode("utf-8", "replace")))

    def create(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """POST /crm/objects/{version}/{kind}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.objects.{kind.plural}.write"])
        return create_record(self.data, kind, _body(request))

    def update(self, request: Request, scopes: list[str], kind_name: str, record_id: str) -> Response:
        """PATCH /crm/objects/{version}/{kind}/{id}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.objects.{kind.plural}.write"])
        return update_record(self.data, kind, record_id, _body(request))

    def archive(self, request: Request, scopes: list[str], kind_name: str, record_id: str) -> Response:
        """DELETE /crm/objects/{version}/{kind}/{id}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.objects.{kind.plural}.write"])
        return archive_record(self.data, kind, record_id, touch_parent=self.settings.touch_parent)

    def merge(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """POST /crm/objects/{version}/{kind}/merge."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.objects.{kind.plural}.write"])
        return merge_records(self.data, kind, _body(request), keep_primary=self.settings.merge_keeps_primary)

    # Associations.

    def associations(
        self, request: Request, scopes: list[str], kind_name: str, record_id: str, to_name: str
    ) -> Response:
        """GET /crm/objects/{version}/{kind}/{id}/associations/{to}."""
        kind, to_kind = _kind(kind_name), _kind(to_name)
        check_scopes(scopes, [_read(kind), _read(to_kind)])
        return record_associations(self.data, kind, to_kind, record_id, request, number_ids=self.settings.number_ids)

    def batch_read_associations(self, request: Request, scopes: list[str], kind_name: str, to_name: str) -> Response:
        """POST /crm/associations/{version}/{kind}/{to}/batch/read."""
        kind, to_kind = _kind(kind_name), _kind(to_name)
        check_scopes(scopes, [_read(kind), _read(to_kind)])
        return batch_read_associations(self.data, kind, to_kind, _body(request), number_ids=self.settings.number_ids)

    def labels(self, request: Request, scopes: list[str], kind_name: str, to_name: str) -> Response:
        """GET /crm/associations/{version}/{kind}/{to}/labels."""
        kind, to_kind = _kind(kind_name), _kind(to_name)
        check_scopes(scopes, [_read(kind), _read(to_kind)])
        return labels(kind, to_kind)

    # The account.

    def account(self, request: Request, scopes: list[str]) -> Response:
        """GET /account-info/{version}/details."""
        check_scopes(scopes, ["oauth"])
        return json_response(200, {
            "portalId": PORTAL_ID,
            "accountType": "DEVELOPER_TEST",
            "timeZone": "Africa/Lagos",
            "companyCurrency": "NGN",
            "additionalCurrencies": ["USD"],
            "utcOffset": "+01:00",
            "utcOffsetMilliseconds": 3_600_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        })  # fmt: skip

    def uninstall(self, request: Request, scopes: list[str]) -> Response:
        """DELETE /appinstalls/{version}/external-install: ends the app's tokens and its webhooks."""
        check_scopes(scopes, ["oauth"])
        if request.headers["Authorization"].endswith(SERVICE_KEY):
            raise hubspot_error(403, "FORBIDDEN", "Only an app's OAuth token can uninstall it.")
        self.grants.uninstall()
        return Response(204)

    def pipelines(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """GET /crm/pipelines/{version}/{kind}; only deals have any."""
        check_scopes(scopes, ["crm.objects.deals.read"])
        known = PIPELINES if _kind(kind_name).plural == "deals" else ()
        return json_response(200, {"results": [pipeline_json(pipeline) for pipeline in known]})

    def pipeline(self, request: Request, scopes: list[str], kind_name: str, pipeline_id: str) -> Response:
        """GET /crm/pipelines/{version}/{kind}/{id}."""
        check_scopes(scopes, ["crm.objects.deals.read"])
        found = next((pipeline for pipeline in PIPELINES if pipeline.id == pipeline_id), None)
        if found is None or _kind(kind_name).plural != "deals":
            raise not_found()
        return json_response(200, pipeline_json(found))

    def stages(self, request: Request, scopes: list[str], kind_name: str, pipeline_id: str) -> Response:
        """GET /crm/pipelines/{version}/{kind}/{id}/stages."""
        shown = orjson.loads(self.pipeline(request, scopes, kind_name, pipeline_id).body)
        return json_response(200, {"results": shown["stages"]})

    def owners(self, request: Request, scopes: list[str]) -> Response:
        """GET /crm/owners/{version}; archived ones only with archived=true."""
        check_scopes(scopes, ["crm.objects.owners.read"])
        limit = whole_number(request.argument("limit", "100"), "limit", 1, 500)
        after = whole_number(request.argument("after", "0") or "0", "after", 0, 2**63)
        archived, email = request.argument("archived") == "true", request.argument("email")
        shown = [owner_json(owner) for owner in OWNERS if owner.archived == archived and int(owner.id) >= after]
        shown = [owner for owner in shown if email in ("", owner["email"])]
        content: dict[str, Any] = {"results": shown[:limit]}
        if len(shown) > limit:
            content["paging"] = {"next": {"after": shown[limit]["id"]}}
        return json_response(200, content)

    def owner(self, request: Request, scopes: list[str], owner_id: str) -> Response:
        """GET /crm/owners/{version}/{id}."""
        check_scopes(scopes, ["crm.objects.owners.read"])
        by = "user_id" if request.argument("idProperty") == "userId" else "id"
        archived = request.argument("archived") == "true"
        for owner in OWNERS:
            if str(getattr(owner, by)) == owner_id and owner.archived == archived:
                return json_response(200, owner_json(owner))
        raise not_found()

    def definitions(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """GET /crm/properties/{version}/{kind}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.schemas.{kind.plural}.read"])
        return definitions(self.data.tables[kind.plural])

    def create_definition(self, request: Request, scopes: list[str], kind_name: str) -> Response:
        """POST /crm/properties/{version}/{kind}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.schemas.{kind.plural}.write"])
        return create_definition(self.data.tables[kind.plural], _body(request))

    def definition(self, request: Request, scopes: list[str], kind_name: str, name: str) -> Response:
        """GET /crm/properties/{version}/{kind}/{name}."""
        kind = _kind(kind_name)
        check_scopes(scopes, [f"crm.schemas.{kind.plural}.read"])
        return definition(self.data.tables[kind.plural], name)


def _limit_headers(window: RollingWindow) -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Max": str(window.limit),
        "X-HubSpot-RateLimit-Remaining": str(window.remaining),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(window.seconds * 1000)),
    }


def _kind(name: str) -> Kind:
    if name not in KIND_BY_NAME:
        raise validation_error(f"Unable to infer object type from: {name}")
    return KIND_BY_NAME[name]


def _kinds(request: Request) -> list[Kind]:
    return list(dict.fromkeys(_kind(name) for name in names_in(request, "associations")))


def _read(kind: Kind) -> str:
    return f"crm.objects.{kind.plural}.read"


def _body(request: Request) -> dict[str, Any]:
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise validation_error("Invalid input: the body must be a JSON object.")
    return body
