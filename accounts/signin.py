"""Who may come in: registering, and logging in with a password."""

from allauth.account.models import EmailAddress
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import passwords, verification
from accounts.attempts import count_login, count_registration
from accounts.errors import EmailTaken, InvalidCredentials
from accounts.models import User


def register(request: HttpRequest, *, email: str, password: str, name: str = "") -> User:
    """Create an account, and ask to verify its address.

    Raises ``WeakPassword``, ``EmailTaken``, also for the losers of a race, or ``RateLimited``.
    """
    passwords.validated(password, user=User(email=email, name=name), param="password")
    count_registration(request)
    try:
        user = _create(email=email, password=password, name=name)
    except IntegrityError as taken:
        raise EmailTaken from taken
    verification.welcome(request, user)
    return user


def log_in(request: HttpRequest, *, email: str, password: str) -> User:
    """Return the user with this e-mail and password.

    Raises ``InvalidCredentials``, as slowly for an e-mail that nobody has, ``EmailNotVerified``
    or ``RateLimited``.
    """
    count_login(request, email=email)
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    verification.insist_on_verified(user)
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    return user


@transaction.atomic
def _create(*, email: str, password: str, name: str) -> User:
    """Create the user, unless another one has proven that this address is his as well.

    The password is hashed before that is looked up: a taken address takes as long as a free one.
    """
    user = User.objects.create_user(email, password, name=name)
    if EmailAddress.objects.filter(email=email, verified=True).exists():
        raise EmailTaken
    EmailAddress.objects.create(user=user, email=email, primary=True)
    return user
