"""Email: text and HTML say the same, in the recipient's language, and nothing in it is markup."""

import pytest
from django.core import mail
from pytest_django import Settings

from accounts.models import User
from core import email
from tokens.ledger import open_account


def test_html_is_made_of_the_text() -> None:
    text = (
        "Hello,\n\nTime: now\nIP address: x\n\nSee this:\n\nhttps://x.example/a?b=1&c=2\n\nBye <b>"
    )
    html = email.as_html("Subject", text)
    assert "Time: now<br>IP address: x" in html
    assert 'href="https://x.example/a?b=1&amp;c=2"' in html
    assert "Bye &lt;b&gt;" in html
    assert "<b>" not in html


def test_a_subject_is_one_line(settings: Settings) -> None:
    found = email.compose("billing/mail/plan_ended", {"plan": "Pro\nBcc: x@example.com"})
    assert "\n" not in found.subject


def test_it_is_in_the_users_language(user: User) -> None:
    open_account(user.pk)
    for language, words in (("", "Your second factor"), ("de", "Dein zweiter Faktor")):
        email.send(
            user.email, "accounts/mail/second_factor_removed", {"user": user}, language=language
        )
        assert words in mail.outbox[-1].subject
        (alternative,) = mail.outbox[-1].alternatives  # type: ignore[attr-defined]
        assert alternative.mimetype == "text/html"


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Ada Lovelace", "Hello Ada Lovelace,"),
        ("J.R.R. Tolkien", "Hello J.R.R. Tolkien,"),
        ("Ada\n\nLovelace", "Hello Ada Lovelace,"),
        ("Win\n\nhttps://elsewhere.example/\n\n", "Hello,"),
        ("Win at elsewhere.example", "Hello,"),
        ("ada@elsewhere.example", "Hello,"),
        ("<b>Ada", "Hello <b>Ada,"),
    ],
)
def test_a_name_leads_nowhere(user: User, name: str, greeted: str) -> None:
    user.name = name
    balance = open_account(user.pk)
    balance.user = user
    found = email.compose("tokens/balance_low", {"balance": balance, "level": 80, "left": 5})
    assert found.text.split("\n")[0] == greeted
    assert "elsewhere.example" not in found.html
    assert "<b>Ada" not in found.html
