"""Django's settings; every one that an operator may change comes from the environment."""

import os
from pathlib import Path

from csp.constants import NONE, SELF
from kombu import Queue

from console import environment, keys
from console.middleware import hosts
from console.stack import places

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = environment.home(BASE_DIR / ".gatewright")
KEYS = keys.load(HOME)

VERSION = "0.1.0"
DEBUG = os.environ.get("GATEWRIGHT_DEBUG") == "1"
SECRET_KEY = KEYS.secret_key
CONSOLE_PORT = environment.port("GATEWRIGHT_CONSOLE_PORT", 8000)
_SCHEME = "https" if os.environ.get("GATEWRIGHT_TLS_CERT") else "http"
CONSOLE_URL = environment.url("GATEWRIGHT_CONSOLE_URL", f"{_SCHEME}://localhost:{CONSOLE_PORT}")
ALLOWED_HOSTS = ["*"]
CONSOLE_HOSTS = hosts.allowed(CONSOLE_URL)
"""Which names in a request's Host are answered; console/middleware/hosts.py asks in Django's stead."""
LINK_URL = environment.url("GATEWRIGHT_LINK_URL", may_have_path=True)
"""Where agents find /agent/v1/stream, if that path of CONSOLE_URL does not lead to `manage.py link`."""
STREAM_MAX_BYTES = environment.number("GATEWRIGHT_STREAM_MAX_KB", 8192) * 1024
"""The largest snapshot that goes down a stream, lying in Valkey for seconds; larger ones are fetched."""
ECHO_URL = environment.url("GATEWRIGHT_ECHO_URL", may_have_path=True)
"""Of the bundled echo upstream, which the wizard offers; empty where none runs."""
CSRF_TRUSTED_ORIGINS = [CONSOLE_URL]
TRUSTED_PROXIES = environment.networks("GATEWRIGHT_TRUSTED_PROXIES")
"""Whose X-Forwarded-For and X-Forwarded-Proto are believed. Of loopback, gunicorn believes the latter too."""

MAIL = environment.mail("GATEWRIGHT_EMAIL_URL")
"""The mail server; None where the environment names none, and an administrator may enter it."""
EMAIL_BACKEND = "console.notices.backend.OutboxBackend"
DESTINATION_NETWORKS = environment.networks("GATEWRIGHT_DESTINATION_NETWORKS")
"""Beside the internet, where webhooks may be that people of the console enter."""
PROVIDER_NETWORKS = environment.networks("GATEWRIGHT_PROVIDER_NETWORKS")
"""Beside the internet, where identity providers may be."""

REDIS_URL = environment.redis_url("REDIS_URL", places.redis_url(HOME))

CONNECTION_SECONDS = 3600
"""Each thread keeps its connection so long: a new one costs 10 ms, and its first statements as much again."""
DATABASES = {"default": environment.database("DATABASE_URL", places.database_url(HOME))}
DATABASES["default"] |= {"CONN_MAX_AGE": CONNECTION_SECONDS, "CONN_HEALTH_CHECKS": True}
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
} | DATABASES["default"].get("OPTIONS", {})
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}
"""A server that is away is found out in seconds; what a page does then is in `away` and `parts`."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "console",
    "console.audit_log",
    "console.notices",
    "console.roles",
    "console.sessions",
    "console.providers",
    "console.factors",
    "console.teams",
    "console.invitations",
    "console.tokens",
    "policies",
    "gateways",
    "apis",
    "apis.assets",
    "apis.owners",
    "apis.lists",
    "apis.automated",
    "apis.bulk",
    "apis.contracts",
    "apis.promotions",
    "apis.secret_groups",
    "apis.client_providers",
    "analytics",
    "analytics.alerts",
]

MIDDLEWARE = [
    "console.middleware.hosts.HostMiddleware",
    "console.middleware.proxies.ProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "console.middleware.away.AwayMiddleware",
    "console.middleware.refused.SizeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.sessions.logins.LastUsedMiddleware",
    "console.pages.session.LoginMiddleware",
    "console.pages.own_password.OwnPasswordMiddleware",
    "console.pages.second_factor.FactorMiddleware",
    "console.scope.ScopeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.parts.PartMiddleware",
    "console.middleware.refused.NulMiddleware",
    "console.middleware.refused.MethodMiddleware",
    "console.middleware.toasts.ToastMiddleware",
    "console.rest.left_out.LeftOutMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
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
                "console.scope.navigation",
                "console.pages.frame.frame",
            ],
            "builtins": ["console.templatetags.ui", "console.templatetags.fields"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

AUTH_USER_MODEL = "console.User"
AUTHENTICATION_BACKENDS = ["console.login_attempts.LimitedBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": max(8, environment.number("GATEWRIGHT_PASSWORD_LENGTH", 10, 128))},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
"""A link to a new password is good for an hour."""

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
APPEND_SLASH = True

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.static_files.Storage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
ACME_DIRECTORIES = environment.urls("GATEWRIGHT_ACME_DIRECTORIES") or (
    "https://acme-v02.api.letsencrypt.org/directory",
    "https://acme-staging-v02.api.letsencrypt.org/directory",
)
"""The only CAs that the console asks."""
UPLOAD_MAX_BYTES = 20 * 1024 * 1024
"""Of a file that a form sends; what stands before the console must let as much through, and a little more."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
"""A form of a hundred routes has thousands of fields."""

SESSION_ENGINE = "console.sessions.engine"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONSOLE_URL.startswith("https://")
SECURE_HSTS_SECONDS = environment.hsts_seconds(CONSOLE_URL)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["console.rest.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["console.rest.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "console.rest.errors.answer",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatewright",
    "VERSION": VERSION,
    "DESCRIPTION": "The addresses and bodies that clients of Anypoint Platform use, and our own analytics.",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "console.rest.schema.with_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EnvironmentTypeEnum": "console.models.Environment.Type",
        "TlsVersionEnum": "apis.rest.tls_serializers.VERSION_CHOICES",
        "TestStateEnum": "apis.api_test.ApiTest.State",
        "TestRunStateEnum": "apis.api_test.ApiTestRun.State",
        "AlertSeverityEnum": "analytics.alerts.models.Alert.Severity",
        "AlertTypeEnum": "analytics.alerts.rest.serializers.BASIC",
        "LegacyAlertTypeEnum": "analytics.alerts.rest.serializers.TYPES",
        "AlertRecipientEnum": "analytics.alerts.rest.serializers.RECIPIENTS",
        "AlertNotifiedEnum": "analytics.alerts.rest.serializers.NOTIFIED",
        "DeploysEnum": "console.models.Environment.Deploys",
        "BulkStateEnum": "apis.bulk.models.BulkChange.State",
        "BulkItemStateEnum": "apis.bulk.models.BulkItem.State",
        "ApiStateEnum": "apis.rest.search_serializers.STATUSES",
        "DocumentStateEnum": "apis.documents.specification.Specification.State",
    },
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.2,
}
"""A broker that is away makes a save slower by seconds at most, and never fails it."""
CELERY_DB_REUSE_MAX = 10**9
"""Tasks keep their thread's connection, which `console.celery` tends; Celery would open one for each task."""
CELERY_TASK_QUEUES = [
    Queue(name, routing_key=name) for name in ("celery", "documents", "rehearsals", "notices")
]
"""A worker takes from all of them, unless it is told which with -Q."""
CELERY_TASK_ROUTES = {
    "apis.tasks.read_document": {"queue": "documents"},
    "apis.tasks.read_import": {"queue": "documents"},
    "apis.tasks.copy_many": {"queue": "documents"},
    "apis.tasks.look_at_promotions": {"queue": "documents"},
    "apis.tasks.rehearse": {"queue": "rehearsals"},
    "apis.tasks.prepare_rehearsal": {"queue": "rehearsals"},
    "apis.tasks.run_tests": {"queue": "rehearsals"},
    "console.notices.tasks.deliver": {"queue": "notices"},
}
"""What takes seconds; pushes never wait behind it where a worker of its own does it."""
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BEAT_SCHEDULER = "console.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "console-forget-sessions": {"task": "console.tasks.forget_sessions", "schedule": 3600.0},
    "console-pulse": {"task": "console.tasks.pulse", "schedule": 5.0},
    "audit-log-forget": {"task": "console.audit_log.tasks.forget", "schedule": 3600.0},
    "notices-deliver": {"task": "console.notices.tasks.deliver", "schedule": 15.0},
    "notices-tend": {"task": "console.notices.tasks.tend", "schedule": 600.0},
    "tokens-tend": {"task": "console.tokens.tasks.tend", "schedule": 3600.0},
    "gateways-forget-old": {"task": "gateways.tasks.forget_old", "schedule": 600.0},
    "apis-ask-acme": {"task": "apis.tasks.ask_acme", "schedule": 30.0},
    "apis-renew-certificates": {"task": "apis.tasks.renew_certificates", "schedule": 900.0},
    "apis-forget-drafts": {"task": "apis.tasks.forget_drafts", "schedule": 3600.0},
    "apis-tend-revisions": {"task": "apis.tasks.tend_revisions", "schedule": 600.0},
    "apis-tend-notes": {"task": "apis.tasks.tend_notes", "schedule": 15.0},
    "apis-tend-bulk-changes": {"task": "apis.tasks.tend_bulk_changes", "schedule": 15.0},
    "apis-tend-imports": {"task": "apis.tasks.tend_imports", "schedule": 15.0},
    "apis-tend-documents": {"task": "apis.tasks.tend_documents", "schedule": 15.0},
    "analytics-roll-up": {"task": "analytics.tasks.roll_up", "schedule": 30.0},
    "alerts-look": {"task": "analytics.alerts.tasks.look", "schedule": 15.0},
    "alerts-forget-old": {"task": "analytics.alerts.tasks.forget_old", "schedule": 3600.0},
    "analytics-tend-partitions": {"task": "analytics.tasks.tend_partitions", "schedule": 3600.0},
}

HEARTBEAT_SECONDS = environment.number("GATEWRIGHT_HEARTBEAT_SECONDS", 5, 3600)
"""How often a replica reports; one that misses three is Disconnected."""

AUDIT_KEEP_DAYS = environment.days("GATEWRIGHT_KEEP_AUDIT_DAYS", 365)
"""Of the audit log, where an organization's administrator chose nothing else."""

REVISIONS_KEEP_DAYS = max(1, environment.days("GATEWRIGHT_KEEP_REVISIONS_DAYS", 90))
"""Since it was last deployed, or replaced; deployments are kept as long. The newest of each API and of each
gateway are kept whatever their age."""

REMOVED_KEEP_DAYS = max(1, environment.days("GATEWRIGHT_KEEP_REMOVED_DAYS", 30))
"""How long an API or a policy that somebody removed can be had back; its secrets are kept as long."""

ANALYTICS_KEEP_DAYS = {
    "window": max(2, environment.days("GATEWRIGHT_KEEP_REQUESTS_DAYS", 3)),
    "minute": environment.days("GATEWRIGHT_KEEP_MINUTES_DAYS", 10),
    "hour": environment.days("GATEWRIGHT_KEEP_HOURS_DAYS", 120),
    "day": environment.days("GATEWRIGHT_KEEP_DAYS_DAYS", 800),
}
"""How long traffic is kept at each grain; the first also holds for single requests, and is at least 2."""
ANALYTICS_MAX_BYTES = environment.number("GATEWRIGHT_ANALYTICS_MAX_MB", 20_000) * 1024 * 1024
"""Over this, the oldest days' requests, windows and minutes go, whatever their age."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {
        "refusals": {"()": "console.logs.WithoutTraceback"},
        "links": {"()": "console.logs.WithoutLinks"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals", "links"]}
    },
    "loggers": {"httpx": {"level": "WARNING"}},
    "root": {"handlers": ["stderr"], "level": environment.log_level("GATEWRIGHT_LOG_LEVEL")},
}
