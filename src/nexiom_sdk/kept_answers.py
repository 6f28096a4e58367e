"""Answers that were paid for and that no row could take yet: files in the spool, until a database has them.

A file is whole or not there, on the disk before anybody goes on, and for its owner only. It holds the id and state of
an order, which are no secrets, and no prompt.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar, cast

from pydantic import JsonValue, ValidationError

from nexiom_sdk.disk import sweep_beside, to_its_end
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.types import Operation
from nexiom_sdk.values import Frozen

_log = logging.getLogger(__name__)

_PARTIAL = ".part"

T = TypeVar("T")


class KeptAnswer(Frozen):
    """An order that a provider took.

    Args:
        job_id: Whose order it is.
        order_no: Which of the job's orders.
        provider: Who took it.
        provider_job_id: The provider's id of the order.
        state: What the adapter needs again when it looks.
        warnings: What the provider ignored or changed.
    """

    job_id: str
    order_no: int
    provider: str
    provider_job_id: str
    state: Mapping[str, JsonValue]
    warnings: tuple[str, ...] = ()

    @classmethod
    def to(cls, job: GenerationJob, operation: Operation) -> Self:
        """The answer to the present order of a job, whatever its adapter put into it: the id stays as it is."""
        return cls(
            job_id=job.id,
            order_no=job.order_no,
            provider=job.provider or "",
            provider_job_id=str(operation.id),
            state=_plain(operation.state, {}),
            warnings=tuple(map(str, _plain(operation.warnings, []))),
        )

    @property
    def operation(self) -> Operation:
        """The provider's handle of the order."""
        return Operation(id=self.provider_job_id, state=self.state, warnings=self.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswers:
    """A folder with one file for each answer.

    Args:
        folder: Where they are; made when the first one is kept.

    Example:
        >>> import asyncio
        >>> kept = KeptAnswers(folder=Path(tempfile.mkdtemp()) / "answers")
        >>> answer = KeptAnswer(job_id="j1", order_no=0, provider="acme", provider_job_id="order-7", state={})
        >>> asyncio.run(kept.keep(answer))
        >>> [one.provider_job_id for one in asyncio.run(kept.all())]
        ['order-7']
    """

    folder: Path

    async def keep(self, answer: KeptAnswer) -> None:
        """Put an answer on the disk.

        Raises:
            OSError: The disk does not take it.
        """
        # In ASCII, because an id may hold half a character, which no UTF-8 has.
        await to_its_end(_write, self._file(answer), json.dumps(answer.model_dump()).encode())

    async def of(self, job: GenerationJob) -> KeptAnswer | None:
        """The answer to the job's present order, if it is kept here."""
        return next(iter(await self._beginning(f"{job.order_key}.")), None)

    async def all(self) -> tuple[KeptAnswer, ...]:
        """Every answer that is kept here."""
        return await self._beginning("")

    async def drop(self, answer: KeptAnswer) -> None:
        """The row has it."""
        await to_its_end(_remove, self._file(answer))

    async def _beginning(self, name: str) -> tuple[KeptAnswer, ...]:
        # The folder is nearly never there, and every order asks: one look at its name is cheaper than a thread.
        return await to_its_end(_read, self.folder, name) if self.folder.exists() else ()

    def _file(self, answer: KeptAnswer) -> Path:
        # Two answers to one order are two orders at the provider: the second one must not take the file of the first.
        mark = hashlib.sha256(f"{answer.provider}|{answer.provider_job_id}".encode(errors="surrogatepass")).hexdigest()[
            :16
        ]
        return self.folder / f"{answer.job_id}.{answer.order_no}.{mark}.json"


def _plain(value: object, otherwise: T) -> T:
    """A copy of what is JSON of the same kind, without what is none; `otherwise` where it cannot be written at all."""
    try:
        text = json.dumps(_as_json(value), ensure_ascii=False, default=_as_json)
        copy = json.loads(text.encode(errors="replace"))
    except (ValueError, TypeError, RecursionError):
        return otherwise
    return copy if isinstance(copy, type(otherwise)) else otherwise


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    return list(cast("Sequence[object]", value)) if isinstance(value, (tuple, list)) else None


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(suffix=_PARTIAL, dir=file.parent)  # for the owner only
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(data)
            writing.flush()
            os.fsync(descriptor)
        sweep_beside(partial, f"*{_PARTIAL}")
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    for folder in (file.parent, file.parent.parent):  # the name itself has to be on the disk as well
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(folder: Path, beginning: str) -> tuple[KeptAnswer, ...]:
    try:
        files = sorted(file for file in folder.iterdir() if file.name.startswith(beginning) and file.suffix == ".json")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(answer for file in files if (answer := _answer_in(file)) is not None)


def _answer_in(file: Path) -> KeptAnswer | None:
    try:
        return KeptAnswer.model_validate(json.loads(file.read_bytes()))
    except FileNotFoundError:  # somebody recorded it meanwhile
        return None
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        # It may hold the id of an order that was paid for: a person has to look, and nothing is removed.
        _log.error("%s cannot be read: %s", file, type(error).__name__, extra={"action": "answer_unreadable"})
        return None


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
