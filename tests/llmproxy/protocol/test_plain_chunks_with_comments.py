"""A comment may have bytes that are not UTF-8; the chunk beside it is read all the same."""

from llmproxy.protocol.plain import PlainChunks


def test_a_comment_in_another_charset_does_no_harm() -> None:
    chunks = PlainChunks()

    chunks.learn(b': \xe9\ndata: {"delta":{"text":"a"}}\n\n', {"text": "a"})

    assert chunks.text(b': \xe9\ndata: {"delta":{"text":"b"}}\n\n') is None
