"""Every spelling of an address of one mailbox comes to one form, and no two people share one."""

import pytest

from accounts.canonical import PROVIDERS, canonical
from tests.webserver import ROOT

ONE_MAILBOX = [
    ["ada.love@gmail.com", "adalove@googlemail.com", "A.D.A.LOVE+x+y@Gmail.com"],
    ["ada@example.com", "ada+1@example.com", "ADA+@EXAMPLE.COM", '"ada"@example.com'],
    ["kim@example.com", "\u212aim@example.com", "kim@\uff45xample.com"],  # Kelvin, fullwidth e
    ["ada@icloud.com", "ada+x@me.com", "ada@mac.com"],
    ["a.d-a@proton.me", "ada@protonmail.com", "a_da+x@pm.me"],
    ["a.da@yandex.ru", "a-da+x@ya.ru", "a.da@yandex.com"],
    ["ada@fastmail.com", "shop@ada.fastmail.com", "ada+x@fastmail.com"],
    ["ada@yahoo.com", "ada-shop@yahoo.com", "ada+x@yahoo.com"],
    ["ada@xn--bcher-kva.example", "ada@b\u00fccher.example"],
]


@pytest.mark.parametrize("spellings", ONE_MAILBOX, ids=lambda spellings: spellings[0])
def test_all_spellings_of_a_mailbox_are_one(spellings: list[str]) -> None:
    assert len({canonical(each) for each in spellings}) == 1


def test_different_mailboxes_stay_different() -> None:
    different = [spellings[0] for spellings in ONE_MAILBOX]
    different += ["a.da@example.com", "ada@example.org", "ada-x@example.com", "+x@example.com"]
    different += ["ada@outlook.com", "a.da@outlook.com", "+@example.com"]

    assert len({canonical(each) for each in different}) == len(different)


@pytest.mark.parametrize("email", [each for spellings in ONE_MAILBOX for each in spellings])
def test_the_form_of_the_form_is_itself(email: str) -> None:
    assert canonical(canonical(email)) == canonical(email)


def test_letters_that_only_look_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="ascii"):
        canonical("\u0430da@example.com")  # a Cyrillic a


def test_the_documented_table_names_every_domain() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text()
    names = {domain.partition(".")[0] for domain in PROVIDERS} - {"yahoo", "ymail", "fastmail"}

    assert {name for name in names if name not in page.lower()} == set()
