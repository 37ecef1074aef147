"""Compressed request bodies: read within the bound of plain ones, or refused with what is read."""

import gzip
import zlib

import orjson
import pytest

from tests.developer import MODEL, Make

CHAT = "/api/llm/chat/completions"
BODY = orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]})
BARE = zlib.compressobj(wbits=-15)
DEFLATED = BARE.compress(BODY) + BARE.flush()


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(BODY, mtime=0), 200),
        ("X-GZIP", gzip.compress(BODY, mtime=0), 200),
        ("deflate", zlib.compress(BODY), 200),
        ("deflate", DEFLATED, 200),
        ("identity", BODY, 200),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY), mtime=0), 200),
        ("gzip", BODY, 400),
        ("gzip", gzip.compress(BODY, mtime=0)[:-9], 400),
        ("gzip", gzip.compress(b" " * 40_000_000 + BODY, mtime=0), 413),
        ("br", b"x", 415),
        ("zstd", b"x", 415),
        ("gzip, gzip, gzip, gzip", BODY, 415),
    ],
    ids=[
        "gzip",
        "x-gzip",
        "deflate",
        "bare deflate",
        "identity",
        "two layers",
        "not gzip",
        "cut gzip",
        "gzip bomb",
        "br",
        "zstd",
        "many layers",
    ],
)
def test_encoded_bodies_are_decoded_or_refused(
    developer: Make, encoding: str, body: bytes, status: int
) -> None:
    answer = developer().http.post(CHAT, content=body, headers={"Content-Encoding": encoding})

    assert answer.status_code == status, answer.text
    if status == 415:
        assert "gzip, deflate" in answer.json()["error"]["message"]
