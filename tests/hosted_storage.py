"""Supabase Storage as the source of the hosted service says that it behaves, where `@supabase/lite` behaves otherwise.

Lists go one folder deep and do not see case, names are plain, refusals are status 400 with the real one inside, an
upload takes its place at once when its body has ended.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from nexiom_sdk.testing import Answer, Received

KEY = "sb_secret_CANARY-0123456789"
_NAME = re.compile(r"[\w/!\-.*'() &$@=;:+,?]*", re.ASCII)
_MOST_ENTRIES = 1500


class HostedStorage:
    """The answers of one project.

    Args:
        public: Buckets that anybody may read.
        key: What must come as `apikey`.

    Attributes:
        objects: Bytes, media type and moment by `bucket/path`.
    """

    def __init__(self, *public: str, key: str = KEY) -> None:
        self.objects: dict[str, tuple[bytes, str, str]] = {}
        self._public = public
        self._key = key

    def __call__(self, received: Received) -> Answer:
        verb = f"{received.method} {unquote(received.path.removeprefix('/storage/v1/'))}"
        said = json.loads(received.body) if received.headers.get("content-type") == "application/json" else {}
        asked = re.fullmatch(r"(\w+ (?:bucket|object)(?:/sign|/info|/list)?)/(([^/]+).*)", verb)
        if asked is None or asked[3] not in {"inputs", "outputs"}:
            return refusal(404, "Bucket not found", "NoSuchBucket", "Bucket not found")
        if received.headers.get("apikey") != self._key:
            return refusal(403, "Unauthorized", "AccessDenied", "jwt malformed")
        return self._answer(asked[1], asked[2], said, received)

    def _answer(self, call: str, what: str, said: dict[str, Any], received: Received) -> Answer:
        match call, what:
            case "GET bucket", bucket:
                return Answer.json({"id": bucket, "public": bucket in self._public})
            case "POST object/list", bucket:
                page = self._folder(f"{bucket}/{said['prefix']}")[said["offset"] :]
                return Answer.json(page[: min(said["limit"], _MOST_ENTRIES)])
            case "DELETE object", bucket:
                gone = [one for one in said["prefixes"] if self.objects.pop(f"{bucket}/{one}", None)]
                return Answer.json([{"name": one} for one in gone])
            case "POST object", key:
                return self._taken(key, received)
            case call, key:
                return self._found(call, key, said)

    def _found(self, call: str, key: str, said: dict[str, Any]) -> Answer:
        if key not in self.objects:
            return refusal(404, "not_found", "NoSuchKey", "Object not found")
        data, media_type, moment = self.objects[key]
        if call == "POST object/sign":
            return Answer.json({"signedURL": f"/object/sign/{key}?token=TOKEN-{said['expiresIn']}"})
        if call == "GET object/info":
            return Answer.json({"size": len(data), "content_type": media_type, "last_modified": moment, "metadata": {}})
        return Answer(headers={"content-type": media_type}, body=data)

    def _taken(self, key: str, received: Received) -> Answer:
        if not _NAME.fullmatch(key):
            return refusal(400, "InvalidKey", "InvalidKey", f"Invalid key: {key}")
        if key in self.objects and received.headers.get("x-upsert") != "true":
            return refusal(409, "Duplicate", "ResourceAlreadyExists", "The resource already exists")
        self.objects[key] = (received.body, received.headers["content-type"], datetime.now(UTC).isoformat())
        return Answer.json({"Id": "1", "Key": key})

    def _folder(self, folder: str) -> list[object]:
        seen: dict[str, object] = {}
        for key in sorted(self.objects, key=str.lower):
            if key.lower().startswith(folder.lower()):
                name, below, _ = key[len(folder) :].partition("/")
                data, media_type, moment = self.objects[key]
                known = {"size": len(data), "mimetype": media_type}
                entry = {"name": name, "id": None if below else "1", "updated_at": moment, "metadata": known}
                seen.setdefault(name.lower() + below, entry)
        return list(seen.values())


def refusal(status: int, error: str, code: str, message: str) -> Answer:
    """As the service says no."""
    return Answer.json({"statusCode": str(status), "error": error, "code": code, "message": message}, 400)
