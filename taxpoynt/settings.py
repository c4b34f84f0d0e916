"""Settings: the only place that reads the environment. `.env.example` has a line on each variable."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from taxpoynt.logging import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def required(name: str, meaning: str) -> str:
    """Return a variable that has no safe default; raises ImproperlyConfigured when it is empty."""
    value = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {meaning}")
    return value


# --- who and where ---------------------------------------------------------------------------------
SECRET_KEY = required("SECRET_KEY", "It signs sessions and links: give it 50 random characters.")
CREDENTIAL_KEYS = [
    key.strip()
    for key in required(
        "CREDENTIAL_KEYS",
        "It encrypts tokens at rest: give it one Fernet key, or several with the newest first.",
    ).split(",")
    if key.strip()
]
DEBUG = env.bool("DEBUG", False)
ENVIRONMENT = env.str("TAXPOYNT_ENVIRONMENT", "production")
PUBLIC_URL = env.str("PUBLIC_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
IS_HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = [
    _public.hostname or "localhost",
    "127.0.0.1",
    "localhost",
    *env.list("ALLOWED_HOSTS", default=[]),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "taxpoynt.urls"
WSGI_APPLICATION = "taxpoynt.wsgi.application"
ASGI_APPLICATION = "taxpoynt.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- providers and the authority: base addresses are the operator's, never a tenant's ----------------
CONNECTORS = [
    "crm.hubspot.connector.HubSpotConnector",
    "pos.square.connector.SquareConnector",
    "pos.paystack.connector.PaystackConnector",
]
TAX_AUTHORITY = "invoices.authority.mbs.MBSAuthority"
# Who reads a kind of source again before its held invoices are tried, where what is stored is too old.
HELD_SOURCES = {
    "deal": "crm.services.invoicing.retry_held",
    "sale": "pos.services.invoicing.retry_held_sales",
    "sales": "pos.services.invoicing.retry_held_batches",
}
# Who tells where the values of an invoice of a kind of source come from.
TRACED_SOURCES = {
    "deal": "crm.services.explaining.trace_deal",
    "sale": "pos.services.explaining.trace_sales",
    "sales": "pos.services.explaining.trace_sales",
}
# Who tells what a kind of source asks to be invoiced, for the reconciliation.
RECONCILED_SOURCES = ["crm.services.asking.deals_between", "pos.services.asking.sales_between"]
# Who tells what is due in the database, for the health of the queues.
QUEUE_WORK = ["integrations.services.queues.webhooks_and_syncs", "taxpoynt.due_work.deals_and_invoices"]

HUBSPOT_API_BASE = env.str("HUBSPOT_API_BASE", "https://api.hubapi.com").rstrip("/")
HUBSPOT_APP_BASE = env.str("HUBSPOT_APP_BASE", "https://app.hubspot.com").rstrip("/")
HUBSPOT_CLIENT_ID = env.str("HUBSPOT_CLIENT_ID", "")
HUBSPOT_CLIENT_SECRET = env.str("HUBSPOT_CLIENT_SECRET", "")
HUBSPOT_WEBHOOK_SECRET = env.str("HUBSPOT_WEBHOOK_SECRET", "") or HUBSPOT_CLIENT_SECRET
HUBSPOT_WEBHOOK_SECRET_PREVIOUS = env.str("HUBSPOT_WEBHOOK_SECRET_PREVIOUS", "")
HUBSPOT_API_VERSION = env.str("HUBSPOT_API_VERSION", "2026-09")
HUBSPOT_OAUTH_VERSION = env.str("HUBSPOT_OAUTH_VERSION", "2026-03")

WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", 180)
# How long a business keeps its records of sales is the law's to say, and we have not seen it said: ten years is long.
SALE_RETENTION_DAYS = env.int("SALE_RETENTION_DAYS", 3650)
# What was told to the authority is evidence about invoices, so it is kept as long as the sales.
CALL_RETENTION_DAYS = env.int("CALL_RETENTION_DAYS", 3650)
# (table, the column whose month it is partitioned by, days that rows are kept)
MONTHLY_TABLES = [
    ("integrations_webhookevent", "received_at", WEBHOOK_RETENTION_DAYS),
    ("pos_sale", "sold_at", SALE_RETENTION_DAYS),
    ("pos_saleline", "sold_at", SALE_RETENTION_DAYS),
    ("invoices_exchangecall", "started_at", CALL_RETENTION_DAYS),
]

SQUARE_BASE = env.str("SQUARE_BASE", "https://connect.squareup.com").rstrip("/")
SQUARE_APPLICATION_ID = env.str("SQUARE_APPLICATION_ID", "")
SQUARE_APPLICATION_SECRET = env.str("SQUARE_APPLICATION_SECRET", "")
SQUARE_VERSION = env.str("SQUARE_VERSION", "2026-09-16")
# All that may have signed: a new key and, for a day, the one before.
SQUARE_WEBHOOK_KEYS = env.list("SQUARE_WEBHOOK_KEYS", default=[])
# The address as it is registered at Square, letter by letter: it is a part of what Square signs.
SQUARE_WEBHOOK_URL = env.str("SQUARE_WEBHOOK_URL", "") or f"{PUBLIC_URL}/webhooks/square/"

# Built from public facts and never tried live: what those leave open is a setting. See docs/paystack.md.
PAYSTACK_BASE = env.str("PAYSTACK_BASE", "https://api.paystack.co").rstrip("/")
PAYSTACK_PAGE = env.int("PAYSTACK_PAGE", 100)
PAYSTACK_FIRST_READ_DAYS = env.int("PAYSTACK_FIRST_READ_DAYS", 90)
# Whether from and to mean the making or the paying of a transaction is not told: one made a day ago is read again.
PAYSTACK_OVERLAP_HOURS = env.int("PAYSTACK_OVERLAP_HOURS", 24)
# Names in a transaction's metadata: which terminal took it, and which invoice it pays.
PAYSTACK_TERMINAL_FIELDS = env.list("PAYSTACK_TERMINAL_FIELDS", default=["terminal_id", "terminal"])
PAYSTACK_INVOICE_FIELDS = env.list("PAYSTACK_INVOICE_FIELDS", default=["invoice", "invoice_number", "irn"])
# The query of GET /refund that asks for those of one transaction.
PAYSTACK_REFUND_QUERY = env.str("PAYSTACK_REFUND_QUERY", "transaction")
# A payment that names no invoice may pay one of its exact amount that was issued at most so many days before or after.
PAYMENT_WINDOW_DAYS = env.int("PAYMENT_WINDOW_DAYS", 3)

# The address that goes with our environment; another one is checked against it before anything is sent.
_mbs = "https://eivc-k6z6d.ondigitalocean.app" if ENVIRONMENT == "sandbox" else "https://api.firsmbs.com"
MBS_BASE_URL = (env.str("MBS_BASE_URL", "") or _mbs).rstrip("/")
MBS_API_KEY = env.str("MBS_API_KEY", "")
MBS_API_SECRET = env.str("MBS_API_SECRET", "")
MBS_SI_API_KEY = env.str("MBS_SI_API_KEY", "")
MBS_SI_API_SECRET = env.str("MBS_SI_API_SECRET", "")
MBS_KEY_GROUPS = env.dict("MBS_KEY_GROUPS", default={})
MBS_ENVIRONMENT = env.str("MBS_ENVIRONMENT", "")
MBS_DOWNLOAD_KEY_FORM = env.str("MBS_DOWNLOAD_KEY_FORM", "pub")
MBS_DOWNLOAD_KEY = env.str("MBS_DOWNLOAD_KEY", "")
MBS_VOID_WORD = env.str("MBS_VOID_WORD", "REJECTED")
MBS_INTEGRATOR_SERVICE_ID = env.str("MBS_INTEGRATOR_SERVICE_ID", "")
MBS_WEBHOOK_KEY = env.str("MBS_WEBHOOK_KEY", "")
MBS_QR_SUFFIX = env.str("MBS_QR_SUFFIX", "unix")
# Calls a second to the authority, by all workers together; 0: as many as they can. Its limit is not published.
MBS_CALLS_PER_SECOND = env.float("MBS_CALLS_PER_SECOND", 5.0)
MBS_CALLS_PER_SECOND_PER_BUSINESS = env.float("MBS_CALLS_PER_SECOND_PER_BUSINESS", 5.0)
# What becomes of a sale in another currency: "convert" to naira by the rate of its day, or "keep" it as it is.
MBS_FOREIGN_CURRENCY = env.str("MBS_FOREIGN_CURRENCY", "convert")
EXCHANGE_RATE_DAYS = env.int("EXCHANGE_RATE_DAYS", 7)  # how old the rate of a day may be
MBS_RESOLVE_WAIT_SECONDS = env.int("MBS_RESOLVE_WAIT_SECONDS", 30)

# --- apps --------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "social_django",
    "axes",
    "csp",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "accounts",
    "integrations",
    "invoices",
    "crm",
    "pos",
]
MIDDLEWARE = [
    "taxpoynt.middleware.HealthMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "taxpoynt.middleware.NullByteMiddleware",
    "taxpoynt.middleware.RelaxedPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.OrganizationMiddleware",
    "integrations.middleware.ConnectErrorMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "taxpoynt.context.frame",
            ],
        },
    }
]

# --- database: PostgreSQL and nothing else -----------------------------------------------------------
_database_url = required(
    "DATABASE_URL", "Give it the address of a PostgreSQL database: postgresql://user:password@host:port/name."
)
if urlsplit(_database_url).scheme not in {"postgres", "postgresql"}:
    raise ImproperlyConfigured(
        f"DATABASE_URL names a {urlsplit(_database_url).scheme or 'nameless'} database, and TaxPoynt runs on "
        "PostgreSQL only: its row locks, SKIP LOCKED, COPY and partial unique constraints are what keeps an invoice "
        "from being issued twice."
    )
DATABASES = {
    "default": {
        **env.db_url_config(_database_url),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
# A machine that is cut off says no goodbye: each end must find out by itself, or its locks stay for two hours.
_alive: dict[str, object] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
DATABASE_POOLED = env.bool("DATABASE_POOLED", False)
if (
    DATABASE_POOLED
):  # a pooler in transaction mode keeps no cursor and passes no settings on: PostgreSQL gets them itself
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
else:
    _alive["options"] = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
DATABASES["default"]["OPTIONS"] = {**_alive, **DATABASES["default"].get("OPTIONS", {})}

# --- people ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    # Connects accounts only (ASSOCIATION_ONLY): it signs nobody in.
    "crm.hubspot.oauth.HubSpotOAuth2",
    "pos.square.oauth.SquareOAuth2",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10  # typing errors are common, guessing needs thousands
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_RESET_ON_SUCCESS = True

# social-auth carries the consent dance only. Its pipeline ends in our own step: nobody is ever signed in
# by it and it stores no token of its own.
SOCIAL_AUTH_PIPELINE = ["integrations.oauth.store_connection"]
SOCIAL_AUTH_RAISE_EXCEPTIONS = False
SOCIAL_AUTH_LOGIN_ERROR_URL = "/connections/"
SOCIAL_AUTH_REDIRECT_IS_HTTPS = IS_HTTPS
SOCIAL_AUTH_JSONFIELD_ENABLED = True

# --- sessions and transport --------------------------------------------------------------------------
SESSION_COOKIE_SAMESITE = "Lax"  # the consent page sends people back with a cross-site GET
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "taxpoynt_session"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        # Chromium applies form-action to the redirects that follow a form post, and connecting is a form
        # post that ends at the provider's consent page.
        "form-action": [SELF, HUBSPOT_APP_BASE, "https://*.hubspot.com", SQUARE_BASE, "https://*.squareup.com"],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "object-src": [NONE],
    },
}
# The admin's theme runs Alpine.js, which needs both; taxpoynt.middleware applies this under /admin/ and to the
# API's own documentation only.
CONTENT_SECURITY_POLICY_ADMIN = {
    "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}

# --- API ---------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsMember"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TaxPoynt API",
    "DESCRIPTION": "Deals, sales, connections and invoices of your organization.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "ENUM_NAME_OVERRIDES": {
        "ConnectionStatus": "integrations.models.ConnectionStatus",
        "RunStatus": "integrations.models.RunStatus",
        "InvoiceStatus": "invoices.models.Status",
        "SaleState": "pos.models.SaleState",
        "RefundState": "pos.models.RefundState",
    },
}

# --- broker and background work ----------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
BROKER_URL = env.str("BROKER_URL", "") or REDIS_URL  # RabbitMQ may carry the tasks; the limits of calls stay in Redis
CELERY_BROKER_URL = BROKER_URL
if not BROKER_URL.startswith("amqp"):
    # What only Redis needs to be told; RabbitMQ gives back by itself what a lost worker held.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,  # kombu otherwise looks every 100 s only
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        # A worker of several queues empties the first that it was given before it looks at the next.
        "queue_order_strategy": "priority",
    }
DJANGO_CELERY_BEAT_TZ_AWARE = True
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# --- e-mail: without a server none is sent, and who asks for one is told so ------------------------------
_mail = env.email_url_config(env.str("EMAIL_URL", "") or "smtp://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"] or "", _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_TIMEOUT = 20  # seconds: a worker must not hang on a mail server
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "") or f"invoices@{_public.hostname or 'localhost'}"

# --- language, time, static --------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]  # ours only: Django's own words in another language would stand between them
TIME_ZONE = "Africa/Lagos"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # so that a fresh clone shows its pages before collectstatic has run
# Hashed names once they are collected; plain ones before, so that no page needs that step to be shown.
_collected = (STATIC_ROOT / "staticfiles.json").exists() or sys.argv[1:2] == ["collectstatic"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LOGGING = logging_config(json=env.bool("LOG_JSON", not DEBUG), level=env.str("LOG_LEVEL", "INFO"))
LOGGING_CONFIG = "logging.config.dictConfig"

UNFOLD = {
    "SITE_TITLE": "TaxPoynt",
    "SITE_HEADER": "TaxPoynt",
    "SITE_SUBHEADER": "Operations",
    "ENVIRONMENT": "taxpoynt.context.admin_environment",
    "DASHBOARD_CALLBACK": "taxpoynt.admin_dashboard.figures",
    "SIDEBAR": {"navigation": "taxpoynt.admin_dashboard.sidebar"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "236 253 245",
            "100": "209 250 229",
            "200": "167 243 208",
            "300": "110 231 183",
            "400": "52 211 153",
            "500": "16 150 105",
            "600": "5 122 85",
            "700": "4 100 70",
            "800": "6 78 59",
            "900": "6 64 49",
            "950": "2 44 34",
        }
    },
}
