"""Which models there are, what they cost, and how to correct a price without waiting for a release.

Run it with `python examples/models.py`. It needs no key: models are listed whether or not their provider is set up, and
the provider `local` draws the preview (`pip install "nexiom_sdk[media]"`). `docs/models.md` explains each part.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from nexiom_sdk import Settings, SyncStudio, VideoRequest

KNOWN_BETTER = {
    "as_of": "2026-11-26",
    "cards": {
        # Only what is named here changes.
        "local/preview": {"prices": [{"usd": "0.01"}]},
        # A model that came out after this version: everything but its lengths and its price is as at its older sister.
        "openrouter/acme/new-video-1": {
            "like": "openrouter/alibaba/wan-3.0",
            "durations_seconds": [4, 8],
            "prices": [{"usd": "0.07"}],
        },
    },
}


def main() -> None:
    """Look for a model, then price a preview by a file of cards."""
    with SyncStudio.from_env() as studio:
        cheap = studio.models(duration_seconds=10, takes="last_frame", max_usd=Decimal("0.50"))
        for one in cheap:
            print(f"{one.target}: {one.state}")
        [old] = [one for one in studio.models("sora", include_retired=True) if one.card.model == "sora-2"]
        print(f"{old.target} {old.reason}")

    with TemporaryDirectory() as folder:
        file = Path(folder, "cards.json")
        file.write_text(json.dumps(KNOWN_BETTER), "utf-8")
        with SyncStudio(settings=Settings.from_env(cards=file)) as studio:
            new = studio.models("openrouter")[-1]
            print(f"{new.target}: ${new.card.prices[0].usd} a second, {new.card.priced_on}")
            choice = studio.estimate(VideoRequest(prompt="a fox in snow", provider="local", duration_seconds=2))
            print(f"a preview would cost ${choice.estimated_cost_usd}")
            result = studio.generate("a fox in snow", provider="local", duration_seconds=2, resolution="360p")
            print(f"stored: {result.url}")


if __name__ == "__main__":
    main()
