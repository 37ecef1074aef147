"""The calls of scripts are written as hiredis writes them, the arguments as one."""

import hiredis
import orjson
import pytest

from tokens.limits.redis_link import Script


@pytest.mark.parametrize("keys", [(), ("window:{1}",), ("window:é",), ("window:{1}", "{1}:key:é")])
@pytest.mark.parametrize("text", ["return 1", "return 'é … 1'"])
def test_a_call_is_the_one_that_hiredis_writes(text: str, keys: tuple[str, ...]) -> None:
    script, arguments = Script(text), ("admit", 60_000, -1, "s12", "é")
    rest = (str(len(keys)), *keys, orjson.dumps(arguments).decode())

    by_digest = hiredis.pack_command(("EVALSHA", script.digest, *rest))  # type: ignore[arg-type]
    assert script.command(keys, arguments) == by_digest
    by_text = hiredis.pack_command(("EVAL", text, *rest))  # type: ignore[arg-type]
    assert script.command(keys, arguments, is_cached=False) == by_text
