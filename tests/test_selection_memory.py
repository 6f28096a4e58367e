"""What is remembered is what would be judged again: the answer to this question, of this policy and these cards."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from any_cards import TODAY, World, any_request, any_world
from nexiom_sdk.models import ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.selection import select
from nexiom_sdk.selection_judging import judged
from nexiom_sdk.selection_memory import MOST_CARDS, Memory
from nexiom_sdk.selection_question import Question
from nexiom_sdk.types import Choice, Media, VideoRequest

CARD = ModelCard(model="a1", resolutions=("720p", "1080p"), media={"first_frame": 1}, seed=True, max_prompt_chars=20)


def policy_of(*targets: str) -> Policy:
    candidates = [{"target": target, "weight": 1} for target in targets]
    return Policy.model_validate({"version": 1, "as_of": "today", "tiers": {"standard": {"candidates": candidates}}})


POLICY = policy_of("acme/a1")


class Judge:
    """Judges, and counts how often it had to."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, question: Question, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Choice:
        self.asked += 1
        return judged(question, policy, cards)


def question_of(request: VideoRequest, policy: Policy = POLICY, **other: object) -> Question:
    given: dict[str, object] = {"unavailable": {}, "health": {}, "today": TODAY, "addresses": True, "role": None}
    return Question.of(request, policy, **{**given, **other})  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(any_world, min_size=1, max_size=2),
    st.lists(any_request, min_size=1, max_size=3),
    st.integers(4, 60),
    st.randoms(),
)
def test_what_is_remembered_is_what_would_be_judged_anew(
    worlds: list[World], requests: list[VideoRequest], most_models: int, luck: random.Random
) -> None:
    memory = Memory(judged, most_models=most_models)
    days = (TODAY, TODAY + timedelta(days=luck.randint(1, 400)))
    for _ in range(12):
        world, other = luck.choice(worlds), luck.choice(worlds)
        asked = {
            "unavailable": luck.choice((world.unavailable, other.unavailable, {})),
            "health": luck.choice((world.health, other.health, {})),
            "today": luck.choice(days),
            "addresses": luck.random() < 0.5,
            "role": luck.choice((world.role, "guest")),
        }
        question = question_of(luck.choice(requests), world.policy, **asked)
        cards = luck.choice((world.cards, other.cards))
        assert memory.answer(question, world.policy, cards) == judged(question, world.policy, cards)
        assert len(memory) <= most_models


@settings(max_examples=80, deadline=None)
@given(any_world, any_request, st.integers(0, 9))
def test_a_seed_is_put_into_the_choice_that_is_the_same_for_all_seeds(
    world: World, request: VideoRequest, seed: int
) -> None:
    def chosen(seed: int | None) -> Choice:
        return select(request.evolve(seed=seed), world.policy, world.cards, today=TODAY)

    cards = {(name, card.model): card for name, listed in world.cards.items() for card in listed}
    first, second = chosen(seed), chosen(seed + 1)
    for one, other in zip(first.ranked, second.ranked, strict=True):
        takes = cards[one.provider, one.model].seed
        assert (one.seed, other.seed) == ((seed, seed + 1) if takes else (None, None))
        assert one == other.evolve(seed=one.seed)
    assert all(one.seed is None for one in chosen(None).ranked)


def test_the_same_question_is_judged_once_whatever_the_words_the_seed_and_the_pictures() -> None:
    judge = Judge()
    memory = Memory(judge)
    for words, seed, picture in (
        ("a fox", 1, "u1/a.png"),
        ("a hare", 2, "u1/b.png"),
        ("an owl at dawn", 3, "u2/c.png"),
    ):
        request = VideoRequest(prompt=words, seed=seed, reference_media_path=picture)
        assert memory.answer(question_of(request), POLICY, {"acme": [CARD]}).model == "a1"
    assert judge.asked == 1


def test_every_prompt_that_is_too_long_for_a_model_is_told_its_own_length() -> None:
    for length in (21, 22, 21):
        request = VideoRequest(prompt="x" * length)
        [dropped] = select(request, POLICY, {"acme": [CARD]}, today=TODAY).rejected
        assert dropped.reasons == (f"the prompt has {length} characters, 20 are allowed",)
    assert select(VideoRequest(prompt="x" * 20), POLICY, {"acme": [CARD]}, today=TODAY).model == "a1"


def test_another_day_role_or_way_of_delivery_is_another_question() -> None:
    card = CARD.evolve(retires_on=date(2027, 2, 1), delivery=frozenset({"url"}))
    governance = {"tiers": {"standard": ["user"]}}
    policy = Policy.model_validate({**POLICY.model_dump(mode="json"), "governance": governance})
    request = VideoRequest(prompt="a fox", reference_media_path="u1/fox.png")

    def fits(today: date = TODAY, *, addresses: bool = True, role: str | None = None) -> bool:
        cards = {"acme": [card]}
        return bool(select(request, policy, cards, today=today, addresses=addresses, role=role).ranked)

    for _ in range(2):
        assert fits()
        assert fits(date(2027, 1, 31))
        assert not fits(date(2027, 2, 1))
        assert not fits(addresses=False)
        assert not fits(role="guest")


def test_a_list_of_cards_that_was_changed_is_another_list() -> None:
    cards = {"acme": [CARD]}
    request = VideoRequest(prompt="a fox", resolution="1080p")
    assert select(request, POLICY, cards, today=TODAY).ranked
    cards["acme"][0] = CARD.evolve(resolutions=("720p",))
    assert not select(request, POLICY, cards, today=TODAY).ranked
    cards["acme"].clear()
    assert "There is no model" in select(request, POLICY, cards, today=TODAY).rejected[0].reasons[0]


def test_a_card_belongs_to_the_provider_that_lists_it() -> None:
    one, other = CARD, CARD.evolve(model="b1")
    policy = policy_of("acme/a1", "bolt/a1", "acme/b1", "bolt/b1")
    memory = Memory(judged)
    for cards in (
        {"acme": [one], "bolt": [other]},
        {"acme": [one, other], "bolt": []},
        {"bolt": [one], "acme": [other]},
    ):
        question = question_of(VideoRequest(prompt="a fox"), policy)
        assert memory.answer(question, policy, cards) == judged(question, policy, cards)


def test_the_longest_unused_answers_are_forgotten_and_their_cards_let_go() -> None:
    judge = Judge()
    memory = Memory(judge, most_models=2)
    cards = {"acme": [CARD.evolve(seed=False)]}
    gone = weakref.ref(cards["acme"][0])
    questions = [question_of(VideoRequest(prompt="x", duration_seconds=length)) for length in (1, 2, 3)]
    for index, asked in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        memory.answer(questions[index], POLICY, cards)
        assert judge.asked == asked
    other = {"acme": [CARD]}
    for question in questions:
        memory.answer(question, POLICY, other)
    del cards
    gc.collect()
    assert gone() is None
    assert len(memory) == 2


def test_a_choice_that_is_larger_than_the_memory_and_more_cards_than_can_be_told_apart_are_judged_each_time() -> None:
    many = {"acme": [CARD.evolve(model=f"a{number}") for number in range(MOST_CARDS + 1)]}
    for memory_size, cards in ((1, {"acme": [CARD, CARD.evolve(model="a2")]}), (10 * MOST_CARDS, many)):
        judge = Judge()
        memory = Memory(judge, most_models=memory_size)
        question = question_of(VideoRequest(prompt="x", provider="acme"))
        assert memory.answer(question, POLICY, cards) == memory.answer(question, POLICY, cards)
        assert (judge.asked, len(memory)) == (2, 0)


def test_many_threads_get_the_answers_of_one() -> None:
    memory = Memory(judged, most_models=7)
    cards = {"acme": [CARD, CARD.evolve(model="a2", durations_seconds=(4, 8))]}
    questions = [
        question_of(VideoRequest(prompt="x", provider="acme", duration_seconds=length, strict=False))
        for length in range(1, 13)
    ]
    expected = [judged(question, POLICY, cards) for question in questions]
    wrong: list[int] = []

    def ask(seed: int) -> None:
        luck = random.Random(seed)
        wrong.extend(
            index
            for index in luck.choices(range(len(questions)), k=300)
            if memory.answer(questions[index], POLICY, cards) != expected[index]
        )

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(memory) <= 7


def test_references_are_told_apart_by_what_a_model_sees_of_them() -> None:
    judge = Judge()
    memory = Memory(judge)
    card = CARD.evolve(media={"first_frame": 1, "last_frame": 1}, delivery=frozenset({"url"}))
    answers = [
        memory.answer(question_of(VideoRequest(prompt="x", media=(media,)), addresses=False), POLICY, {"acme": [card]})
        for media in (
            Media.from_url("https://example.com/a.png"),
            Media.from_url("https://example.com/b.png"),
            Media.from_input("u1/a.png"),
            Media.from_url("gs://bucket/a.png"),
            Media.from_url("https://example.com/a.png", role="last_frame"),
        )
    ]
    assert [bool(one.ranked) for one in answers] == [True, True, False, False, True]
    assert judge.asked == 4
