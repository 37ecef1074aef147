"""Registration, and sign-in with a password."""

from allauth.account.models import EmailAddress
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.errors import EmailTaken, InvalidCredentials
from accounts.flows import passwords, second_factor, verification
from accounts.models import User
from accounts.throttling.attempts import count_login, count_registration


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


def log_in(request: HttpRequest, *, email: str, password: str, code: str = "") -> tuple[User, bool]:
    """Return the user with this email and password, and whether they gave a second factor.

    Raises ``InvalidCredentials``, as slowly for an email that nobody has, ``EmailNotVerified``,
    ``SecondFactorRequired`` of whoever has one, or ``RateLimited``.
    """
    count_login(request, email=email)
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    verification.require_verified(user)
    if has_factor := second_factor.is_set_up(user):
        second_factor.prove(request, user, code=code)
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    return user, has_factor


@transaction.atomic
def _create(*, email: str, password: str, name: str) -> User:
    """Create the user, unless another one has proven that this address is theirs as well.

    The password is hashed before that is looked up: a taken address takes as long as a free one.
    """
    user = User.objects.create_user(email, password, name=name)
    if EmailAddress.objects.filter(email=email, verified=True).exists():
        raise EmailTaken
    EmailAddress.objects.create(user=user, email=email, primary=True)
    return user
