"""Images, audio, video and documents are told from text, and estimated by kind and size."""

from typing import Any

import pytest

from llmproxy.protocol.media import IMAGE, SHORTEST, Size, has_data, size_of

A = "A" * 400_000  # 300,000 bytes
AUDIO, VIDEO, DOCUMENT = Size(200, 400), Size(300, 600), Size(3000, 6000)


def likely(size: int) -> Size:
    return Size(size, 2 * size)


@pytest.mark.parametrize(
    ("start", "size"),
    [
        ("data:image/png;base64,", IMAGE),
        ("data:image/svg+xml;charset=utf-8;base64,", IMAGE),
        ("data:audio/wav;base64,", AUDIO),
        ("data:video/mp4;base64,", VIDEO),
        ("data:application/pdf;base64,", DOCUMENT),
        ("data:text/x-python;base64,", DOCUMENT),
    ],
)
def test_the_kind_of_a_data_url_is_its_media_type(start: str, size: Size) -> None:
    assert size_of("anything", start + A, {}) == size


@pytest.mark.parametrize(
    ("kind", "encoded", "size"),
    [
        ("image/png", 4_000_000, IMAGE),
        ("audio/mp3", 400_000, likely(200)),  # 300,000 bytes
        ("audio/mp3", 400_004, likely(201)),
        ("video/mp4", 4_000_000, likely(3000)),
        ("application/pdf", 400_000, likely(3000)),
    ],
)
def test_all_but_images_are_estimated_by_their_size(kind: str, encoded: int, size: Size) -> None:
    assert size_of("url", f"data:{kind};base64," + "A" * encoded, {}) == size


@pytest.mark.parametrize(
    ("beside", "size"),
    [
        ({}, DOCUMENT),
        *[
            ({"format": one}, AUDIO)
            for one in ["wav", "mp3", "flac", "opus", "pcm16", "aac", "ogg", "m4a"]
        ],
        *[({"format": one}, VIDEO) for one in ["mp4", "webm", "mov", "mpeg"]],
        *[({"format": one}, IMAGE) for one in ["png", "jpg", "jpeg", "gif", "webp"]],
        ({"media_type": "audio/x-something"}, AUDIO),
        ({"mime_type": "video/x-something"}, VIDEO),
        ({"mimeType": "image/x-something"}, IMAGE),
        ({"type": "input_audio"}, AUDIO),
        ({"filename": "Speech.WAV"}, AUDIO),
        ({"filename": "a.pdf"}, DOCUMENT),
        ({"format": 5, "filename": "a.png"}, IMAGE),
        # The first of the kinds that fit: audio, video, image.
        ({"media_type": "video/mp4", "format": "wav"}, AUDIO),
        ({"media_type": "image/png", "format": "mp4"}, VIDEO),
        ({"media_type": "application/json", "format": "png"}, IMAGE),
    ],
)
def test_the_kind_of_plain_base64_is_in_the_fields_beside_it(beside: Any, size: Size) -> None:
    assert size_of("data", A, {**beside, "data": A}) == size


@pytest.mark.parametrize(
    ("field", "size"),
    [
        ("image_data", IMAGE),
        ("image", IMAGE),
        ("b64_json", IMAGE),
        ("audio_data", AUDIO),
        ("audio", AUDIO),
        ("video_data", VIDEO),
        ("file_data", DOCUMENT),
        ("bytes", DOCUMENT),
        ("content", None),
        ("text", None),
    ],
)
def test_plain_base64_is_a_medium_only_in_fields_for_media(field: str, size: Size | None) -> None:
    assert size_of(field, A, {}) == size


def test_the_size_of_plain_base64_counts() -> None:
    assert size_of("file_data", "A" * 400_000, {}) == likely(3000)
    assert size_of("audio", "A" * 400_000, {}) == likely(200)


@pytest.mark.parametrize(
    "text", ["not base64! " * 100, "data:image/png," + A, "https://x.example/"]
)
def test_other_text_is_text(text: str) -> None:
    assert size_of("data", text, {}) is None


@pytest.mark.parametrize(("kind", "least"), [("audio", 20), ("video", 300), ("application", 1000)])
def test_a_small_medium_has_a_least_size(kind: str, least: int) -> None:
    assert size_of("url", f"data:{kind}/x;base64," + "A" * 300, {}) == likely(least)


def test_only_the_beginning_is_looked_at() -> None:
    assert size_of("data", "A" * 4096 + "!", {}) == likely(1000)
    assert size_of("data", "A" * 4095 + "!", {}) is None
    assert size_of("data", "!" + "A" * 5000, {}) is None


def test_a_short_text_is_text() -> None:
    assert size_of("data", "A" * (SHORTEST - 1), {}) is None
    assert size_of("data", "A" * SHORTEST, {}) == likely(1000)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + A}}, True),
        ({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, False),
        ({"type": "input_audio", "input_audio": {"data": A, "format": "wav"}}, True),
        ({"content": [{"text": "hm"}, {"source": [{"data": A}]}]}, True),
        ({"source": {"data": A}, "content": ["hm", 5]}, True),
        ({"content": [{"text": A}, 5, None]}, False),
        ({"name": "a", "data": A}, True),
        ("data:image/png;base64," + A, False),
        (None, False),
    ],
)
def test_a_part_has_data_or_only_a_reference(part: Any, expected: bool) -> None:
    assert has_data(part) is expected
