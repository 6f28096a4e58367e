"""Kling's server for tests: its present API and its older one, at one origin."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_OLDER = "/v1/videos/"
_OLDER_KINDS = frozenset({"text2video", "image2video", "omni-video"})
_PRODUCTS = frozenset({"text-to-video", "image-to-video", "omni-video"})
_CREATED_MS, _UPDATED_MS = 1795379712949, 1795379840102
_REFUSALS: Mapping[Refusal, tuple[int, int, str]] = {
    "moderated": (400, 1301, "Trigger the content security policy of the platform"),
    "no_credit": (429, 1102, "Resource pack exhausted or expired"),
    "bad_key": (401, 1002, "api key not found"),
    "busy": (429, 1303, "parallel task over resource pack limit"),
}
_REASONS: Mapping[Ending, str] = {
    "failed": "Internal error, please try again later",
    "moderated": "Failure to pass the risk control system",
}


class KlingWire(ProviderWire):
    """Kling's tasks at both APIs.

    An order needs an id of ours that was not used before. A token that a pair of keys signed opens the older API alone,
    and only at its time.

    Args:
        now: The server's time, for tokens; None: any whole token is good.
        settings: As of every server.

    Attributes:
        polls: How many calls looked at orders, however many orders each.
    """

    name = "kling"

    def __init__(self, *, now: Callable[[], datetime] | None = None, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]  # handed on
        self.now = now
        self.polls: int = 0
        self._ours: dict[str, str] = {}  # our id of an order to Kling's
        self._paths: dict[str, str] = {}  # Kling's id of an order to where it was made

    def __call__(self, received: Received) -> Answer | Fault:
        if not received.path.startswith("/results/"):
            problem = self._token_problem(received)
            if problem is not None:
                headers = {"date": format_datetime(self.now(), usegmt=True)} if self.now else {}
                return _problem(401, *problem, headers=headers)
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"api_key": "api-key-kling-not-a-real-one", "base_url": origin}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.strip("/").split("/"):
            case "POST", ["v1", "videos", kind] if kind in _OLDER_KINDS:
                return "submit"
            case "POST", [product, _] if product in _PRODUCTS:
                return "submit"
            case "GET", ["tasks"]:
                return "find" if "external_task_ids" in received.query else "poll"
            case "GET", ["v1", "videos", kind, what] if kind in _OLDER_KINDS:
                return "poll" if what.isdecimal() else "find"
            case "GET", ["results", _]:
                return "content"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        order_id = f"86728374175911{number:04}" if _older(received) else f"90193000460963{number:04}"
        self._ours[_reference(received)], self._paths[order_id] = order_id, received.path
        return Answer.json(_envelope(self._task(order_id, "submitted")))

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        return _problem(*_REFUSALS[refusal])

    def waiting(self, order_id: str) -> Answer:
        return Answer.json(_envelope(self._task(order_id, "submitted")))

    def running(self, order_id: str, progress: float) -> Answer:
        return Answer.json(_envelope(self._task(order_id, "processing")))

    def ended(self, order_id: str, ending: Ending) -> Answer:
        word = "failed" if ending in _REASONS else "succeed" if _is_older(order_id) else "succeeded"
        return Answer.json(_envelope(self._task(order_id, word, _REASONS.get(ending, ""))))

    def other(self, received: Received) -> Answer:
        if received.path == "/account/costs" and {"start_time", "end_time"} <= received.query.keys():
            return Answer.json(_envelope({"code": 0, "resource_pack_subscribe_infos": []}))
        if self.verb(received) != "find":
            return _problem(404, 1202, "The requested method is invalid")
        if received.path == "/tasks":
            found = self._ours.get(received.query["external_task_ids"][0])
            known = found is not None and not _is_older(found)
            return Answer.json(_envelope([self._task(found or "", "submitted")] if known else []))
        found = self._ours.get(self.order_id(received))
        return self.waiting(found) if found and self._is_at(received, found) else _NO_ORDER

    def id_in(self, answer: Answer) -> str:
        task = json.loads(answer.body)["data"]
        return str(task.get("id") or task["task_id"])

    def _ordered(self, received: Received) -> Answer | Fault:
        reference = _reference(received)
        if not reference or reference in self._ours:
            return _problem(400, 1201, "external_task_id is missing or was used before")
        return super()._ordered(received)

    def _looked_at(self, received: Received) -> Answer:
        self.polls += 1
        if received.path != "/tasks":
            return super()._looked_at(received) if self._is_at(received, self.order_id(received)) else _NO_ORDER
        asked = [one for one in received.query["task_ids"][0].split(",") if one in self._paths and not _is_older(one)]
        each = [super(KlingWire, self)._looked_at(_about(received, one)) for one in asked]
        return Answer.json(_envelope([json.loads(one.body)["data"] for one in each]))

    def _is_at(self, received: Received, order_id: str) -> bool:
        """Whether an order was made at the path below which it is asked for."""
        return self._paths.get(order_id) == received.path.rpartition("/")[0]

    def _token_problem(self, received: Received) -> tuple[int, str] | None:
        """What is wrong with the key or the token of a request."""
        scheme, _, token = received.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return 1001, "Authorization is empty"
        claims = _claims(token)
        if claims is None:
            return None
        if not (received.path.startswith(_OLDER) or received.path == "/account/costs"):
            return 1002, "a token opens the older API only"
        if self.now is None:
            return None
        now, begins, ends = self.now().timestamp(), claims.get("nbf"), claims.get("exp")
        if not isinstance(begins, int) or now < begins:
            return 1003, "Authorization is not yet valid"
        return None if isinstance(ends, int) and now < ends else (1004, "Authorization has expired")

    def _task(self, order_id: str, status: str, reason: str = "") -> dict[str, object]:
        ours = next((reference for reference, taken in self._ours.items() if taken == order_id), None)
        done = status.startswith("succeed")
        file = {
            "id": "860412345678901255",
            "url": f"{self.origin}/results/{order_id}.mp4?ksSecret=0f3c9a",
            "duration": "5",
        }
        if _is_older(order_id):
            shown: dict[str, object] = {"task_id": order_id, "task_status": status, "task_status_msg": reason}
            shown |= {"task_info": {"external_task_id": ours}, "created_at": _CREATED_MS, "updated_at": _UPDATED_MS}
            return {**shown, "task_result": {"videos": [file]}, "final_unit_deduction": "6"} if done else shown
        shown = {"id": order_id, "status": status, "message": reason, "external_id": ours}
        shown |= {"create_time": _CREATED_MS, "update_time": _UPDATED_MS}
        bill = {"charge_type": "unit", "amount": "6", "package_type": "video"}
        return {**shown, "outputs": [{"type": "video", **file}], "billing": [bill]} if done else shown


class OlderKlingWire(KlingWire):
    """The same for an adapter that has a pair of keys."""

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"access_key": "ak-not-a-real-one", "secret_key": "sk-not-a-real-one", "base_url": origin}


def _older(received: Received) -> bool:
    return received.path.startswith(_OLDER)


def _is_older(order_id: str) -> bool:
    return order_id.startswith("8672")


def _about(received: Received, order_id: str) -> Received:
    return Received(method="GET", target=f"{received.path}/{order_id}", headers=received.headers)


def _reference(received: Received) -> str:
    body = json.loads(received.body)
    return str(body.get("external_task_id") or body.get("options", {}).get("external_task_id") or "")


def _claims(token: str) -> Mapping[str, object] | None:
    """What a token says; None for an API key."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    claims: Mapping[str, object] = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return claims


def _envelope(data: object) -> dict[str, object]:
    return {"code": 0, "message": "SUCCEED", "request_id": "ed6ce13d-7c9b-48cc-ba5c-e4ba5c260a60", "data": data}


def _problem(status: int, code: int, message: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.json({"code": code, "message": message, "request_id": "ed6ce13d"}, status, headers=headers)


_NO_ORDER = _problem(404, 1203, "The requested resource does not exist")
