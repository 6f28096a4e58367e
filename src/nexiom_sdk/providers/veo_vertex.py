"""Veo 3.1 at Vertex AI: an order is a long-running operation, and its name says in which region it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field, JsonValue, SecretStr

from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Auth
from nexiom_sdk.providers.model_names import ModelNames, model_names
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.veo_api import MOST_BYTES_INLINE, GoogleApi, vertex_url
from nexiom_sdk.providers.veo_cards import VEO, VEO_GONE, VEO_UNLISTED
from nexiom_sdk.providers.veo_operations import outcome_of
from nexiom_sdk.providers.veo_orders import veo_body
from nexiom_sdk.providers.wire import Body, Call, Reply, segment
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

_REGION = re.compile(r"(?:^|/)locations/([a-z0-9-]+)(?:/|$)")  # part of a host name, to which our token goes
_STORED = "stored"


class _Named(Body):
    name: str = Field(pattern="/operations/.")


class VeoVertex(GoogleApi):
    """Veo at Vertex AI; see `GoogleApi`."""

    default_location = "us-central1"
    vertex_version = "v1"

    def __init__(
        self,
        config: Mapping[str, str | SecretStr],
        /,
        *,
        tokens: Auth,
        http: HttpOptions | None = None,
    ) -> None:
        super().__init__(config, http=http, tokens=tokens)
        self.names: ModelNames = model_names(self.config, "models", (*VEO, *VEO_GONE), unlisted=VEO_UNLISTED)
        self.models: Sequence[ModelCard] = self.names.cards

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, in the region that is configured."""
        spec = submission.spec
        model = segment(self.names.id_of(spec.model))
        body = veo_body(spec, self.card(spec.model) or VEO_UNLISTED, storage_uri=self.storage_uri)
        return Call("POST", f"{self.parent}/publishers/google/models/{model}:predictLongRunning", json=body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The operation that was begun, by its full name."""
        name = reply.read(_Named).name
        stored = submission.spec.options.get("storageUri", self.storage_uri)
        return Operation(id=name, state={_STORED: True} if stored else {})

    def poll_call(self, operation: Operation, /) -> Call:
        """The operation as it is now, in its own region; with it comes the clip, unless it lies in Cloud Storage."""
        resource = operation.id.partition("/operations/")[0]
        region = _REGION.search(resource)
        base_url = ""
        if region is not None and region[1] != self.location and not self.config.text("vertex_base_url"):
            base_url = vertex_url(region[1])
            self.also_at(base_url, self.tokens)
        path = "/".join(map(segment, resource.split("/")))
        name: dict[str, JsonValue] = {"operationName": operation.id}
        inline = None if operation.state.get(_STORED) else MOST_BYTES_INLINE
        return Call("POST", f"{base_url}/{self.version}/{path}:fetchPredictOperation", json=name, max_bytes=inline)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:  # noqa: ARG002 - it tells all itself
        """What the operation says."""
        return outcome_of(reply, self.asset)
