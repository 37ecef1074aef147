"""The possible faults, by name.

``fault=`` takes one name or several joined by ``+`` (``fault=gzip+crlf``). ``after=K`` places a
mid-stream fault behind the K-th token; ``after=0`` behind the response head, before any event.
A JSON answer has no middle of tokens: there such a fault strikes after half of the body.
"""

# Instead of an answer.
BEFORE_HEAD = frozenset({"refuse_headers", "stall_first", "status", "error_in_200"})
# In the middle (`flood` is 100 MB that end nothing); all of these but `garbage` end the answer.
MIDWAY = frozenset(
    {
        "cut",
        "cut_tcp",
        "reset_mid_chunk",
        "stall_between",
        "error_chunk",
        "error_chunk_str",
        "garbage",
        "flood",
    }
)
# A whole answer whose usage is told oddly.
USAGE = frozenset({"no_usage", "usage_empty_choices", "usage_twice", "usage_zero", "usage_every"})
# A whole answer that is longer than max_tokens allows.
DEAF = frozenset({"deaf"})
# A whole stream that lacks `[DONE]`, on a connection that stays open.
HANGING = frozenset({"hang_on"})
# A whole answer in odd text: tokens of forty dashes, or half of an emoji before each token.
TEXT = frozenset({"wide", "halves"})
# A whole answer in odd bytes.
BYTES = frozenset({"gzip", "big_chunk", "split", "comments", "crlf"})
FAULTS = BEFORE_HEAD | MIDWAY | USAGE | DEAF | HANGING | TEXT | BYTES
