"""The calls of scripts are written as hiredis writes them."""

import hiredis
import pytest

from tokens.limits.redis_link import Script, bulks


@pytest.mark.parametrize("keys", [(), ("window:{1}",), ("window:{1}", "window:{1}:key:2")])
@pytest.mark.parametrize("text", ["return 1", "return 'é … 1'"])
def test_a_call_is_the_one_that_hiredis_writes(text: str, keys: tuple[str, ...]) -> None:
    script, words = Script(text), ("admit", 60_000, -1, "s12", "")
    arguments = len(words), bulks(*words)
    rest = (len(keys), *keys, *words)

    assert script.command(keys, arguments) == hiredis.pack_command(
        ("EVALSHA", script.digest, *rest)  # type: ignore[arg-type]  # any length
    )
    assert script.command(keys, arguments, is_cached=False) == hiredis.pack_command(
        ("EVAL", text, *rest)  # type: ignore[arg-type]  # any length
    )
