"""Answers of a loopback server that are known beforehand."""

from __future__ import annotations

from typing import Self, TypeAlias

from nexiom_sdk.testing.answers import Answer, DropUnread, Fault, Received

_Turn: TypeAlias = tuple[list[Answer | Fault], Answer | Fault | None]


class Script:
    """Answers that are known beforehand, given in their order.

    Args:
        answers: One for each request that no route takes.
        then: What all further requests get; None: a further one fails the test.

    Example:
        >>> script = Script(then=Answer(404)).on("GET /jobs/7", Answer(503), then=Answer.json({"done": True}))
        >>> look = Received(method="GET", target="/jobs/7", headers={})
        >>> [script(look).status for _ in range(3)]
        [503, 200, 200]
    """

    def __init__(self, *answers: Answer | Fault, then: Answer | Fault | None = None) -> None:
        self._rest: _Turn = (list(answers), then)
        self._routes: dict[str, _Turn] = {}

    def on(self, route: str, *answers: Answer | Fault, then: Answer | Fault | None = None) -> Self:
        """Answers for one method and path, such as `GET /jobs/7`."""
        self._routes[route] = (list(answers), then)
        return self

    def __call__(self, received: Received, /) -> Answer | Fault:
        """The next answer."""
        answers, then = self._turn(received)
        answer = answers.pop(0) if answers else then
        if answer is None:
            raise AssertionError(f"the script has no answer left for {received.method} {received.path}")
        return answer

    def at_head(self, head: Received, /) -> DropUnread | None:
        """The next answer if it comes before the body."""
        answers, then = self._turn(head)
        following = answers[0] if answers else then
        if not isinstance(following, DropUnread):
            return None
        del answers[:1]
        return following

    def _turn(self, received: Received) -> _Turn:
        return self._routes.get(f"{received.method} {received.path}", self._rest)
