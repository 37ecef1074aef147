"""Users, their sessions, and the codes that were redeemed for them."""

import re
import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.addresses import fold

# What a mail program or a reader could take for a link or an address.
_LIKE_A_LINK = re.compile(r"[/\\@:]|\w\.\w\w")


class UserManager(BaseUserManager["User"]):
    """Creates users by email address, which is stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password, one who can only sign in by other means."""
        if not email:
            raise ValueError("a user needs an email address")
        user = self.model(email=fold(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may do everything in the admin."""
        return self.create_user(
            email, password, **{**fields, "is_staff": True, "is_superuser": True}
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=fold(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A developer or a member of staff. Logs in by email; `is_active` false means suspended."""

    email = models.EmailField(
        unique=True,
        error_messages={"unique": "This email is already in use."},
        help_text="The address to sign in with, in lower case.",
    )
    name = models.CharField(
        max_length=150, blank=True, help_text="The name to address the user by."
    )
    is_staff = models.BooleanField(default=False, help_text="May sign in to the admin site.")
    is_active = models.BooleanField(default=True, help_text="Uncheck to suspend.")
    date_joined = models.DateTimeField(
        default=timezone.now, editable=False, help_text="When the account was created."
    )
    epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Incremented when the user is signed out everywhere; earlier tokens are invalid.",
    )

    deleted_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the account was deleted; its personal data is erased.",
    )

    # The database has the defaults too: the version before inserts rows without these columns.
    language = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        help_text="Of pages and email. Empty: of the browser.",
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Such as Europe/Berlin. Empty: of the browser.",
    )
    mails_balance = models.BooleanField(
        default=True, db_default=True, help_text="Email when 80 % and 100 % of the tokens are used."
    )
    mails_unusual_usage = models.BooleanField(
        default=True, db_default=True, help_text="Email when an hour costs far more than usual."
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_email_lower_case", condition=Q(email=Lower("email"))),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_deleted(self) -> bool:
        """Whether the account was deleted. Its row remains for usage and balances."""
        return self.deleted_at is not None

    @property
    def salutation(self) -> str:
        """The name as email may begin with it; empty if it could be taken for a link.

        Anybody can register the address of somebody else, who then reads the name in our email.
        """
        name = " ".join(self.name.split())
        return "" if _LIKE_A_LINK.search(name) else name

    def clean(self) -> None:
        """Fold the address as the manager does, for the forms of the admin site."""
        super().clean()
        try:
            self.email = fold(self.email)
        except ValueError as odd:
            raise ValidationError({"email": "Enter a valid email address."}) from odd

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Bind the pages' cookie to the epoch, as Django does to the password."""
        value = f"{self.epoch} {self.password}"
        return salted_hmac("accounts.User", value, secret=secret, algorithm="sha256").hexdigest()


class Session(models.Model):
    """A signed-in device: one family of refresh tokens, named by the `sid` claim."""

    class Origin(models.TextChoices):
        PASSWORD = "password", "the password API"
        OAUTH = "oauth", "an app, by OAuth"
        DEVICE = "device", "a device, by its code"
        UNKNOWN = "unknown", "not recorded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="sessions",
        help_text="The user who is signed in.",
    )
    origin = models.CharField(
        max_length=8,
        choices=Origin.choices,
        default=Origin.UNKNOWN,
        db_default=Origin.UNKNOWN,
        help_text="How it began. accounts/sessions/origins.py defines what each kind may do.",
    )
    name = models.CharField(max_length=200, blank=True, help_text="Device or editor.")
    created_at = models.DateTimeField(default=timezone.now, help_text="When the session began.")
    last_used_at = models.DateTimeField(
        default=timezone.now, help_text="When the session was last used, to the minute."
    )
    expires_at = models.DateTimeField(help_text="When the refresh token expires.")
    refresh_id = models.UUIDField(help_text="The jti of the only valid refresh token.")
    rotated_at = models.DateTimeField(
        default=timezone.now, help_text="When this refresh token was issued."
    )
    revoked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the session was signed out."
    )
    second_factor = models.BooleanField(
        default=False, help_text="Whether a second factor was used."
    )

    class Meta:
        indexes = [models.Index(name="session_by_user", fields=["user", "-last_used_at"])]
        constraints = [
            models.CheckConstraint(
                name="session_origin_known",
                condition=Q(origin__in=["password", "oauth", "device", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name or "unnamed device"


class BrowserSession(models.Model):
    """A browser that is signed in to the pages. Its cookie's data name the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="browser_sessions",
        db_index=False,
        help_text="The user who is signed in.",
    )
    epoch = models.PositiveIntegerField(
        help_text="The user's epoch when it was last used: an older one was signed out."
    )
    agent = models.CharField(
        max_length=200, blank=True, help_text="Browser and system, such as Firefox on Linux."
    )
    network = models.CharField(
        max_length=43, blank=True, help_text="The network of its address: /24 or /48."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was signed in.")
    last_used_at = models.DateTimeField(
        default=timezone.now, help_text="When it was last used, to the minute."
    )
    revoked_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was signed out from another place."
    )

    class Meta:
        indexes = [
            models.Index(name="browser_session_by_user", fields=["user", "-last_used_at"]),
            models.Index(name="browser_session_by_use", fields=["last_used_at"]),
        ]

    def __str__(self) -> str:
        return self.agent or "unnamed browser"


class SecurityEvent(models.Model):
    """A sign-in, a failed one, or a change of how an account is signed in to."""

    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="security_events",
        db_index=False,
        help_text="Whose account it is about.",
    )
    event = models.CharField(max_length=40, help_text="What happened, such as login_failed.")
    detail = models.CharField(
        max_length=200, blank=True, help_text="Of what: a device, a key, a kind of factor."
    )
    network = models.CharField(
        max_length=43, blank=True, help_text="The network of the client's address: /24 or /48."
    )
    agent = models.CharField(
        max_length=200, blank=True, help_text="Program and system, such as Firefox on Linux."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it happened.")

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(name="security_event_by_user", fields=["user", "-created_at", "-id"]),
            models.Index(name="security_event_by_time", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.detail}".strip()


class RedeemedGrant(models.Model):
    """A redeemed code. Inserting its row a second time fails, independently of Redis."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the code.")
    created_at = models.DateTimeField(
        default=timezone.now, db_index=True, help_text="When the code was redeemed."
    )

    def __str__(self) -> str:
        return self.digest[:12]
