"""The settings module. `.env.example` explains every environment variable.

In a development checkout, `manage.py`, `make run` and the tests set unset variables: the URLs of
the embedded servers, and signing secrets. In production, `config.checks` reports what is missing.
"""

import os
import tempfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import django_stubs_ext
from celery.schedules import crontab

from config.unfold import UNFOLD  # noqa: F401 - a setting
from core.env import BASE_DIR, database, env, native_dialects, social_providers
from core.logs import logging_config
from core.redis_servers import celery_broker

django_stubs_ext.monkeypatch()

DATABASE_URL: str = env.str("DATABASE_URL", "") or "postgresql://DATABASE_URL-is-not-set/tokengate"
# Which of DATABASE_URL and REDIS_URL name servers that this checkout has started itself.
EMBEDDED_SERVERS: list[str] = env.list("EMBEDDED_SERVERS", default=[])
DEBUG: bool = env.bool("DEBUG", default="DATABASE_URL" in EMBEDDED_SERVERS)
SECRET_KEY: str = env.str("SECRET_KEY", "") or "missing: set SECRET_KEY"
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=[".localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
HOST: str = env.str("HOST", "127.0.0.1")  # the address that the web server listens on
PORT: int = env.int("PORT", default=8000)

# Applications

INSTALLED_APPS = [
    "unfold",  # before the admin, whose site and templates it replaces
    "unfold.contrib.filters",
    "accounts",
    "tokens",
    "apikeys",
    "billing",
    "llmproxy",
    "adminpanel",
    "portal",
    "core",
    "config",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.idp.oidc",
    "allauth.mfa",
    "djstripe",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

# The standard handler: everything but the proxy.
MIDDLEWARE = [
    "core.http.middleware.request_context",
    "corsheaders.middleware.CorsMiddleware",
    "core.http.middleware.api_errors",
    "core.http.middleware.plain_forms",
    "core.http.client.remember_client",
    "accounts.web.browsers.page_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.sessions.session_age.session_age",
    "accounts.web.languages.languages",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.web.staff_gate.staff_gate",
]
# The lean handler (config/asgi.py): the proxy's async routes. Hooks only, see core.http.middleware.
LEAN_MIDDLEWARE = [
    "core.http.middleware.RequestContext",
    "core.http.middleware.Cors",
    "core.http.middleware.TransportSecurity",
]
LEAN_PATHS = ("/api/llm/", "/api/v1/llm/", "/v1/")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # The operator's own templates, then those that mend unfold's.
        "DIRS": [
            *([folder] if (folder := env.str("SITE_TEMPLATES", "")) else []),
            BASE_DIR / "adminpanel" / "unfold",
        ],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.pages.site.context",
                "portal.navigation.context",
            ],
        },
    },
]

# Databases

DATABASES: dict[str, dict[str, Any]] = {"default": database(DATABASE_URL)}
# core/database.py and core/statement.py then keep no state in a connection.
DATABASE_TRANSACTION_POOLER: bool = env.bool("DATABASE_TRANSACTION_POOLER", default=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_TRANSACTION_POOLER
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 0,
    "max_size": env.int("DATABASE_POOL_SIZE", default=10),
    "timeout": 1,
    # An attempt that fails is given up, and the next request makes another. They would back off
    # instead, and the site stay away for up to a minute or two after a long outage.
    "reconnect_timeout": 0,
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A standby, from which reports are read: core/replica.py.
DATABASE_REPLICA_URL: str = env.str("DATABASE_REPLICA_URL", "")
DATABASE_REPLICA_MAX_LAG: float = env.float("DATABASE_REPLICA_MAX_LAG", default=0.5)
if DATABASE_REPLICA_URL:
    _standby = database(DATABASE_REPLICA_URL)
    DATABASES["replica"] = {
        **DATABASES["default"],
        **_standby,
        "OPTIONS": {
            **_standby["OPTIONS"],
            "connect_timeout": 1,
            "pool": DATABASES["default"]["OPTIONS"]["pool"],
        },
        "TEST": {"MIRROR": "default"},
    }
    DATABASE_ROUTERS = ["core.replica.Router"]
# A copy of the receipts, from which staff's figures are read: tokens/analytics.
CLICKHOUSE_URL: str = env.str("CLICKHOUSE_URL", "")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL", "") or "redis://REDIS_URL-is-not-set"
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [REDIS_URL],  # one, which may name several hosts
        # JSON, not pickle: whoever can write to Redis cannot have code run here. What version 1
        # holds is pickled, and not read.
        "VERSION": 2,
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "CONNECTION_FACTORY": "core.redis_servers.CacheConnections",
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 2,
        },
    },
}
CACHES["attempts"] = {**CACHES["default"], "BACKEND": "accounts.throttling.caches.CountingCache"}

# Celery's queue may have servers of its own. A cluster cannot carry it.
QUEUE_REDIS_URL: str = env.str("QUEUE_REDIS_URL", "") or REDIS_URL
CELERY_BROKER_URL, _of_the_broker = celery_broker(QUEUE_REDIS_URL)
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_of_the_broker,
    "visibility_timeout": 3600,
    # A request that hands a task over tries once, and a silent Redis does not keep it for ever. Of
    # a worker that waits for tasks, Redis is to answer every second.
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 2,
}
CELERY_BEAT_SCHEDULE = {
    "expire-reservations": {"task": "tokens.tasks.expire_reservations", "schedule": 15.0},
    "forget-expired": {"task": "accounts.tasks.forget_what_has_expired", "schedule": 3600.0},
    "encrypt-second-factors": {"task": "accounts.tasks.encrypt_second_factors", "schedule": 3600.0},
    "reset-allowances": {"task": "tokens.tasks.reset_allowances", "schedule": 60.0},
    "notify-low-balances": {"task": "tokens.tasks.notify_low_balances", "schedule": 300.0},
    "notify-runaway-usage": {"task": "tokens.tasks.notify_runaway_usage", "schedule": 300.0},
    "end-grace": {"task": "billing.tasks.end_grace", "schedule": 600.0},
    "top-up-automatically": {"task": "billing.tasks.top_up_automatically", "schedule": 30.0},
    "mend-billing": {"task": "billing.tasks.mend", "schedule": 120.0},
    "sync-stripe": {
        "task": "billing.tasks.sync_stripe",
        "schedule": crontab(hour="3", minute="17"),
    },
    "reconcile": {"task": "llmproxy.tasks.reconcile", "schedule": 15.0},
    "sync-models": {"task": "llmproxy.tasks.sync_models", "schedule": 3600.0},
    "check-drift": {"task": "llmproxy.tasks.check_drift", "schedule": 3600.0},
    "observe-providers": {"task": "llmproxy.tasks.observe_providers", "schedule": 60.0},
    "aggregate-usage": {"task": "tokens.tasks.aggregate_usage", "schedule": 300.0},
    "feed-analytics": {"task": "tokens.tasks.feed_analytics", "schedule": 30.0},
    "verify-analytics": {
        "task": "tokens.tasks.verify_analytics",
        "schedule": crontab(hour="5", minute="7"),
    },
    "create-partitions": {
        "task": "tokens.tasks.create_partitions",
        "schedule": crontab(minute="23"),
    },
    "prune-usage": {
        "task": "tokens.tasks.prune_usage",
        "schedule": crontab(hour="4", minute="41"),
    },
    "forget-refusals": {
        "task": "tokens.tasks.forget_refusals",
        "schedule": crontab(hour="4", minute="11"),
    },
    "free-allowances": {"task": "tokens.tasks.keep_free_allowances", "schedule": 3600.0},
    "forget-keys": {"task": "tokens.tasks.forget_idempotency_keys", "schedule": 3600.0},
    "run-probe": {"task": "config.tasks.run_probe", "schedule": 60.0},
    "measure-hour": {"task": "config.tasks.measure_hour", "schedule": 60.0},
    "worker-heartbeat": {"task": "config.tasks.heartbeat", "schedule": 15.0},
}

# Who may come in

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

PASSWORD_RESET_TIMEOUT = 3600
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "ALGORITHM": "HS256",
    "AUTH_HEADER_TYPES": ("Bearer",),
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": "typ",  # nosec B105  # a claim's name
    "LEEWAY": 5,
}
# However often a session is refreshed or a cookie used: after this the user signs in again.
SESSION_MAX_AGE = timedelta(days=env.float("SESSION_MAX_AGE_DAYS", default=90.0))
# For so long after a rotation, the old refresh token is a lost race; later it is a stolen one.
REFRESH_GRACE_SECONDS: float = env.float("REFRESH_GRACE_SECONDS", default=10.0)

# Brute force. An address is that of the peer, or what the last proxy adds to X-Forwarded-For.
TRUSTED_PROXY: bool = env.bool("TRUSTED_PROXY", default=False)
RATELIMIT_IP_META_KEY = "core.http.client.client_address"
RATELIMIT_USE_CACHE = "attempts"
LOGIN_RATE_PER_ACCOUNT: str = env.str("LOGIN_RATE_PER_ACCOUNT", "10/5m")
LOGIN_RATE_PER_ADDRESS: str = env.str("LOGIN_RATE_PER_ADDRESS", "1000/5m" if DEBUG else "100/5m")
DEVICE_CODE_RATE: str = env.str("DEVICE_CODE_RATE", "600/m" if DEBUG else "30/m")
MESSAGE_RATE_PER_EMAIL: str = env.str("MESSAGE_RATE_PER_EMAIL", "5/h")
MESSAGE_RATE_PER_ADDRESS: str = env.str("MESSAGE_RATE_PER_ADDRESS", "60/m" if DEBUG else "20/h")
REGISTER_RATE: str = env.str("REGISTER_RATE", "60/m" if DEBUG else "20/h")

# The pages under /accounts/ (django-allauth), and the cookie that they sign in with.

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal_overview"
# For so many days users and staff see sign-ins and changes of how an account is signed in to.
SECURITY_EVENT_DAYS: int = env.int("SECURITY_EVENT_DAYS", default=180)
SESSION_ENGINE = "accounts.sessions.browser_store"
SESSION_COOKIE_NAME = "tokengate_session"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION: str = env.str("EMAIL_VERIFICATION", "optional")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if DEBUG else "https"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_logged_out"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of a new password, of a linked account
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before a way in is added
ACCOUNT_FORMS = {
    "login": "accounts.web.forms.SignInForm",
    "add_email": "accounts.web.forms.AddAddressForm",
    "change_password": "accounts.web.forms.ChangeForm",  # nosec B105  # a class
    "reauthenticate": "accounts.web.forms.PasswordAgainForm",
    "reset_password": "accounts.web.forms.ResetForm",  # nosec B105  # a class
    "reset_password_from_key": "accounts.web.forms.NewPasswordForm",  # nosec B105  # a class
}
# In the browser that signed up, a verified address leads on to where that was to lead.
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# Logging in is counted by accounts.throttling.attempts, together with the API's logins.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None, "signup": f"{REGISTER_RATE}/ip"}

# The second factor: an authenticator app, passkeys, and recovery codes. CodeForm counts codes.
STAFF_MFA_REQUIRED: bool = env.bool("STAFF_MFA_REQUIRED", default=not DEBUG)
MFA_FORMS = {
    "authenticate": "accounts.web.forms.CodeForm",
    "reauthenticate": "accounts.web.forms.CodeAgainForm",
    "add_webauthn": "accounts.web.forms.AddPasskeyForm",
    "login_webauthn": "accounts.web.forms.PasskeyLoginForm",
    "edit_webauthn": "accounts.web.forms.RenamePasskeyForm",
    "authenticate_webauthn": "accounts.web.forms.PasskeyForm",
    "reauthenticate_webauthn": "accounts.web.forms.PasskeyAgainForm",
}
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_TOTP_ISSUER: str = env.str("SITE_NAME", "") or "Tokengate"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Passkeys sign in alone, as they ask for a fingerprint or a PIN, or follow the password.
MFA_SUPPORTED_TYPES = ["recovery_codes", "totp", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": f"{LOGIN_RATE_PER_ADDRESS}/ip"}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN: bool = DEBUG  # http://localhost
# accounts/receivers.py asks for more: that the user's own address is verified. The library's rule
# would let a user without any address pass, and keep users with a factor from changing theirs.
MFA_ALLOW_UNVERIFIED_EMAIL = True

SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
# An email address, even a verified one, opens nobody's account: only a linked account does.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = social_providers()

# Editors sign in here by OpenID Connect (accounts/oidc/editors.py).
IDP_OIDC_ADAPTER = "accounts.oidc.adapter.OpenIdAdapter"
IDP_OIDC_PRIVATE_KEY: str = env.str("IDP_OIDC_PRIVATE_KEY", "", multiline=True)
IDP_OIDC_AUTH_METHODS = ["none"]  # PKCE instead of secrets, which no editor could keep
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 300  # it is exchanged for a session at once
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 30 * 86_400
IDP_OIDC_DEVICE_CODE_EXPIRES_IN = 600
IDP_OIDC_RATE_LIMITS = {"device_user_code": "60/m/ip,10/m/user"}
IDP_OIDC_DEVICE_CODE_INTERVAL: int = env.int("DEVICE_CODE_INTERVAL", default=5)
# <publisher>.<name> of the editor extension: the host of the redirects that it may ask for.
EXTENSION_ID: str = env.str("EXTENSION_ID", "tokengate.tokengate")

EMAIL_URL: str = env.str("EMAIL_URL", "") or "consolemail://"
_mail = env.email_url_config(EMAIL_URL)
EMAIL_BACKEND: str = (
    "core.mail.SmtpBackend" if EMAIL_URL.startswith("smtp") else _mail["EMAIL_BACKEND"]
)
EMAIL_HOST: str = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH: str = _mail["EMAIL_FILE_PATH"] or ""
EMAIL_USE_TLS: bool = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = env.str(
    "DEFAULT_FROM_EMAIL", f"{env.str('SITE_NAME', '') or 'Tokengate'} <no-reply@localhost>"
)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apikeys.auth.ApiKeyAuthentication",
        "accounts.sessions.session_pairs.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apikeys.auth.SessionOrScopedKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "core.http.openapi.ErrorSchema",
    "EXCEPTION_HANDLER": "core.http.rendering.drf_exception_handler",
}

# Browsers and editors. No cookie is read under /api, so credentials are never allowed.
CORS_URLS_REGEX = r"^/(api|v1|identity/o/api|\.well-known)/"
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOWED_ORIGIN_REGEXES = [r"^vscode-webview://[a-z0-9]+$"]
if DEBUG:
    CORS_ALLOWED_ORIGIN_REGEXES.append(r"^http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$")
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "user-agent",
    "x-api-key",
    # What OpenAI's SDKs and OpenRouter's send beside it.
    "http-referer",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "x-title",
    "x-request-id",
    # Names of sessions and tasks: core/http/attribution.py.
    "session-id",
    "thread-id",
    "x-claude-code-session-id",
    "x-session-affinity",
    "x-session-id",
    "x-task-id",
    "x-requested-with",
    # Sent by the OpenAI SDKs, also in a browser.
    *(
        f"x-stainless-{name}"
        for name in (
            "arch",
            "async",
            "custom-poll-interval",
            "helper",
            "helper-method",
            "lang",
            "os",
            "package-version",
            "poll-helper",
            "raw-response",
            "read-timeout",
            "retry-count",
            "runtime",
            "runtime-version",
            "timeout",
        )
    ),
]
CORS_EXPOSE_HEADERS = [
    "retry-after",
    "www-authenticate",
    "x-llm-provider",
    *(
        f"x-ratelimit-{what}-{kind}"
        for what in ("limit", "remaining", "reset")
        for kind in ("requests", "tokens")
    ),
    "x-request-id",
    "x-tokens-available",
    "x-tokens-reserved",
]
CORS_PREFLIGHT_MAX_AGE = 3600

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_REDIRECT_EXEMPT = [r"^api/(v1/)?health"]
X_FRAME_OPTIONS = "DENY"
if not DEBUG:
    SECURE_SSL_REDIRECT: bool = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS: int = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    # What else is served below this host's name only its operator knows: off is no oversight.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD: bool = env.bool("SECURE_HSTS_PRELOAD", default=False)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
    if TRUSTED_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "accounts.web.error_pages.csrf_failure"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# The proxy

# name -> (base URL, API key): the providers that an operator has set up.
UPSTREAMS: dict[str, tuple[str, str]] = {
    name: (env.str(f"{name.upper()}_BASE_URL", base_url), env.str(f"{name.upper()}_API_KEY"))
    for name, base_url in {
        "openrouter": "https://openrouter.ai/api/v1",
        "glama": "https://gateway.glama.ai/v1",
        "requesty": "https://router.requesty.ai/v1",
    }.items()
    if env.str(f"{name.upper()}_API_KEY", "")
}
if env.str("UPSTREAM_BASE_URL", ""):
    UPSTREAMS[env.str("UPSTREAM_NAME", "upstream")] = (
        env.str("UPSTREAM_BASE_URL"),
        env.str("UPSTREAM_API_KEY", ""),
    )
# Which of Messages and Responses each provider is asked natively; None leaves it to the provider's
# own module.
NATIVE_DIALECTS: dict[str, frozenset[str] | None] = {
    **{
        name: native_dialects(env.list(f"{name.upper()}_DIALECTS", default=[]))
        for name in ("openrouter", "glama", "requesty")
    },
    env.str("UPSTREAM_NAME", "upstream"): native_dialects(
        env.list("UPSTREAM_DIALECTS", default=[])
    ),
}
UPSTREAM_CONNECT_TIMEOUT: float = env.float("UPSTREAM_CONNECT_TIMEOUT", default=5.0)
UPSTREAM_CONNECTIONS: int = env.int("UPSTREAM_CONNECTIONS", default=1000)
UPSTREAM_FIRST_BYTE_TIMEOUT: float = env.float("UPSTREAM_FIRST_BYTE_TIMEOUT", default=60.0)
UPSTREAM_CONTENT_TIMEOUT: float = env.float("UPSTREAM_CONTENT_TIMEOUT", default=300.0)
UPSTREAM_IDLE_TIMEOUT: float = env.float("UPSTREAM_IDLE_TIMEOUT", default=120.0)
UPSTREAM_TOTAL_TIMEOUT: float = env.float("UPSTREAM_TOTAL_TIMEOUT", default=3600.0)
BREAKER_FAILURES: int = env.int("BREAKER_FAILURES", default=5)
BREAKER_WINDOW_SECONDS: float = env.float("BREAKER_WINDOW_SECONDS", default=30.0)
BREAKER_PAUSE_SECONDS: float = env.float("BREAKER_PAUSE_SECONDS", default=5.0)
CLIENT_SEND_TIMEOUT: float = env.float("CLIENT_SEND_TIMEOUT", default=60.0)
# Streams that their clients have left are read on for their usage: how many at a time in a worker,
# and for how long.
LEFT_STREAMS: int = env.int("LEFT_STREAMS", default=200)
LEFT_STREAM_TIMEOUT: float = env.float("LEFT_STREAM_TIMEOUT", default=300.0)
KEEPALIVE_SECONDS: float = env.float("KEEPALIVE_SECONDS", default=15.0)
CATALOG_SECONDS: float = env.float("CATALOG_SECONDS", default=5.0)
RESERVATION_TTL: float = env.float("RESERVATION_TTL", default=120.0)
# What workers owe the ledger, should they be killed, for this user only. It must be found again
# when another server has taken the database over, so its default name knows the database's alone.
_whose_spool = (
    DATABASE_URL
    if "DATABASE_URL" in EMBEDDED_SERVERS
    else f"{BASE_DIR}:{DATABASES['default']['NAME']}"
)
SETTLEMENT_SPOOL = Path(
    env.str("SETTLEMENT_SPOOL", "")
    or Path(tempfile.gettempdir())
    / f"tokengate-spool-{os.getuid()}-{sha256(_whose_spool.encode()).hexdigest()[:16]}"
)
# A minute: the plans' limits speak of it. How long Redis may keep a request waiting.
LIMITS_WINDOW = 60.0
LIMITS_REDIS_TIMEOUT: float = env.float("LIMITS_REDIS_TIMEOUT", default=0.1)
# A body may take so many seconds, and one more for each 10 kB of it.
CLIENT_BODY_TIMEOUT: float = env.float("CLIENT_BODY_TIMEOUT", default=30.0)
MAX_BODY_BYTES: int = env.int("MAX_BODY_BYTES", default=1_000_000)
MAX_LLM_BODY_BYTES: int = env.int("MAX_LLM_BODY_BYTES", default=32_000_000)
# core/http/handlers.py holds to both while the body comes in.
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_LLM_BODY_BYTES

# A user is told of an hour that costs so many times their usual one, and so many tokens at least.
# 0 tells nobody.
RUNAWAY_MULTIPLE: float = env.float("RUNAWAY_MULTIPLE", default=10.0)
RUNAWAY_FLOOR: int = env.int("RUNAWAY_FLOOR", default=100_000)

# Days after which the details of usage are deleted; their daily sums stay. 0 keeps all.
USAGE_RETENTION_DAYS: int = env.int("USAGE_RETENTION_DAYS", default=0)
USAGE_RETENTION_AT_LEAST = 35  # what this period, and the month of a key's budget, still read

# What pages and email call this site, and how they look. A logo is a path of this site; colors are
# #rrggbb.

SITE_NAME: str = env.str("SITE_NAME", "") or "Tokengate"
SITE_LOGO: str = env.str("SITE_LOGO", "")
SITE_ACCENT: str = env.str("SITE_ACCENT", "")
SITE_ACCENT_DARK: str = env.str("SITE_ACCENT_DARK", "")
SITE_CONTACT: str = env.str("SITE_CONTACT", "")
SITE_OPERATOR: str = env.str("SITE_OPERATOR", "", multiline=True)
DOCS_OPERATOR_PAGES: bool = env.bool("DOCS_OPERATOR_PAGES", True)

# Billing. Without a key nothing is sold: everyone is on the free plan, or where staff put them.

STRIPE_SECRET_KEY: str = env.str("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET: str = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE: str = env.str("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
if STRIPE_API_BASE != "https://api.stripe.com":
    STRIPE_API_HOST = STRIPE_API_BASE  # as dj-stripe calls it
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
MIGRATION_MODULES = {"djstripe": "billing.mirror_migrations"}
# Days after a failed payment in which the plan is kept.
BILLING_GRACE_DAYS: float = env.float("BILLING_GRACE_DAYS", default=7.0)
# Where links in email lead (core/links.py), and where Stripe's pages lead back to.
PUBLIC_URL: str = env.str("PUBLIC_URL", "")

# Documentation of the API

SPECTACULAR_SETTINGS = {
    "TITLE": "Tokengate",
    "DESCRIPTION": "Accounts, plans, tokens and an OpenAI-compatible LLM proxy.",
    "VERSION": "0.1.0",
    "CONTACT": {"name": "Tokengate"},
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # With deep links, each operation would be a link inside of a button, which screen readers lose.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SubscriptionStatus": "billing.serializers.STATUSES",
        "UsageStatus": "tokens.models.UsageRecord.Status",
    },
    "PREPROCESSING_HOOKS": ["config.schema.only_unversioned"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.allow_several",
        "config.schema.add_plain_views",
        "config.schema.add_error",
        "config.schema.mend_pages",
        "config.schema.add_texts",
    ],
}

# Operators' eyes

METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")
SENTRY_DSN: str = env.str("SENTRY_DSN", "")
# The exporter itself reads this, and other variables of OpenTelemetry: llmproxy/relay/tracing.py.
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
OTEL_SERVICE_NAME: str = env.str("OTEL_SERVICE_NAME", "") or "tokengate"
# The synthetic probe: config/probe.py.
PROBE_API_KEY: str = env.str("PROBE_API_KEY", "")
PROBE_MODEL: str = env.str("PROBE_MODEL", "")
# Of the requests that were answered well, the share that the access log has.
ACCESS_LOG_SHARE: float = env.float("ACCESS_LOG_SHARE", default=1.0)

# Static files, time, language, logs

STATIC_URL = "/static/"
STATICFILES_DIRS = [("docs", BASE_DIR / "docs" / "diagrams")]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_MANIFEST_STRICT = False  # an error page must not fail over its stylesheet
if not DEBUG:
    STATIC_ROOT = BASE_DIR / "staticfiles"
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_COOKIE_NAME = "language"
USE_I18N = True  # pages and email: accounts/web/languages.py
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "config.formats"

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(
    level=env.str("LOG_LEVEL", "INFO"),
    as_json=not DEBUG,
    webhooks=env.bool("LOG_WEBHOOKS", True),
)
