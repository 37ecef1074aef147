"""Everything the demo upstream breaks on demand, on streams and in JSON answers."""

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from devserver.upstream.client import MODEL, chat, events, open_stream, post, tokens
from tests.fakes.upstream_process import UpstreamProcess
from tests.waiting import wait_for

USAGE = {"include_usage": True}
# It waits only for what never comes.
IMPATIENT = httpx.Timeout(120, read=0.3)


@pytest.fixture(scope="module")
def process() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def upstream(process: UpstreamProcess) -> UpstreamProcess:
    process.clear()
    return process


def streamed(upstream: UpstreamProcess, directive: str, **options: Any) -> list[Any]:
    body = chat(f"[[{directive}]]", stream=True, stream_options=USAGE)
    return events(post(upstream, body, **options).text)


def read_until_it_breaks(upstream: UpstreamProcess, directive: str) -> tuple[str, Exception]:
    received = b""
    with open_stream(upstream, chat(f"[[{directive}]]")) as response:
        try:
            for data in response.iter_raw():
                received += data
        except httpx.HTTPError as error:
            return received.decode(), error
    raise AssertionError("the stream ended well")


def last_entry(upstream: UpstreamProcess) -> dict[str, Any]:
    return upstream.journal(last=1)[0]


@pytest.mark.parametrize("stream", [True, False])
def test_refuse_headers_resets_before_the_head(upstream: UpstreamProcess, stream: bool) -> None:
    with pytest.raises(httpx.ReadError):
        post(upstream, chat("[[fault=refuse_headers]]", stream=stream))
    assert last_entry(upstream)["outcome"] == "fault"


@pytest.mark.parametrize("stream", [True, False])
def test_stall_first_says_nothing(upstream: UpstreamProcess, stream: bool) -> None:
    with pytest.raises(httpx.ReadTimeout):
        post(upstream, chat("[[fault=stall_first]]", stream=stream), timeout=IMPATIENT)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 401, 402, 403, 408, 412, 429, 500, 502, 503, 504, 529])
def test_a_fault_may_answer_with_any_status(
    upstream: UpstreamProcess, status: int, stream: bool
) -> None:
    response = post(upstream, chat(f"[[status={status},retry_after=3]]", stream=stream))
    assert response.status_code == status
    assert response.headers["retry-after"] == "3"
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert (last_entry(upstream)["outcome"], last_entry(upstream)["status"]) == ("fault", status)


def test_openais_package_knows_the_status(upstream: UpstreamProcess) -> None:
    client = openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "[[status=429]]"}]
        )


@pytest.mark.parametrize("stream", [True, False])
def test_error_in_200(upstream: UpstreamProcess, stream: bool) -> None:
    response = post(upstream, chat("[[fault=error_in_200]]", stream=stream))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == 502


def test_cut_ends_cleanly_without_done(upstream: UpstreamProcess) -> None:
    chunks = streamed(upstream, "n=10,fault=cut,after=4")
    assert len(tokens(chunks)) == 4
    assert "[DONE]" not in chunks
    entry = last_entry(upstream)
    assert (entry["outcome"], entry["chunks_sent"], entry["reported"]) == ("fault", 4, None)


def test_a_cut_after_nothing_sends_only_the_head(upstream: UpstreamProcess) -> None:
    response = post(upstream, chat("[[fault=cut,after=0]]", stream=True))
    assert (response.status_code, response.content) == (200, b"")


def test_a_cut_after_everything_misses_the_end(upstream: UpstreamProcess) -> None:
    chunks = streamed(upstream, "n=3,fault=cut,after=99")
    assert len(tokens(chunks)) == 3
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)


def test_cut_tcp_closes_in_the_middle(upstream: UpstreamProcess) -> None:
    text, error = read_until_it_breaks(upstream, "n=10,fault=cut_tcp,after=4")
    assert len(tokens(events(text))) == 4
    assert isinstance(error, httpx.RemoteProtocolError)


def test_reset_mid_chunk_breaks_inside_an_event(upstream: UpstreamProcess) -> None:
    text, error = read_until_it_breaks(upstream, "n=10,fault=reset_mid_chunk,after=4")
    assert text.count('"delta":{"content":"') == 4
    assert not text.endswith("\n")
    assert isinstance(error, httpx.ReadError)


def test_stall_between_goes_silent_until_the_client_leaves(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, chat("[[n=10,fault=stall_between,after=2]]")) as response:
        arriving, received = response.iter_text(), ""
        while len(tokens(events(received))) < 2:
            received += next(arriving)
        assert last_entry(upstream)["outcome"] == "running"
    entry = wait_for_end(upstream)
    assert (entry["outcome"], entry["chunks_sent"]) == ("cancelled", 2)


def wait_for_end(upstream: UpstreamProcess) -> dict[str, Any]:
    wait_for(lambda: last_entry(upstream)["outcome"] != "running")
    return last_entry(upstream)


def test_garbage_is_one_bad_line_in_a_stream(upstream: UpstreamProcess) -> None:
    text = post(upstream, chat("[[n=5,fault=garbage,after=2]]", stream=True)).text
    bad = [line for line in text.splitlines() if line.endswith('"del')]
    assert len(bad) == 1
    good = events(text.replace(bad[0], ""))
    assert len(tokens(good)) == 5
    assert good[-1] == "[DONE]"


@pytest.mark.parametrize("fault", ["garbage", "cut"])
def test_half_a_json_body(upstream: UpstreamProcess, fault: str) -> None:
    response = post(upstream, chat(f"[[fault={fault}]]"))
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        response.json()
    assert last_entry(upstream)["reported"] is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [("cut_tcp", httpx.RemoteProtocolError), ("reset_mid_chunk", httpx.ReadError)],
)
def test_a_json_body_that_breaks_off(
    upstream: UpstreamProcess, fault: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        post(upstream, chat(f"[[fault={fault}]]"))


def test_a_json_body_that_stalls(upstream: UpstreamProcess) -> None:
    with pytest.raises(httpx.ReadTimeout):
        post(upstream, chat("[[fault=stall_between]]"), timeout=IMPATIENT)


@pytest.mark.parametrize(("fault", "kind"), [("error_chunk", int), ("error_chunk_str", str)])
def test_a_mid_stream_error(upstream: UpstreamProcess, fault: str, kind: type) -> None:
    chunks = streamed(upstream, f"n=9,fault={fault},after=3")
    assert len(tokens(chunks)) == 3
    assert isinstance(chunks[-1]["error"]["code"], kind)
    assert chunks[-1]["choices"][0]["finish_reason"] == "error"
    error = post(upstream, chat(f"[[fault={fault}]]")).json()["error"]
    assert isinstance(error["code"], kind)


def test_an_error_as_the_first_event(upstream: UpstreamProcess) -> None:
    chunks = streamed(upstream, "fault=error_chunk,after=0")
    assert [list(chunk)[-2] for chunk in chunks] == ["error"]


def usages(chunks: list[Any]) -> list[dict[str, Any]]:
    return [chunk["usage"] for chunk in chunks if chunk != "[DONE]" and chunk.get("usage")]


def test_a_fault_may_leave_out_the_usage(upstream: UpstreamProcess) -> None:
    assert usages(streamed(upstream, "n=4,fault=no_usage")) == []
    assert "usage" not in post(upstream, chat("[[fault=no_usage]]")).json()
    assert last_entry(upstream)["reported"] is None
    assert last_entry(upstream)["outcome"] == "finished"


def test_usage_with_empty_choices_comes_unasked(upstream: UpstreamProcess) -> None:
    body = chat("[[n=4,fault=usage_empty_choices]]", stream=True)
    *_, last, _ = events(post(upstream, body).text)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4


def test_usage_twice_is_counted_once(upstream: UpstreamProcess) -> None:
    first, second = usages(streamed(upstream, "n=4,fault=usage_twice"))
    assert first == second
    assert upstream.totals()["completion_tokens"] == 4


def test_a_fault_may_report_zero_usage(upstream: UpstreamProcess) -> None:
    (usage,) = usages(streamed(upstream, "n=4,fault=usage_zero"))
    assert usage["total_tokens"] == 0
    entry = last_entry(upstream)
    assert entry["reported"] == {"prompt_tokens": 0, "completion_tokens": 0}
    assert entry["completion_tokens"] == 4


def test_usage_on_every_chunk_grows(upstream: UpstreamProcess) -> None:
    chunks = streamed(upstream, "n=3,fault=usage_every")
    counts = [usage["completion_tokens"] for usage in usages(chunks)]
    assert counts == [0, 1, 2, 3, 3, 3]
    assert upstream.totals()["completion_tokens"] == 3


def test_gzip_in_pieces(upstream: UpstreamProcess) -> None:
    raw = b""
    with open_stream(upstream, chat("[[n=6,fault=gzip]]")) as response:
        assert response.headers["content-encoding"] == "gzip"
        for data in response.iter_raw():
            raw += data
    assert len(tokens(events(gzip.decompress(raw).decode()))) == 6
    answer = post(upstream, chat("[[n=6,fault=gzip]]"))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["usage"]["completion_tokens"] == 6


def test_a_big_chunk(upstream: UpstreamProcess) -> None:
    chunks = streamed(upstream, "n=4,fault=big_chunk,after=1")
    assert [len(text) > 4_000_000 for text in tokens(chunks)] == [False, True, False, False]
    assert usages(chunks)[0]["completion_tokens"] == 4
    answer = post(upstream, chat("[[n=4,fault=big_chunk]]")).json()
    assert len(answer["choices"][0]["message"]["content"]) > 4_000_000


def test_split_cuts_characters_and_field_names(upstream: UpstreamProcess) -> None:
    pieces: list[bytes] = []
    with open_stream(upstream, chat("[[n=40,fault=split]]")) as response:
        pieces.extend(response.iter_raw())
    assert any(piece == b"da" or piece.endswith(b"\nda") for piece in pieces)
    assert any(not decodes(piece) for piece in pieces)
    assert len(tokens(events(b"".join(pieces).decode()))) == 40
    answer = post(upstream, chat("[[n=40,fault=split]]")).json()
    assert answer["usage"]["completion_tokens"] == 40


def decodes(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_comments_stand_between_events(upstream: UpstreamProcess) -> None:
    text = post(upstream, chat("[[n=5,fault=comments]]", stream=True)).text
    assert text.startswith(": OPENROUTER PROCESSING\n\n")
    assert text.count(": OPENROUTER PROCESSING\n\n") > 5
    assert len(tokens(events(text))) == 5


def test_comments_come_while_the_first_token_is_awaited(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, chat("[[n=1,first=60000,fault=comments]]")) as response:
        assert next(response.iter_raw()) == b": OPENROUTER PROCESSING\n\n"


def test_crlf_ends_lines(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, chat("[[n=5,fault=crlf]]")) as response:
        raw = b"".join(response.iter_raw())
    assert raw.count(b"\n") == raw.count(b"\r\n") == 2 * 8


def test_faults_combine(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, chat("[[n=5,fault=gzip+crlf+comments]]")) as response:
        raw = gzip.decompress(b"".join(response.iter_raw()))
    assert raw.startswith(b": OPENROUTER PROCESSING\r\n\r\n")
    assert len(tokens(events(raw.decode()))) == 5


def test_a_fault_that_happens_so_many_times(upstream: UpstreamProcess) -> None:
    prompt = "[[status=503,times=2,id=a1]]"
    seen = [post(upstream, chat(prompt)).status_code for _ in range(4)]
    assert seen == [503, 503, 200, 200]
    assert post(upstream, chat(prompt.replace("a1", "b2"))).status_code == 503


def test_a_fault_set_for_a_model_lasts_until_cleared(upstream: UpstreamProcess) -> None:
    upstream.set_fault(model=MODEL, fault="status", status=529, retry_after=1)
    assert post(upstream, chat("hi")).status_code == 529
    assert post(upstream, {**chat("hi"), "model": "openai/gpt-5"}).status_code == 200
    upstream.clear()
    assert post(upstream, chat("hi")).status_code == 200


def test_a_fault_set_for_all_models_may_pass(upstream: UpstreamProcess) -> None:
    upstream.set_fault(fault="error_in_200", times=1)
    assert "error" in post(upstream, chat("hi")).json()
    assert "choices" in post(upstream, chat("hi")).json()


def test_a_set_fault_that_makes_no_sense_is_refused(upstream: UpstreamProcess) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        upstream.set_fault(model=MODEL, fault="misspelt")


def test_embeddings_break_as_well(upstream: UpstreamProcess) -> None:
    body = {"model": "openai/text-embedding-3-small", "input": "[[status=500]]"}
    assert post(upstream, body, "/embeddings").status_code == 500
