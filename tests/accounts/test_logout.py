from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts.signing_in import code, fresh_email, profile, refresh, signed_in
from tests.factories import UserFactory


def test_logout_revokes_only_the_current_session(api: APIClient, user: User) -> None:
    pair = signed_in(api, user)
    other = session_pairs.issue(user)

    response = api.post("/api/auth/logout")

    assert (response.status_code, response.content) == (204, b"")
    assert code(profile(pair.access)) == "token_revoked"
    assert code(refresh(api, pair.refresh)) == "token_revoked"
    assert profile(other.access).status_code == 200


def test_everywhere(api: APIClient, user: User) -> None:
    stranger = session_pairs.issue(UserFactory.create(email=fresh_email()))
    pair = signed_in(api, user)
    other = session_pairs.issue(user)

    assert api.post("/api/auth/logout", {"all": True}, format="json").status_code == 204

    for each in (pair, other):
        assert code(profile(each.access)) == "token_revoked"
        assert code(refresh(api, each.refresh)) == "token_revoked"
    assert profile(stranger.access).status_code == 200


def test_twice(api: APIClient, user: User) -> None:
    signed_in(api, user)
    api.post("/api/auth/logout")
    response = api.post("/api/auth/logout")
    assert (response.status_code, code(response)) == (401, "token_revoked")


def test_anonymous(api: APIClient, db: None) -> None:
    response = api.post("/api/auth/logout")
    assert (response.status_code, code(response)) == (401, "not_authenticated")


def test_unfit_body(api: APIClient, user: User) -> None:
    pair = signed_in(api, user)
    response = api.post("/api/auth/logout", {"all": "perhaps"}, format="json")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "all")
    assert profile(pair.access).status_code == 200


def test_all_but_one(user: User, api: APIClient) -> None:
    kept, ended = session_pairs.issue(user), session_pairs.issue(user)
    session_pairs.revoke_all(user, except_=session_pairs.verify(kept.access).session_id)
    assert profile(kept.access).status_code == 200
    assert code(profile(ended.access)) == "token_revoked"
