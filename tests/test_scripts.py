from __future__ import annotations

import pytest

from nexiom_sdk.providers.http import HttpClient, origin_of
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.testing import Answer, Drop, DropUnread, LoopbackServer, Received, Script


def asked(route: str) -> Received:
    method, target = route.split()
    return Received(method=method, target=target, headers={})


def test_answers_come_in_their_order_whatever_is_asked() -> None:
    script = Script(Answer(500), Drop(), Answer(201))
    assert [script(asked(route)) for route in ("GET /a", "POST /b", "GET /a")] == [Answer(500), Drop(), Answer(201)]


def test_a_route_has_answers_of_its_own_and_ignores_the_query() -> None:
    script = Script(Answer(404), then=Answer(410)).on("GET /jobs/7", Answer(503), then=Answer(200))
    script.on("POST /jobs/7", Answer(202))
    routes = ["GET /jobs/7?a=1", "POST /jobs/7", "GET /", "GET /jobs/7", "GET /jobs/7/", "GET /jobs/7"]
    assert [script(asked(route)) for route in routes] == [Answer(status) for status in (503, 202, 404, 200, 410, 200)]


def test_a_request_beyond_the_script_fails_the_test() -> None:
    script = Script(Answer())
    script(asked("GET /a"))
    with pytest.raises(AssertionError, match=r"^the script has no answer left for POST /jobs$"):
        script(asked("POST /jobs?key=secret"))


def test_only_an_answer_before_the_body_is_given_at_the_head_and_only_once() -> None:
    script = Script(Answer(), DropUnread(3), Answer(201))
    head = asked("PUT /file")
    assert script.at_head(head) is None
    assert script(head) == Answer()
    assert script.at_head(head) == DropUnread(3)
    assert script.at_head(head) is None
    assert script(head) == Answer(201)
    assert script.at_head(head) is None


def test_a_last_word_before_the_body_stays() -> None:
    script = Script().on("PUT /file", then=DropUnread())
    assert [script.at_head(asked("PUT /file")) for _ in range(2)] == [DropUnread()] * 2
    assert script.at_head(asked("GET /file")) is None


async def test_a_server_answers_what_its_script_says() -> None:
    script = Script().on("GET /jobs/7", Answer(503), then=Answer.json({"id": 7}))
    async with LoopbackServer(script) as server:
        client = HttpClient(HttpOptions(), trusted=[origin_of(server.origin)])
        seen = [await client.send(Call("GET", f"{server.origin}/jobs/7"), provider="Acme") for _ in range(3)]
        await client.aclose()
    assert [(one.status, one.body) for one in seen if isinstance(one, Reply)] == [
        (503, b""),
        *[(200, Answer.json({"id": 7}).body)] * 2,
    ]
