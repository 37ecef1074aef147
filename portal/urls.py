"""URLs of the public front and of the portal, outside /api/."""

from django.urls import path
from django.views.generic import RedirectView

from accounts.web import pages as account_pages
from portal.account import automatic, keys, overview, plan, profile, tokens, usage
from portal.docs import views as docs
from portal.front import models, pages, status

urlpatterns = [
    path("", pages.home, name="home"),
    path("pricing", pages.pricing, name="pricing"),
    path("models", models.show, name="models"),
    path("status", status.show, name="status"),
    path("terms", pages.terms, name="terms"),
    path("privacy", pages.privacy, name="privacy"),
    path("docs/", docs.show, name="docs_home"),
    path("docs/search/", docs.search, name="docs_search"),
    path("docs/<path:name>/", docs.show, name="docs_page"),
    path("portal/", overview.show, name="portal_overview"),
    path("portal/usage/", usage.show, name="portal_usage"),
    path("portal/usage/export.csv", usage.download, name="portal_usage_csv"),
    path("portal/usage/<str:name>/", usage.receipt, name="portal_receipt"),
    path("portal/keys/", keys.listing, name="portal_keys"),
    path("portal/keys/new/", keys.create, name="portal_key_new"),
    path("portal/keys/<uuid:key_id>/", keys.change, name="portal_key"),
    path("portal/keys/<uuid:key_id>/rotate/", keys.rotate, name="portal_key_rotate"),
    path("portal/keys/<uuid:key_id>/revoke/", keys.revoke, name="portal_key_revoke"),
    path("portal/plan/", plan.show, name="portal_plan"),
    path("portal/plan/change/", plan.change, name="portal_plan_change"),
    path("portal/plan/resume/", plan.resume, name="portal_plan_resume"),
    path("portal/plan/card/", plan.portal, name="portal_plan_card"),
    path("portal/tokens/", tokens.show, name="portal_tokens"),
    path("portal/tokens/buy/", tokens.buy, name="portal_tokens_buy"),
    path("portal/tokens/automatic/", automatic.change, name="portal_automatic"),
    path("portal/tokens/automatic/off/", automatic.turn_off, name="portal_automatic_off"),
    path("billing/", RedirectView.as_view(pattern_name="portal_plan"), name="billing_home"),
    path("portal/devices/", account_pages.devices, name="portal_devices"),
    path("portal/security/", account_pages.home, name="portal_security"),
    path("portal/security/events/", account_pages.events, name="portal_security_events"),
    path("portal/profile/", profile.show, name="portal_profile"),
    path("portal/profile/export.json", profile.download, name="portal_profile_export"),
    path("portal/profile/delete/", profile.delete, name="portal_deletion"),
]
