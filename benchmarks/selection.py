"""What a selection costs: a tier of 16 among 60 cards, a tier that names all 60, and how it grows to 5,000 cards.

Each figure twice: for a question that was never asked before, and for the same question asked again.

Run: python benchmarks/selection.py
"""

from __future__ import annotations

import statistics
import time
from datetime import date, timedelta
from decimal import Decimal

from nexiom_sdk.models import ModelCard, Price
from nexiom_sdk.policy import Policy
from nexiom_sdk.selection import select
from nexiom_sdk.selection_memory import MOST_CARDS
from nexiom_sdk.types import Resolution, VideoRequest

TODAY = date(2026, 11, 24)
TARGET_MICROSECONDS = 100
CARDS_PER_PROVIDER = 10
PRICES: tuple[tuple[Resolution, int], ...] = (("720p", 50), ("1080p", 80))


def model_card(number: int) -> ModelCard:
    """A card such as real ones are."""
    return ModelCard(
        model=f"m{number}",
        durations_seconds=(4, 6, 8) if number % 2 else (5, 10),
        resolutions=("720p", "1080p"),
        aspect_ratios=("16:9", "9:16", "1:1"),
        media={"first_frame": 1},
        audio="optional",
        prices=tuple(
            Price(usd=Decimal(cents + number) / 1000, resolution=resolution, audio=audio)
            for resolution, cents in PRICES
            for audio in (False, True)
        ),
    )


def measure(cards: int, candidates: int, request: VideoRequest) -> list[float]:
    """Median microseconds of one selection: of a question that was never asked before, and of one asked again."""
    listed: dict[str, list[ModelCard]] = {}
    for number in range(cards):
        listed.setdefault(f"p{number // CARDS_PER_PROVIDER}", []).append(model_card(number))
    targets = [f"{provider}/{card.model}" for provider, models in listed.items() for card in models]
    targets = targets[:: cards // candidates][:candidates]
    tier = {
        "defaults": {"resolution": "720p", "duration_seconds": 5, "audio": False},
        "candidates": [{"target": target, "weight": index} for index, target in enumerate(targets)],
    }
    policy = Policy.model_validate({"version": 1, "as_of": "today", "tiers": {"standard": tier}})

    def lap(today: date) -> float:
        begin = time.process_time()  # of this process alone: other work on the machine does not count
        choice = select(request, policy, listed, today=today)
        took = time.process_time() - begin
        assert len(choice.ranked) + len(choice.rejected) == candidates
        return took * 1e6

    laps: list[tuple[float, float]] = []
    until = time.perf_counter() + 1.5
    while time.perf_counter() < until or len(laps) < 5:
        day = TODAY + timedelta(days=len(laps))  # on another day it is another question
        laps.append((lap(day), lap(day)))
    return [statistics.median(kind) for kind in zip(*laps, strict=True)]


def main() -> None:
    """Print the table."""
    plain = VideoRequest(prompt="a fox in snow")
    asked = VideoRequest(prompt="a fox in snow", duration_seconds=8, resolution="1080p", audio=True)
    print(f"{'':15}   {'nothing set':^20}   {'three set':^20}   microseconds, median")
    print(f"{'cards':>6} {'in tier':>8}" + f"   {'first':>10}{'again':>10}" * 2)
    for cards, candidates in ((60, 16), (60, 60), (500, 500), (5000, 16), (5000, 5000)):
        rows = [measure(cards, candidates, request) for request in (plain, asked)]
        figures = "".join("   " + "".join(f"{figure:10.0f}" for figure in row) for row in rows)
        print(f"{cards:>6} {candidates:>8}{figures}")
    print(
        f"target: at most {TARGET_MICROSECONDS} for 60 cards; choices among more than {MOST_CARDS} are not remembered"
    )


if __name__ == "__main__":
    main()
