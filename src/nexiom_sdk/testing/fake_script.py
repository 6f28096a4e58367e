"""What a fake provider is told to do: the words of its script, and the fate of an order that they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

from nexiom_sdk.errors import NexiomError, ProviderUnavailable
from nexiom_sdk.types import Asset, Failed, Poll, Running, Succeeded


@dataclass(frozen=True, slots=True)
class Step:
    """What one look sees: in its turn, or from a moment on."""

    sees: Poll
    after_seconds: float | None = None


@dataclass(slots=True)
class Fate:
    """How one submission is answered, what looks at the order see, and what its file is."""

    refusal: NexiomError | None = None  # nothing is accepted
    answer_lost: bool = False  # accepted, and nobody is told
    at_once: Asset | None = None
    steps: list[Step] = field(default_factory=list[Step])
    broken_looks: int = 0
    file: Literal["whole", "half", "expired"] = "whole"
    complete: bool = False  # the next word begins another order

    def seen(self, look: int, seconds: float) -> Poll:
        """What this look sees, counted from 0, so many seconds after the order was accepted."""
        if not self.steps:
            return Running()
        if all(step.after_seconds is None for step in self.steps):
            return self.steps[min(look, len(self.steps) - 1)].sees
        reached = [step.sees for step in self.steps if (step.after_seconds or 0.0) <= seconds]
        return reached[-1] if reached else Running(queued=True)


class Script:
    """Words that can be chained. Each adds to the fate of an order; an ending begins that of the next one.

    The last fate serves all further orders. An order without a script runs for ever. `after_seconds` counts from the
    moment the order was accepted; once a word has it, looks see what the clock says and no longer take turns.
    """

    def __init__(self) -> None:
        self._fates: list[Fate] = []
        self._exploding: set[str] = set()

    def queued(self, looks: int = 1, *, after_seconds: float | None = None) -> Self:
        """Looks that find the order queued."""
        return self._see(*[Step(Running(queued=True), after_seconds)] * looks)

    def running(self, looks: int = 1, *, progress: bool = False, after_seconds: float | None = None) -> Self:
        """Looks that find the order running, with rising progress if wanted."""
        shares = [(look + 1) / (looks + 1) if progress else None for look in range(looks)]
        return self._see(*(Step(Running(progress=share), after_seconds) for share in shares))

    def progress(self, *shares: float) -> Self:
        """Looks that report exactly this progress, sense or nonsense."""
        return self._see(*(Step(Running(progress=share)) for share in shares))

    def break_polls(self, looks: int) -> Self:
        """Looks that fail before the first one that answers."""
        self._fate.broken_looks += looks
        return self

    def succeed(self, *, after_seconds: float | None = None) -> Self:
        """The order ends well."""
        return self._end(Step(self._success(), after_seconds))

    def succeed_without_file(self) -> Self:
        """The order ends well, it says, and there is nothing to fetch."""
        return self._end(Step(Succeeded(assets=())))

    def fail(self, code: str, message: str = "the provider says no", *, after_seconds: float | None = None) -> Self:
        """The order ends with a failure code, such as those in `errors.FAILURE_CODES`."""
        return self._end(Step(Failed(code=code, message=message), after_seconds))

    def hang(self) -> Self:
        """The order never ends."""
        return self._end(Step(Running()))

    def regress(self) -> Self:
        """The order runs, is queued again, runs, succeeds, and then says that it runs."""
        self.running().queued().running()
        return self._end(Step(self._success()), Step(Running()))

    def refuse(self, error: NexiomError) -> Self:
        """The submission is answered with this error; nothing is accepted."""
        self._fate.refusal = error
        return self._end()

    def drop_before_sending(self) -> Self:
        """The submission certainly never arrives."""
        return self.refuse(ProviderUnavailable("could not connect"))

    def lose_answer(self) -> Self:
        """The order is accepted and whoever submitted it is not told."""
        self._fate.answer_lost = True
        return self

    def answer_at_once(self, *, data: bytes | None = None, url: str | None = None) -> Self:
        """The submission is answered with the result itself."""
        self._fate.at_once = Asset(data=data, url=url)
        return self._end()

    def half_file(self) -> Self:
        """The result of the order ends in the middle; say it before the ending."""
        self._fate.file = "half"
        return self

    def expire_result(self) -> Self:
        """The result of the order is no longer served; say it before the ending."""
        self._fate.file = "expired"
        return self

    def explode(self, operation: str) -> Self:
        """From now on this operation raises an exception that no adapter should raise."""
        self._exploding.add(operation)
        return self

    def _next_fate(self) -> Fate:
        """The fate of an order that arrives now."""
        if len(self._fates) > 1:
            return self._fates.pop(0)
        return self._fates[0] if self._fates else Fate()

    @property
    def _fate(self) -> Fate:
        if not self._fates or self._fates[-1].complete:
            self._fates.append(Fate())
        return self._fates[-1]

    def _see(self, *steps: Step) -> Self:
        self._fate.steps.extend(steps)
        return self

    def _end(self, *steps: Step) -> Self:
        fate = self._fate
        fate.steps.extend(steps)
        fate.complete = True
        return self

    def _success(self) -> Succeeded:
        return Succeeded(assets=(Asset(url=f"https://cdn.fake.example/clip.mp4?file={self._fate.file}"),))
