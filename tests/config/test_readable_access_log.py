"""In development a request's line has its level, its logger and what happened."""

import logging

from core.logs import ACCESS, AccessRecord, logging_config


def test_the_line_of_a_request() -> None:
    options = dict(logging_config(level="INFO", as_json=False)["formatters"]["line"])
    line = options.pop("()")(**options).format(
        AccessRecord(method="GET", path="/a", status=200, user_id=1, ms=1.0, request_id="r")
    )

    for told in ("info", "request", ACCESS, "method=GET", "status=200"):
        assert told in line
    assert logging.getLevelName(logging.INFO).lower() in line
