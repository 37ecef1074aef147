"""The demo upstream: an OpenAI-compatible server in a process of its own.

``make run`` serves its catalog when no provider key is set, and the tests use it as the far end
of the wire. It streams, counts what it says with a tokenizer of its own, reports just that, and
breaks in every way providers do, on demand.

    python -m devserver.upstream --port 0 [--host 127.0.0.1] [--pace MS] [--no-journal]

A directive in any message (or legacy prompt, or embedding input) steers one request:

    [[n=100,d=20]]                  100 tokens, 20 ms between them
    [[first=500]]                   nothing for 500 ms
    [[prompt=1200,cached=800]]      report so many prompt tokens, of them so many cached
    [[cost=0.0123]]                 report this ``usage.cost``, as OpenRouter does
    [[reasoning=20]]                20 ``reasoning`` tokens before the text
    [[tool]] or [[tool=NAME]]       call a tool that the request offers
    [[later=2]]                     the usage lookup answers at the third request
    [[status=429,retry_after=3]]    an error status, with Retry-After
    [[fault=cut,after=5]]           break after five tokens (``faults`` lists the names)
    [[fault=gzip+crlf]]             several at once
    [[status=503,times=2,id=a1]]    only the first two requests that carry this id

A JSON answer takes as long as the stream of the same tokens would. A client that leaves is
noticed at once: a stream stops there, and the journal says ``cancelled`` and how many token
chunks were written; a JSON answer is whole all the same, and billed, as providers do.

How the files fit: ``server`` (bytes) → ``app`` (which answer) → ``endpoints`` (``validation``,
``directives``, ``faultbook``, ``generation`` → a ``job``) → ``stream_delivery`` or
``json_delivery`` (with ``breakage``); ``journal`` remembers, ``usage_lookup`` and ``control`` tell;
``process`` runs it for tests.
"""
