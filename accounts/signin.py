"""Who may come in: registering, and logging in with a password."""

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.attempts import count_login, count_registration
from accounts.errors import EmailTaken, InvalidCredentials
from accounts.models import User


def register(request: HttpRequest, *, email: str, password: str, name: str = "") -> User:
    """Create an account. The password has been validated.

    Raises ``EmailTaken``, also for the losers of a race, or ``RateLimited``.
    """
    count_registration(request)
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, name=name)
    except IntegrityError as taken:
        raise EmailTaken from taken


def log_in(request: HttpRequest, *, email: str, password: str) -> User:
    """Return the user with this e-mail and password.

    Raises ``InvalidCredentials``, as slowly for an e-mail that nobody has, or ``RateLimited``.
    """
    count_login(request, email=email)
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    return user
