"""What has expired is forgotten; what is good stays."""

import uuid
from datetime import timedelta

from django.contrib.sessions.models import Session as BrowserSession
from django.utils import timezone

from accounts.flows.redemption import claim
from accounts.models import RedeemedGrant, Session, User
from accounts.sessions import session_pairs
from accounts.tasks import forget_what_has_expired


def test_only_expired_sessions_and_grants_are_deleted(user: User) -> None:
    long_ago = timezone.now() - timedelta(days=60)
    soon = timezone.now() + timedelta(days=1)
    session_pairs.issue(user, name="good")
    Session.objects.create(user=user, refresh_id=uuid.uuid4(), expires_at=long_ago)
    BrowserSession.objects.create(session_key="old", session_data="", expire_date=long_ago)
    BrowserSession.objects.create(session_key="new", session_data="", expire_date=soon)
    claim("fresh")
    RedeemedGrant.objects.create(digest="old", created_at=long_ago)

    forget_what_has_expired()

    assert [session.name for session in Session.objects.all()] == ["good"]
    assert [session.pk for session in BrowserSession.objects.all()] == ["new"]
    assert RedeemedGrant.objects.count() == 1
    assert not claim("fresh")
