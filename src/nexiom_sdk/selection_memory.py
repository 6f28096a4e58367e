"""The latest choices, each kept under everything that it depends on, so that what was judged is not judged again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from nexiom_sdk.models import ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.selection_question import Question
from nexiom_sdk.types import Choice

Judge: TypeAlias = Callable[[Question, Policy, Mapping[str, Sequence[ModelCard]]], Choice]

MOST_CARDS = 1000  # more of them take longer to tell apart than a tier takes to judge
MOST_MODELS = 2048  # about 4 MiB


class _Key(NamedTuple):
    question: Question
    providers: tuple[tuple[str, int], ...]
    ids: tuple[int, ...]


class _Kept(NamedTuple):
    choice: Choice
    held: tuple[object, ...]
    models: int


class Memory:
    """Answers questions as a judge does, from memory where it can.

    A policy and cards are told apart by their identity. An answer holds those that it was made of, so that no other
    object can come to have the identity of one of them as long as the answer is there.

    Args:
        judge: Answers a question, by nothing but what it is given.
        most_models: How many kept and dropped models the answers may have together; the longest unused are forgotten.
    """

    def __init__(self, judge: Judge, *, most_models: int = MOST_MODELS) -> None:
        self._judge = judge
        self._most = most_models
        self._kept: dict[_Key, _Kept] = {}
        self._models = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._models

    def answer(self, question: Question, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Choice:
        """What the judge says.

        Args:
            question: The question.
            policy: What each tier prefers.
            cards: The cards of every provider that can be used.
        """
        if sum(map(len, cards.values())) > MOST_CARDS:
            return self._judge(question, policy, cards)
        cards = {name: tuple(listed) for name, listed in cards.items()}
        held = tuple(chain.from_iterable(cards.values()))
        question = question.of_any_prompt_within(card.max_prompt_chars for card in held)
        providers = tuple((name, len(listed)) for name, listed in cards.items())
        key = _Key(question, providers, (id(policy), *map(id, held)))
        with self._lock:
            if (kept := self._kept.pop(key, None)) is not None:
                self._kept[key] = kept  # now the last to be forgotten
                return kept.choice
        choice = self._judge(question, policy, cards)
        self._keep(key, _Kept(choice, (policy, *held), len(choice.ranked) + len(choice.rejected)))
        return choice

    def _keep(self, key: _Key, kept: _Kept) -> None:
        with self._lock:
            if kept.models > self._most or key in self._kept:
                return
            self._kept[key] = kept
            self._models += kept.models
            while self._models > self._most:
                self._models -= self._kept.pop(next(iter(self._kept))).models
