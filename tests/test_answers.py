from __future__ import annotations

import httpx
import pytest

from nexiom_sdk.testing import Answer, FormPart, Received

DATA = bytes(range(100))


def asked(**headers: str) -> Received:
    return Received(
        method="GET", target="/v.mp4", headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def posted(request: httpx.Request) -> Received:
    return Received(method="POST", target="/", headers=dict(request.headers), body=request.read())


def test_path_and_query_are_read_from_the_target() -> None:
    received = Received(method="GET", target="/jobs/a%2Fb?tag=x&tag=y%20z&none=&q=%3F", headers={})
    assert received.path == "/jobs/a%2Fb"
    assert received.query == {"tag": ("x", "y z"), "none": ("",), "q": ("?",)}
    assert Received(method="GET", target="/", headers={}).query == {}


def test_a_body_that_is_not_json_or_not_a_form_says_so() -> None:
    received = Received(method="POST", target="/jobs?key=secret", headers={"content-type": "text/plain"}, body=b"{")
    with pytest.raises(ValueError, match="line 1 column 2"):
        received.json()
    with pytest.raises(ValueError, match=r"^POST /jobs has no multipart body$"):
        received.form()


def test_the_parts_of_a_form_come_back_as_they_were_sent() -> None:
    picture = b"\r\n--\r\n\x00\xff--x\r\n\r\n"
    request = httpx.Request(
        "POST",
        "http://api.example",
        data={"prompt": "a fox\r\nin snow", "empty": ""},
        files={"first": ("лиса;狐.png", picture, "image/png"), "last": ("plain", b"")},
    )
    assert posted(request).form() == [
        FormPart(name="prompt", filename=None, media_type=None, data=b"a fox\r\nin snow"),
        FormPart(name="empty", filename=None, media_type=None, data=b""),
        FormPart(name="first", filename="лиса;狐.png", media_type="image/png", data=picture),
        FormPart(name="last", filename="plain", media_type="application/octet-stream", data=b""),
    ]


def test_json_says_what_it_is_and_keeps_other_headers() -> None:
    answer = Answer.json({"id": "é"}, 201, headers={"x-request-id": "r1"})
    assert (answer.status, answer.body) == (201, b'{"id": "\\u00e9"}')
    assert answer.headers == {"content-type": "application/json", "x-request-id": "r1"}


@pytest.mark.parametrize(
    ("wanted", "content_range", "part"),
    [
        ("bytes=0-", "bytes 0-99/100", DATA),
        ("bytes=10-19", "bytes 10-19/100", DATA[10:20]),
        ("bytes=99-99", "bytes 99-99/100", DATA[99:]),
        ("bytes=90-1000", "bytes 90-99/100", DATA[90:]),
        ("bytes=-7", "bytes 93-99/100", DATA[93:]),
        ("bytes=-1000", "bytes 0-99/100", DATA),
    ],
)
def test_a_part_of_a_file_is_given_as_asked(wanted: str, content_range: str, part: bytes) -> None:
    answer = Answer.file(DATA, etag='"v1"').to(asked(range=wanted))
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["etag"] == '"v1"'


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_part_that_the_file_does_not_have_is_refused(wanted: str) -> None:
    answer = Answer.file(DATA).to(asked(range=wanted))
    assert (answer.status, answer.body, answer.headers["content-range"]) == (416, b"", "bytes */100")


@pytest.mark.parametrize("wanted", ["bytes=20-10", "bytes=-", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", ""])
def test_what_is_no_single_range_gets_the_whole_file(wanted: str) -> None:
    answer = Answer.file(DATA)
    assert answer.to(asked(range=wanted)) is answer


@pytest.mark.parametrize(
    ("etag", "if_range", "status"),
    [
        ('"v1"', '"v1"', 206),
        ('"v1"', '"v2"', 200),
        (None, '"v1"', 200),
        ('"v1"', 'W/"v1"', 200),
        ('W/"1"', 'W/"1"', 200),
    ],
)
def test_a_download_goes_on_only_with_the_same_version_of_the_file(
    etag: str | None, if_range: str, status: int
) -> None:
    assert Answer.file(DATA, etag=etag).to(asked(range="bytes=5-", if_range=if_range)).status == status


def test_a_server_without_ranges_gives_the_whole_file_and_does_not_promise_parts() -> None:
    answer = Answer.file(DATA, ranges=False)
    assert answer.to(asked(range="bytes=5-")) is answer
    assert "accept-ranges" not in answer.headers
    assert Answer.file(DATA).headers["accept-ranges"] == "bytes"


def test_only_a_get_has_ranges() -> None:
    answer = Answer.file(DATA)
    assert answer.to(Received(method="HEAD", target="/", headers={"range": "bytes=5-"})) is answer


def test_reprs_are_short() -> None:
    assert repr(Answer.file(b"x" * 1000)) == (
        "Answer(status=200, headers={'content-type': 'video/mp4', 'accept-ranges': 'bytes'}, length=None, ranges=True)"
    )
