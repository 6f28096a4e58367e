"""A model in words: one line of a list, and everything about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from pydantic import JsonValue

from nexiom_sdk.cards import Condition, Lengths, MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.catalogue_filters import Takes, usd_per_second
from nexiom_sdk.catalogue_view import ListedModel
from nexiom_sdk.cli.listing import Row
from nexiom_sdk.models import lines
from nexiom_sdk.types import MediaRole, Mode, Resolution
from nexiom_sdk.wording import printable, seconds, size, usd

HEADERS = ("model", "tiers", "length", "sizes", "sound", "takes", "$ per s", "state")
GONE_HEADERS = ("model", "since", "use instead", "known from")
LEGEND = (
    "tiers: S standard, C cinematic, U ultra_realistic. takes: T text alone, F first frame, L last frame, "
    "I images, V videos, A sounds, X a video to change."
)

_SOUND = {"never": "no", "always": "yes", "optional": "choice", "unknown": "?"}
_STATES = {"usable": "usable", "not_set_up": "not set up", "broken": "broken", "retired": "retired"}
_STYLES = {"usable": "", "not_set_up": "dim", "broken": "red", "retired": "dim"}
_LETTERS: Mapping[MediaRole, str] = {
    "first_frame": "F",
    "last_frame": "L",
    "reference_image": "I",
    "reference_video": "V",
    "reference_audio": "A",
    "source_video": "X",
}
_MILL = Decimal("0.001")
_FEW = 3
_NAME_WIDTH = 18


def row_of(one: ListedModel, takes: Takes | None) -> Row:
    """The model as a line of a list.

    Args:
        one: The model.
        takes: What shall go in; the price is that of such a clip.
    """
    card = one.card
    letters = (letter for role, letter in _LETTERS.items() if card.media.get(role))
    price, state = _price(card, takes), _state(one)
    common = (_seconds(card), _sizes(card.resolutions), _SOUND[card.audio])
    return Row(
        cells=(one.target, " ".join(one.tiers), *common, " ".join(_inputs(card)), price, state),
        short=(
            card.model,
            "".join(tier[0].upper() for tier in one.tiers),
            *common,
            "".join((*("T" * (not card.media_required)), *letters)),
            price,
            state,
        ),
        fields=fields_of(one, takes),
        style=_STYLES[one.state],
        heading=one.provider,
    )


def gone_row_of(one: ListedModel) -> Row:
    """A model that is no longer offered as a line of a list: since when, what to use instead, and who says so."""
    card = one.card
    since = "" if card.retires_on is None else str(card.retires_on)
    cells = (one.target, since or "?", one.reason.partition("; use ")[2].removesuffix(" instead"), card.verified_on)
    return Row(cells=cells, fields=fields_of(one))


def fields_of(one: ListedModel, takes: Takes | None = None) -> dict[str, JsonValue]:
    """The model as data, its card whole."""
    span = usd_per_second(one.card, takes)
    price: JsonValue = None if span is None else {"least": str(span.least), "most": str(span.most)}
    data: dict[str, JsonValue] = one.model_dump(mode="json", exclude={"card"})
    card: dict[str, JsonValue] = one.card.model_dump(mode="json")
    sets: dict[str, JsonValue] = {
        "delivery": [*sorted(one.card.delivery)],
        "addresses_only_for": [*sorted(one.card.addresses_only_for)],
    }
    return {"target": one.target, "model": one.card.model, **data, "usd_per_second": price, "card": {**card, **sets}}


def details(one: ListedModel) -> str:
    """Everything that is known about a model, a fact per line."""
    told = ((name, [printable(value) for value in values if value]) for name, values in _facts(one))
    return "\n".join(
        f"{'' if number else name:{_NAME_WIDTH}}{value}" for name, values in told for number, value in enumerate(values)
    )


def _facts(one: ListedModel) -> Iterator[tuple[str, Sequence[str]]]:
    card = one.card
    yield "model", [one.target]
    yield "state", [f"{_STATES[one.state]}{f': {one.reason}' if one.reason else ''}"]
    yield "tiers", [f"{tier} (weight {weight})" for tier, weight in one.tiers.items()]
    yield "lengths", [*map(_length_rule, card.lengths), _length_rule(_plain_lengths(card))]
    yield "resolutions", [", ".join(card.resolutions)]
    yield "ratios", [*map(_shape_rule, card.shapes), ", ".join(card.aspect_ratios) or "any"]
    counts = [f"{count} x {_role(role)}" for role, count in card.media.items() if count]
    yield "takes", [", ".join((*(() if card.media_required else ("text alone",)), *counts))]
    yield "never together", [" and ".join(map(_role, roles)) for roles in card.media_exclusions]
    yield "conditions", [*map(_condition, card.conditions)]
    yield "references are", [f"{kind}: {_limits(limits)}" for kind, limits in card.media_limits.items()]
    yield (
        "handed over as",
        [", ".join(sorted(card.delivery)), *(f"{kind}: url only" for kind in card.addresses_only_for)],
    )
    yield "sound", [card.audio]
    yield "seed", [_yes(card.seed)]
    yield "negative prompt", [_yes(card.negative_prompt)]
    yield "longest prompt", [f"{card.max_prompt_chars:,} characters" if card.max_prompt_chars else ""]
    yield "prices", [*map(_price_row, card.prices)] or ["unknown"]
    yield "priced on", [card.priced_on]
    yield "lifecycle", [card.lifecycle]
    yield "retires on", ["" if card.retires_on is None else str(card.retires_on)]
    yield "promised until", ["" if card.retires_not_before is None else str(card.retires_not_before)]
    yield "successor", [card.successor or ""]
    yield "licence", [card.licence]
    yield "not for use in", [", ".join(card.regions_excluded)]
    yield "usual time", [seconds(card.typical_seconds)]
    yield "verified on", [card.verified_on]


def _state(one: ListedModel) -> str:
    return f"until {one.card.retires_on}" if one.state == "usable" and one.reason else _STATES[one.state]


def _seconds(card: ModelCard) -> str:
    """All lengths of a card in few words: whole seconds in a row as their ends."""
    rules = [*card.lengths, _plain_lengths(card)]
    if any(rule.between for rule in rules):
        ends = [end for rule in rules for end in rule.between or ()]
        return f"{min(ends):g}-{max(ends):g}"
    runs: list[list[float]] = []
    for length in sorted({length for rule in rules for length in rule.one_of}):
        if runs and length == runs[-1][-1] + 1:
            runs[-1].append(length)
        else:
            runs.append([length])
    return ",".join(f"{run[0]:g}" if len(run) == 1 else f"{run[0]:g}-{run[-1]:g}" for run in runs) or "?"


def _sizes(offered: Sequence[Resolution]) -> str:
    ranked = [lines(one) for one in sorted(offered, key=lines)]
    return "-".join(map(str, dict.fromkeys((ranked[0], ranked[-1])))) if ranked else "?"


def _price(card: ModelCard, takes: Takes | None) -> str:
    span = usd_per_second(card, takes)
    if span is None:
        return "unknown"
    if not span.most:
        return "free"
    amounts = (usd(one.quantize(_MILL, ROUND_CEILING)).removeprefix("$") for one in span)
    return "-".join(dict.fromkeys(amounts))


def _plain_lengths(card: ModelCard) -> Lengths:
    return Lengths(one_of=card.durations_seconds, between=card.duration_range_seconds)


def _length_rule(rule: Lengths) -> str:
    where = _where(rule.modes, rule.resolutions)
    if rule.between or not rule.one_of:
        return f"{where}{rule if rule.between else 'as what goes in' if where else ''}"
    ranked = sorted(rule.one_of)
    run = len(ranked) > _FEW and ranked == [ranked[0] + step for step in range(len(ranked))]
    return f"{where}{f'{ranked[0]:g} to {ranked[-1]:g} s in whole seconds' if run else rule}"


def _shape_rule(rule: Shapes) -> str:
    offered = ", ".join(rule.aspect_ratios) or "as what goes in"
    return f"{_where(rule.modes, rule.resolutions)}{offered}"


def _where(modes: Iterable[Mode], resolutions: Iterable[Resolution]) -> str:
    conditions = ", ".join((*(f"from {mode}" for mode in modes), *(f"at {place}" for place in resolutions)))
    return f"{conditions}: " if conditions else ""


def _inputs(card: ModelCard) -> Iterator[str]:
    if not card.media_required:
        yield "text"
    yield from (f"{role}:{count}" for role, count in card.media.items() if count)


def _role(role: MediaRole) -> str:
    return role.replace("_", " ")


def _condition(one: Condition) -> str:
    sound = () if one.audio is None else ("sound",) if one.audio else ("silence",)
    with_ = [*map(_role, one.roles), *sound]
    then = (
        f"only at {', '.join(one.resolutions)}" if one.resolutions else "",
        "only silent" if one.silent else "",
        f"only beside {' or '.join(map(_role, one.beside))}" if one.beside else "",
        f"at most {one.most} x {' and '.join(map(_role, one.counted))}" if one.counted else "",
    )
    about = f"with {' and '.join(with_)}: " if with_ else ""
    return about + ", ".join(filter(None, then))


def _limits(limits: MediaLimits) -> str:
    said = (
        ", ".join(limits.types),
        f"up to {size(limits.max_bytes)}" if limits.max_bytes else "",
        f"sides of {limits.min_side_pixels} pixels or more" if limits.min_side_pixels else "",
        f"sides of {limits.max_side_pixels} pixels or less" if limits.max_side_pixels else "",
        f"{limits.min_ratio:g} times as wide as high or more" if limits.min_ratio else "",
        f"{limits.max_ratio:g} times as wide as high or less" if limits.max_ratio else "",
        "exactly of the size of the video" if limits.same_size_as_video else "",
        f"{seconds(limits.min_seconds)} or longer" if limits.min_seconds else "",
        f"{seconds(limits.max_seconds)} or shorter" if limits.max_seconds else "",
        f"{seconds(limits.max_total_seconds)} or shorter in all" if limits.max_total_seconds else "",
        f"{limits.min_frames_per_second:g} frames a second or more" if limits.min_frames_per_second else "",
        f"{limits.max_frames_per_second:g} frames a second or less" if limits.max_frames_per_second else "",
    )
    return "; ".join(filter(None, said)) or "-"


def _price_row(price: Price) -> str:
    conditions = (
        f"from {price.mode}" if price.mode else "",
        f"at {price.resolution}" if price.resolution else "",
        "" if price.audio is None else ("with sound" if price.audio else "silent"),
        f"of {seconds(price.duration_seconds)}" if price.duration_seconds else "",
        f"and {usd(price.plus_usd)} a clip" if price.plus_usd else "",
        f"at least {usd(price.least_usd)} a clip" if price.least_usd else "",
    )
    return ", ".join(filter(None, (f"{usd(price.usd)} a {price.per}", *conditions)))


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
