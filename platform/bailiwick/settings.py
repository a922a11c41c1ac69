"""Django settings, read from `cell.config`: nothing here is decided twice."""

from __future__ import annotations

from typing import Any

from cell.config import config
from cell.database_url import DatabaseUrl
from cell.keys import cell_keys

CELL = config()

SECRET_KEY = cell_keys().derive("django-secret-key").hex()
DEBUG = False
ALLOWED_HOSTS = list(CELL.allowed_hosts)
ROOT_URLCONF = "bailiwick.urls"
ASGI_APPLICATION = "bailiwick.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
APPEND_SLASH = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "cell",
    "cell.keystore",
    "audit",
    "workspaces",
    "retention",
    "inference.gateway",
    "console",
]


def _database(url: DatabaseUrl) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.name,
        "USER": url.user,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # The serving roles must never see another name for a table first.
        "OPTIONS": {"options": "-c search_path=public"},
    }


DATABASES = {
    alias: _database(url)
    for alias, url in {
        "default": CELL.database,
        "keystore": CELL.keystore_database,
        "sealer": CELL.sealer_database,
        "auditor": CELL.auditor_database,
        "owner": CELL.owner_database,
    }.items()
    if url is not None
}
DATABASE_ROUTERS = ["cell.databases.Router"]

AUTH_USER_MODEL = "workspaces.Member"
AUTHENTICATION_BACKENDS = ["workspaces.sign_on.MemberBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
BAILIWICK_WORKSPACE_FOR = "workspaces.access.workspace_for"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "console.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "console.context.cell",
            ]
        },
    }
]
STATIC_URL = "/static/"

# The __Host- prefix binds a cookie to HTTPS and this host; a plain-HTTP loopback cell cannot use it.
SECURE = not CELL.embedded
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "bailiwick-session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "bailiwick-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = CELL.body_limit_bytes
FILE_UPLOAD_MAX_MEMORY_SIZE = CELL.body_limit_bytes

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "workspaces.authentication.KeyAuthentication",
        "workspaces.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cell.permission.DeclaredScopes"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cell.parsers.DocumentParser"],
    "DEFAULT_PAGINATION_CLASS": "cell.api.Page",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "cell.api.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bailiwick management API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
}

# The cell's own structured logging replaces Django's: its handlers would print request data.
LOGGING_CONFIG = "cell.telemetry.configure_logging"
LOGGING: dict[str, Any] = {"version": 1}  # Django skips LOGGING_CONFIG when this is empty
