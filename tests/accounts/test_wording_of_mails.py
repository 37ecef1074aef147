"""Every mail about an account has our words, and no greeting of the library's."""

from pathlib import Path

import allauth
import pytest
from django.template.loader import get_template
from django.test import Client

from accounts.models import User
from tests.accounts.mailbox import messages_to
from tests.factories import UserFactory

LIBRARY = Path(allauth.__file__).parent / "templates"
# Those of features that are switched off.
UNUSED = ("login_code", "password_reset_code", "webauthn")
SENT = sorted(
    path.relative_to(LIBRARY).as_posix()
    for path in LIBRARY.glob("*/email/*.txt")
    if not any(name in path.name for name in UNUSED)
)


@pytest.mark.parametrize("name", SENT)
def test_no_mail_has_the_librarys_words(name: str) -> None:
    origin = get_template(name).origin  # type: ignore[attr-defined]

    # A mail that only includes another one, as the library writes it, has the words of that.
    is_include = "{% include" in (LIBRARY / name).read_text()
    assert is_include or not Path(origin.name).is_relative_to(LIBRARY)


def test_a_password_reset_is_said_in_plain_words(db: None, client: Client) -> None:
    user: User = UserFactory.create()

    client.post("/accounts/password/reset/", {"email": user.email})

    (message,) = messages_to(user.email)
    assert message.subject == "Reset your password"
    assert "You can set a new password here:\n\nhttp" in str(message.body)
