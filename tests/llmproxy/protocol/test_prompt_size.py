"""The size of a prompt is the sum over the kinds of its characters, its media and its messages."""

from typing import Any

import pytest

from llmproxy.protocol import media
from llmproxy.protocol.estimate import PromptSize, prompt_size, text_size, text_tokens

A = "A" * 4000
FRAME = 16  # a request with one message


def of_text(text: str) -> tuple[int, int]:
    size = text_size([text], token_ids=0, prompts=0)
    return size.likely, size.ceiling


@pytest.mark.parametrize(
    ("text", "likely", "ceiling"),
    [
        ("", 0, 0),
        ("a" * 100, 20, 34),
        ("A" * 10, 5, 11),
        ("1" * 100, 50, 90),
        ("\n" * 100, 15, 34),
        ("ü" * 50, 33, 75),
        ("!" * 100, 60, 90),
        ("a" * 100 + "A" * 100, 65, 144),
        ("a" * 100 + "!" * 100, 80, 124),
        # A space may be a token of its own, where nothing else is.
        (" " * 100, 15, 100),
        (" " * 100 + "a" * 100, 35, 100),
        (" " * 100 + "A" * 100, 60, 144),
        ("a", 1, 1),
        ("a" * 6, 2, 3),
        ("\ud800" * 100, 60, 90),
    ],
)
def test_each_kind_of_character_has_its_figures(text: str, likely: int, ceiling: int) -> None:
    assert of_text(text) == (likely, ceiling)


def test_texts_are_measured_together() -> None:
    assert text_size(["a", "a"], token_ids=0, prompts=2) == PromptSize(1, 1 + 16, 2)
    assert text_size(["aA"], token_ids=0, prompts=1) == PromptSize(1, 2 + 8, 1)


def test_a_token_id_is_a_token() -> None:
    assert text_size([], token_ids=7, prompts=1) == PromptSize(7, 7 + 8, 1)
    assert text_size(["a" * 100], token_ids=7, prompts=3) == PromptSize(27, 41 + 24, 3)


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_a_text_of_unknown_kind_has_four_characters_in_a_token(
    characters: int, tokens: int
) -> None:
    assert text_tokens(characters) == tokens


def extra(body: dict[str, Any]) -> tuple[int, int]:
    """Return the size beyond an empty request with one message."""
    size = prompt_size(body, tuple(body))
    return size.likely, size.ceiling - FRAME


@pytest.mark.parametrize(
    ("value", "likely", "ceiling"),
    [
        ("a" * 100, 20, 34),
        (["a" * 50, "a" * 50], 20, 34),
        ({"a" * 50: "a" * 50}, 20, 34),
        (5, 1, 2),
        ([1, 2.5, True, None], 4, 8),
        ({"a" * 100: [1, {"a" * 100: 2}]}, 42, 72),
    ],
)
def test_names_texts_and_scalars_are_read(value: Any, likely: int, ceiling: int) -> None:
    assert extra({"system": value}) == (likely, ceiling)


@pytest.mark.parametrize(
    ("part", "likely", "ceiling"),
    [
        # A link counts as an image, because the provider fetches it; only its text is text.
        ({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, 1001, 2002),
        ({"type": "input_image", "image_url": "https://x.example/a.png"}, 1001, 2002),
        ({"type": "image", "source": {"type": "url", "url": "u"}}, 1001, 2002),
        ({"type": "input_audio", "url": "u"}, 1001, 2002),
        ({"type": "file", "file": {"file_id": "f"}}, 1001, 2002),
        ({"type": "input_file", "file_url": "u"}, 1001, 2002),
        ({"type": "video_url", "video_url": {"url": "u"}, "text": "a" * 100}, 1020, 2034),
    ],
)
def test_a_link_to_a_medium_counts_as_an_image(part: Any, likely: int, ceiling: int) -> None:
    names, names_ceiling = of_text("".join(part))

    found = extra({"system": part})

    assert found[0] in (likely + names, likely + names - 1)
    assert found[1] in (ceiling + names_ceiling, ceiling + names_ceiling - 1)


def test_a_medium_counts_by_its_kind_beside_the_text() -> None:
    image = {"url": "data:image/png;base64," + A}

    assert extra({"system": [image, "a" * 100]}) == (
        1000 + of_text("a" * 100 + "url")[0],
        2000 + of_text("a" * 100 + "url")[1],
    )
    assert extra({"system": [image, image]})[0] == 2000 + of_text("urlurl")[0]


def test_the_shortest_data_that_counts_as_a_medium() -> None:
    assert extra({"system": [{"image_data": "A" * media.SHORTEST}]})[0] > 900
    assert extra({"system": [{"image_data": "A" * (media.SHORTEST - 1)}]})[0] < 900


def test_a_part_with_its_data_is_read_with_its_other_fields() -> None:
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": A}}
    names = "typefilefilefilenamea.pdffile_data"

    assert extra({"system": part}) == (1000 + of_text(names)[0], 2000 + of_text(names)[1])


def test_a_type_that_is_no_text_is_only_a_field() -> None:
    assert extra({"system": {"type": ["image"]}}) == of_text("typeimage")


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"messages": []}, 0),
        ({"messages": [{}, {}, {}]}, 3),
        ({"input": [{}, {}]}, 2),
        ({"messages": [{}], "input": [{}, {}]}, 1),
        ({"input": "text"}, 1),
        ({}, 1),
    ],
)
def test_each_message_has_a_frame_and_the_request_too(body: Any, messages: int) -> None:
    assert prompt_size(body, ()) == PromptSize(0, 8 + 8 * messages)


def test_the_fields_that_the_model_reads_are_measured() -> None:
    text = "a" * 100
    read = ("messages", "tools", "functions", "response_format")
    body = {**dict.fromkeys(read, text), "user": text, "model": text}

    assert prompt_size(body) == PromptSize(80, 136 + FRAME)
    assert prompt_size(body, ("user",)) == PromptSize(20, 34 + FRAME)
