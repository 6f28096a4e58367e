"""HunyuanVideo-1.5 on vLLM-Omni, whose native pipelines speak the format `/v1/videos`.

Sources: the code of vLLM-Omni 0.30.0; for the format see `openai_provider`; as of 2026-11-22. No live server was used.
What is peculiar:

- A server has one checkpoint, and a checkpoint makes clips from text or from a first frame: two servers for both. Which
  one took an order is noted in its state.
- The model makes 4k + 1 frames, and the server would make seconds x fps of them: so the number of frames is said too.
- There is neither an idempotency key nor a way to find an order: one whose answer was lost stays uncertain.
- A look at a failed job is an HTTP error with the job in it. DELETE stops one that runs and erases one that ended.
- Jobs are kept in memory: a restart loses them, and a look then answers 404.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, TypeAlias, get_args

from pydantic import JsonValue, SecretStr

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.hunyuan_config import VARIABLES
from nexiom_sdk.providers.hunyuan_open_cards import CARD, FPS, check_asked, frames, offered
from nexiom_sdk.providers.model_names import model_names
from nexiom_sdk.providers.openai_jobs import outcome
from nexiom_sdk.providers.openai_provider import VideosProvider
from nexiom_sdk.providers.openai_videos import Dialect, job_path, order
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded, VideoSpec
from nexiom_sdk.wording import unknown

Server: TypeAlias = Literal["t2v", "i2v"]

SERVERS: tuple[Server, ...] = get_args(Server)

OPTIONS: tuple[str, ...] = (
    "width",
    "height",
    "num_frames",
    "fps",
    "negative_prompt",
    "seed",
    "num_inference_steps",
    "guidance_scale",
    "flow_shift",
    "quality",
    "user",
    "enable_frame_interpolation",
    "frame_interpolation_exp",
    "frame_interpolation_scale",
    "frame_interpolation_model_path",
    "lora",
    "extra_params",
)
"""What an order may say besides, by the server's own names: what is of use for this model."""

_DIALECT = Dialect()
_SERVER = "server"


class VllmHunyuan(VideosProvider):
    """HunyuanVideo-1.5 on vLLM-Omni.

    Args:
        config: `t2v_base_url`, `i2v_base_url` or both, with `/v1`: the servers for text and for a first frame. Perhaps
            `self_hosted_api_key`, `plain_http`, and `models`, where a server wants its model named.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no address.
        ConfigurationError: A value cannot be used.

    Example:
        >>> one = VllmHunyuan({"t2v_base_url": "http://localhost:8091/v1"})
        >>> [(card.model, dict(card.media)) for card in one.models]
        [('HunyuanVideo-1.5', {})]
    """

    name = "hunyuan"
    title = "Hunyuan on vLLM-Omni"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    where_to_look: ClassVar[str] = f"{VARIABLES['t2v_base_url']}, {VARIABLES['i2v_base_url']} and {VARIABLES['models']}"

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self._urls: Mapping[str, str] = {
            word: url for word in SERVERS if (url := self.config.text(f"{word}_base_url").rstrip("/"))
        }
        card = offered(CARD, text="t2v" in self._urls, image="i2v" in self._urls)
        self.models: Sequence[ModelCard] = (card,)
        self._ids = model_names(self.config, "models", self.models, unlisted=card).ids

    def endpoints(self) -> Sequence[Endpoint]:
        """The servers that have an address, with one key for both."""
        keys = [f"{word}_base_url" for word in SERVERS if self.config.text(f"{word}_base_url")]
        found = [self.config.endpoint(key, "", key="self_hosted_api_key") for key in keys or [f"{SERVERS[0]}_base_url"]]
        return tuple({one.base_url: one for one in found}.values())

    def job_url(self, operation: Operation, /) -> str:
        """The address of an order at the server that took it."""
        return self._urls.get(str(operation.state.get(_SERVER)), self.base_url) + job_path(operation.id)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, at the server for its mode."""
        url = self._urls.get(word := _server_for(submission.spec))
        if url is None:
            mode = "a first frame" if word == "i2v" else "text alone"
            msg = (
                f"{self.title} has no server that makes clips from {mode}: {VARIABLES[f'{word}_base_url']} is not set."
            )
            raise UnsupportedFeature(msg, next_step="Set it, or choose another model.")
        spec = check_asked(submission.spec, CARD, self.title)
        for name in spec.options:
            if name not in OPTIONS:
                raise InvalidInput(unknown("option", name, OPTIONS))
        count = None if spec.duration_seconds is None else frames(spec.duration_seconds)
        also: dict[str, JsonValue] = {} if count is None else {"num_frames": count, "fps": FPS}
        call = order(spec, _DIALECT, model=self._ids.get(spec.model), also=also)
        return replace(call, path=url + call.path, any_status=True)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The job that was made, with the server that has it."""
        made = super().read_submit(submission, reply)
        if isinstance(made, Succeeded):
            return made
        return replace(made, state={**made.state, _SERVER: _server_for(submission.spec)})

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order, at each server where it was not noted which one took it."""
        return await super().poll(await self._placed(operation))

    async def cancel(self, operation: Operation, /) -> None:
        """Stop a job that has not ended. One that ends at this moment may be erased.

        Raises:
            ProviderError: It has ended, or its state is not known: nothing is done, for its result would be erased.
        """
        await self.stop(await self._placed(operation))

    async def _placed(self, operation: Operation) -> Operation:
        """The order with the server that knows it; as it is where none does: a person gave its id."""
        if _SERVER in operation.state or len(self._endpoints) == 1:
            return operation
        for word in self._urls:
            placed = replace(operation, state={**operation.state, _SERVER: word})
            look = self.poll_call(placed)
            if outcome(await self.send(look), look.path) is not None:
                return placed
        return operation


def _server_for(spec: VideoSpec) -> Server:
    return "i2v" if spec.media else "t2v"
