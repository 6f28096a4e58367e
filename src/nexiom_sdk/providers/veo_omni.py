"""Gemini Omni by the Interactions API, at the Gemini API or at Vertex AI."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field, JsonValue, SecretStr

from nexiom_sdk.errors import MalformedResponse, ModelRetired
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Auth
from nexiom_sdk.providers.model_names import ModelNames, model_names
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.veo_api import GEMINI, MOST_BYTES_INLINE, GoogleApi
from nexiom_sdk.providers.veo_cards import OMNI, OMNI_GONE, OMNI_UNLISTED, PREVIEW_IDS, VEO_GONE_AT_GEMINI
from nexiom_sdk.providers.veo_interactions import File, Interaction, collected, outcome_of
from nexiom_sdk.providers.veo_omni_orders import left_out, omni_body
from nexiom_sdk.providers.wire import Body, Call, Reply, segment
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Submission, Succeeded

_FILE = re.compile(r"/files/([\w-]+)")
_NOT_FOUND = 404
_REMEMBERED = 1000


class _Begun(Body):
    id: str = Field(min_length=1)


class VeoOmni(GoogleApi):
    """Gemini Omni; see `GoogleApi`."""

    default_location = "global"
    vertex_version = "v1beta1"

    def __init__(
        self,
        config: Mapping[str, str | SecretStr],
        /,
        *,
        tokens: Auth | None = None,
        http: HttpOptions | None = None,
    ) -> None:
        super().__init__(config, http=http, tokens=tokens)
        self._used: dict[str, Mapping[str, JsonValue]] = {}
        known = (*OMNI, *OMNI_GONE)
        if tokens is None:
            self.names = model_names(self.config, "models", (*known, *VEO_GONE_AT_GEMINI), unlisted=OMNI_UNLISTED)
            self.models: Sequence[ModelCard] = self.names.cards
        else:
            self.names: ModelNames = model_names(self.config, "models", known, unlisted=OMNI_UNLISTED, ids=PREVIEW_IDS)
            self.models = tuple(card.evolve(delivery=frozenset({"bytes", "gs"})) for card in self.names.cards)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order.

        Raises:
            ModelRetired: It is for Veo, which the Gemini API no longer has.
        """
        spec = submission.spec
        if spec.model.startswith("veo-"):
            msg = f"Veo is closed at the Gemini API since 2026-10-22; {spec.model} is not ordered there."
            hint = "Use gemini-omni-1.1-flash, or Veo at Vertex AI (NEXIOM_VEO_TRANSPORT=vertex)."
            raise ModelRetired(msg, provider=self.name, model=spec.model, next_step=hint)
        card, model_id = self.card(spec.model) or OMNI_UNLISTED, self.names.id_of(spec.model)
        body = omni_body(spec, card, model_id=model_id, delivery=self._delivery)
        return Call("POST", f"{self.parent}/interactions", json=body, max_bytes=MOST_BYTES_INLINE)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The interaction that was begun."""
        return Operation(id=reply.read(_Begun).id, warnings=left_out(submission.spec))

    def poll_call(self, operation: Operation, /) -> Call:
        """The interaction as it is now; the references that went in may come back with it."""
        return Call("GET", self._path(operation), max_bytes=MOST_BYTES_INLINE)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the interaction says; the file that its video is in may need a moment more."""
        if not reply.ok:  # only the look at a file wants to see that
            gone = reply.status == _NOT_FOUND
            return _EXPIRED if gone else self.look_refused(operation, reply)
        file = reply.read_or_none(File)
        if file is not None:
            used = self._used.pop(operation.id, {})
            return collected(file, f"{self.base_url}{self.parent}/{file.name}:download?alt=media", used=used)
        seen = reply.read(Interaction)
        video = seen.video if seen.status == "completed" else None
        if video is None:
            if seen.status == "completed" and any(block.type == "video" for block in seen.made):
                raise self.error(MalformedResponse, reply, "a video that cannot be read")
            return outcome_of(seen)
        if video.data:
            asset = Asset(data=video.data, media_type=video.mime_type or "video/mp4")
        elif (file_id := self._file_at(video.uri or "")) is not None:
            # What it used stands here, and that the file is ready in the reply to the next call of the same look.
            self._used[operation.id] = seen.detail
            if len(self._used) > _REMEMBERED:
                self._used.pop(next(iter(self._used)))
            return Call("GET", f"{self.parent}/files/{file_id}", any_status=True)
        else:
            asset = self.asset(video.uri or "", video.mime_type)
        return Succeeded(assets=(asset,), detail=seen.detail)

    async def cancel(self, operation: Operation, /) -> None:
        """Stop it."""
        await self.send(Call("POST", f"{self._path(operation)}/cancel", max_bytes=MOST_BYTES_INLINE))

    @property
    def _delivery(self) -> Mapping[str, JsonValue]:
        """How results shall come: at Vertex AI as an address only where there is a place for them."""
        if self.tokens is None:
            return {"delivery": "uri"}
        return {"delivery": "uri", "gcs_uri": self.storage_uri} if self.storage_uri else {"delivery": "inline"}

    def _path(self, operation: Operation) -> str:
        return f"{self.parent}/interactions/{segment(operation.id)}"

    def _file_at(self, uri: str) -> str | None:
        """Which file of the Gemini API is at an address; it is fetched from where the API is set up to be."""
        ours = self.tokens is None and uri.startswith((f"{GEMINI}/", f"{self.base_url}/"))
        found = _FILE.search(uri) if ours else None
        return found and found[1]


_EXPIRED = Failed(code="result_expired", message="Google no longer has the file with the video.")
