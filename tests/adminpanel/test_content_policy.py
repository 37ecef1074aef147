"""Pages run no script but files of this site: the policy says so, and no page needs more."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from billing.pricing.plans import seed_plans
from tests.adminpanel.site import fill_site, signed_in

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
_HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=|(?:href|src|action)\s*=\s*[\"']?javascript:")


def directives(page: object) -> dict[str, list[str]]:
    policy = page.headers["Content-Security-Policy"]  # type: ignore[attr-defined]
    return {words[0]: words[1:] for each in policy.split(";") if (words := each.split())}


def inline_scripts(text: str) -> list[str]:
    """Return what a browser would refuse to run: inline scripts, and handlers in attributes."""
    scripts = [
        body
        for attributes, body in _SCRIPT.findall(text)
        if "src=" not in attributes and "application/json" not in attributes and body.strip()
    ]
    return scripts + [found.group() for found in _HANDLER.finditer(text)]


@pytest.fixture
def root(db: None) -> Client:
    seed_plans()
    return signed_in("root")


def test_every_page_of_the_admin_site(root: Client) -> None:
    user = fill_site()
    urls = ["/admin/", f"/admin/accounts/user/{user.pk}/grant_tokens/", "/admin/no-such-page/"]
    for model in admin.site._registry:
        at = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        urls += [reverse(f"{at}_changelist"), reverse(f"{at}_add")]
        row = model._default_manager.first()
        urls += [reverse(f"{at}_change", args=(row.pk,))] if row else []
    for url in urls:
        page = root.get(url)
        allowed = directives(page)
        assert allowed["default-src"] == ["'none'"], url
        assert allowed["script-src"] == ["'self'", "'unsafe-eval'"], url
        assert (allowed["base-uri"], allowed["frame-ancestors"]) == (["'none'"], ["'none'"]), url
        assert inline_scripts(page.text) == [], url


def test_the_documentation_of_the_api(db: None) -> None:
    page = Client().get("/api/docs/")
    assert directives(page)["script-src"] == ["'self'"]
    assert inline_scripts(page.text) == []
    assert (
        Client()
        .get("/api/docs/?script=")
        .headers["Content-Type"]
        .startswith("application/javascript")
    )


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/no-such-page", "/billing/success/", "/", "/pricing", "/models"]
)
def test_other_pages_run_only_files_of_this_site(db: None, path: str) -> None:
    page = Client().get(path)
    assert directives(page)["script-src"] == ["'self'"]
    assert directives(page)["style-src"] == ["'self'"]
    assert directives(page)["default-src"] == ["'none'"]
    assert inline_scripts(page.text) == []
