"""The parts of a provider's error, in each shape, and its kind."""

from typing import Any

import pytest

from llmproxy.protocol.refusals import Kind, Refusal, error_in, from_json, kind_of, read

LONG = "x" * 5000


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        ("broken", Refusal("broken")),
        (None, Refusal()),
        (5, Refusal()),
        ({}, Refusal()),
        ([], Refusal()),
        # OpenAI's
        (
            {"error": {"message": "m", "code": "c", "type": "t", "param": "p"}},
            Refusal("m", "c", "t", "p"),
        ),
        ({"error": {"message": "m", "code": 400, "type": 5, "param": 7}}, Refusal("m", "400")),
        (
            {"error": "broken", "code": "c", "type": "t", "param": "p"},
            Refusal("broken", "c", "t", "p"),
        ),
        ({"error": True}, Refusal("True")),
        # What the object lacks is read beside it; the object has precedence.
        (
            {"error": {"message": "m"}, "code": "c", "type": "t", "param": "p", "message": "x"},
            Refusal("m", "c", "t", "p"),
        ),
        ({"error": {"message": "m", "code": "c"}, "code": "other"}, Refusal("m", "c")),
        ({"error": {"message": "m"}, "code": ""}, Refusal("m")),
        ({"error": {"code": "c"}, "message": "x"}, Refusal(code="c")),
        ({"errors": {"message": "m"}}, Refusal("m")),
        ({"fault": {"faultstring": "m", "detail": {}}}, Refusal("m")),
        ({"error": None, "errors": None, "fault": None, "message": "m"}, Refusal("m")),
        # Flat ones
        (
            {"object": "error", "message": "m", "type": "t", "code": 40001},
            Refusal("m", "40001", "t"),
        ),
        *[
            ({name: "m"}, Refusal("m"))
            for name in (
                *("message", "detail", "msg", "error_message", "error_msg", "status_msg"),
                *("faultstring", "Message", "reason", "description", "title"),
                "error_description",
            )
        ],
        ({"title": "t", "detail": "d"}, Refusal("d")),
        ({"message": "", "msg": "m"}, Refusal("m")),
        ({"message": 5, "msg": "m"}, Refusal("m")),
        ({"code": "", "error_code": 17, "message": "m"}, Refusal("m", "17")),
        ({"code": 0, "error_code": "x", "message": "m"}, Refusal("m", "x")),
        ({"code": True, "status": 400, "message": "m"}, Refusal("m", "400")),
        ({"code": 1.5, "message": "m"}, Refusal("m")),
        # FastAPI's
        (
            {"detail": [{"loc": ["body", "a", 0, "b"], "msg": "m"}]},
            Refusal("m", param="a.0.b"),
        ),
        ({"detail": [{"loc": ["body"], "msg": "m"}]}, Refusal("m")),
        ({"detail": [{"loc": "body", "msg": "m"}]}, Refusal("m")),
        ({"detail": [{"msg": "m"}, {"loc": ["body", "x"], "msg": "n"}]}, Refusal("m; n")),
        ({"detail": ["m"]}, Refusal("m")),
        ({"detail": []}, Refusal()),
        ({"detail": [{"loc": ["body", "x"], "msg": "m"}], "param": "y"}, Refusal("m", param="y")),
        # Lists, of which the first has the code
        ([{"error": {"message": "m", "code": 400}}], Refusal("m", "400")),
        (
            [{}, {"error": {"code": "c"}}, {"error": {"message": "m", "code": "d"}}, "n"],
            Refusal("m; n", "c"),
        ),
        ({"errors": [{"message": "m", "code": "c"}, {"message": "n"}]}, Refusal("m; n", "c")),
        ({"errors": [{}]}, Refusal()),
        # MiniMax's
        ({"base_resp": {"status_code": 1004, "status_msg": "m"}}, Refusal("m", "1004")),
        ({"base_resp": {"status_code": 0, "status_msg": ""}}, Refusal()),
        ({"message": "m", "base_resp": {"status_msg": "n"}}, Refusal("m")),
        ({"base_resp": "x"}, Refusal()),
        # OpenRouter's, with the provider's own words
        ({"error": {"message": "m", "metadata": {"raw": "n"}}}, Refusal("m (n)")),
        ({"error": {"message": "m n", "metadata": {"raw": "n"}}}, Refusal("m n")),
        ({"error": {"metadata": {"raw": "n"}}}, Refusal("n")),
        (
            {"error": {"message": "m", "metadata": {"raw": '{"error": {"message": "n"}}'}}},
            Refusal("m (n)"),
        ),
        ({"error": {"message": "m", "metadata": "x"}}, Refusal("m")),
        (
            {"error": {"message": "m", "metadata": {"flagged_input": "x"}}},
            Refusal("m", flagged=True),
        ),
        # JSON within a message
        ({"message": '{"error": {"message": "m"}}'}, Refusal("m")),
        ({"message": ' [{"message": "m"}]'}, Refusal("m")),
        ({"message": "{oops"}, Refusal("{oops")),
        ({"message": "{}"}, Refusal("{}")),
        ({"message": " m "}, Refusal("m")),
        ({"message": '"m"'}, Refusal('"m"')),
        ({"message": '{"message": "m\ud83d"}'}, Refusal("m?")),
        ({"message": {"message": "m"}}, Refusal("m")),
        ({"message": ["m", "n"]}, Refusal("m; n")),
        ({"message": '{"a": "\ud83d"}'}, Refusal('{"a": "\ud83d"}'.replace("\ud83d", " "))),
        # Tidy texts
        ("a\n\t b\x00c", Refusal("a b c")),
        (LONG, Refusal(LONG[:2000])),
        ({"errors": [LONG, "m"]}, Refusal(LONG[:2000])),
    ],
)
def test_each_shape_has_its_parts(value: Any, refusal: Refusal) -> None:
    assert from_json(value) == refusal


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "broken"}', "broken"),
        (b"broken", "broken"),
        (b"a < b", "a < b"),
        (b"a > b", "a > b"),
        (b"a &amp; b < c", "a &amp; b < c"),
        ("grün \xff".encode("latin-1"), "gr\ufffdn \ufffd"),
        (b"<html><title>502  Bad\nGateway</title><h1>x</h1></html>", "502 Bad Gateway"),
        (b'<html><H1 class="a">Sorry</H1>later</html>', "Sorry"),
        (b"<p>a &amp; b</p><script>c\n()</script><STYLE>d</STYLE><p>e</p>", "a & b e"),
        (b"<title></title>x", ""),
        (b"x" * 5000, "x" * 2000),
        (b" " * 4000 + b"x", ""),
    ],
)
def test_a_body_is_json_or_text_or_a_page(body: bytes, message: str) -> None:
    assert read(body) == Refusal(message)


@pytest.mark.parametrize(
    ("refusal", "is_empty"),
    [
        (Refusal(), True),
        (Refusal(param="p"), True),
        (Refusal("m"), False),
        (Refusal(code="c"), False),
        (Refusal(type="t"), False),
    ],
)
def test_a_refusal_without_message_and_codes_is_empty(refusal: Refusal, is_empty: bool) -> None:
    assert refusal.is_empty is is_empty


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("400", 400),
        ("599", 599),
        ("399", None),
        ("600", None),
        ("40", None),
        ("4000", None),
        ("x", None),
        ("", None),
        ("\u0664\u0660\u0660", None),
    ],
)
def test_a_code_may_be_a_status(code: str, status: int | None) -> None:
    assert Refusal(code=code).status == status


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        *[
            (Refusal(code=one), Kind.CONTEXT)
            for one in ("context_length_exceeded", "CONTEXT-WINDOW")
        ],
        (Refusal(type="string_above_max_length"), Kind.CONTEXT),
        *[(Refusal(code=one), Kind.FILTER) for one in ("content_filter", "ResponsibleAIPolicy")],
        *[(Refusal(code=one), Kind.BALANCE) for one in ("insufficient_quota", "billing_error")],
        *[(Refusal(type=one), Kind.RATE) for one in ("rate_limit_error", "RESOURCE_EXHAUSTED")],
        *[(Refusal(type=one), Kind.AUTH) for one in ("invalid_api_key", "UNAUTHENTICATED")],
        (Refusal("prompt is too long"), Kind.CONTEXT),
        (Refusal("Safety System"), Kind.FILTER),
        (Refusal("Out of credits"), Kind.BALANCE),
        (Refusal("Too Many Requests"), Kind.RATE),
        (Refusal("invalid API key"), Kind.AUTH),
        (Refusal("prompt is too long", flagged=True), Kind.FILTER),
        (Refusal("no", flagged=True), Kind.FILTER),
        # A code has precedence over words and flags.
        (Refusal("prompt is too long", code="rate_limit"), Kind.RATE),
        (Refusal("no", code="rate_limit", flagged=True), Kind.RATE),
        (Refusal("no"), Kind.OTHER),
        (Refusal(), Kind.OTHER),
    ],
)
def test_the_kind_is_in_the_code_or_the_words(refusal: Refusal, kind: Kind) -> None:
    assert kind_of(refusal) is kind


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (None, None),
        ("broken", None),
        ({}, None),
        ([], None),
        ([{"choices": []}, {"error": "broken"}], Refusal("broken")),
        ([{"choices": []}], None),
        ({"error": "broken"}, Refusal("broken")),
        ({"error": {"code": 500}}, Refusal(code="500")),
        ({"errors": ["broken"]}, Refusal("broken")),
        ({"errors": ["broken"], "choices": []}, Refusal("broken")),
        ({"fault": {"faultstring": "broken"}, "data": []}, Refusal("broken")),
        ({"fault": {"faultstring": "broken"}}, Refusal("broken")),
        ({"error": "broken", "choices": [{}]}, Refusal("broken")),
        ({"object": "error", "choices": []}, Refusal()),
        ({"type": "error", "data": []}, Refusal(type="error")),
        ({"message": "broken"}, Refusal("broken")),
        ({"message": "", "code": 500}, None),
        ({"message": "fine", "choices": []}, None),
        ({"message": "fine", "data": []}, None),
        ({"message": "fine", "usage": {}}, None),
        ({"message": "fine", "candidates": []}, None),
        ({"message": "broken", "choices": None}, Refusal("broken")),
        ({"choices": "x"}, None),
        ({"choices": [{"finish_reason": "stop"}]}, None),
        ({"choices": ["x", {"finish_reason": "error"}]}, Refusal(type="error")),
        ({"choices": [{}, {"error": {"message": "broken"}}]}, Refusal("broken")),
        (
            {"choices": [{"finish_reason": "error", "error": {"message": "broken"}}]},
            Refusal("broken"),
        ),
    ],
)
def test_an_answer_may_be_an_error(answer: Any, refusal: Refusal | None) -> None:
    assert error_in(answer) == refusal
