"""What each model of Runway takes at each endpoint: the keys of the body, and how a size is written in it.

Runway refuses a body with a key that it does not know, and one shape is another word for each model and endpoint. So
both are tables, taken from the types of the official package `runwayml` 5.24.0 (October 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from nexiom_sdk.types import AspectRatio, MediaRole, Mode, Resolution

Endpoint: TypeAlias = Literal["text_to_video", "image_to_video", "video_to_video", "character_performance"]
# Resolution and shape; None stands for what cannot be chosen: it comes from the reference.
Size: TypeAlias = tuple[Resolution | None, AspectRatio | None]
# The keys that say a size.
Sizes: TypeAlias = Mapping[Size, Mapping[str, str]]

_COLUMNS: tuple[AspectRatio, ...] = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
# Where references go in the body: into the first of these keys that a form has.
_PLACES: Mapping[MediaRole, tuple[str, ...]] = {
    "first_frame": ("promptImage",),
    "last_frame": ("promptImage",),
    "reference_image": ("references", "character"),
    "reference_video": ("referenceVideos", "reference"),
    "reference_audio": ("referenceAudio",),
    "source_video": ("videoUri", "promptVideo"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a model takes at an endpoint.

    Args:
        keys: Keys of the body besides `model`.
        sizes: The sizes offered; empty where none can be asked for.
        sizes_with_references: Those offered with references, where they are others.
        withheld: Keys that may not be sent, by the value of the option `mode` that forbids them.
        closed: Whether `keys` are all there are; not so for a model that is not known here.
    """

    keys: frozenset[str]
    sizes: Sizes
    sizes_with_references: Sizes | None = None
    withheld: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    closed: bool = True

    def sizes_for(self, mode: Mode) -> Sizes:
        """The sizes offered for this kind of order."""
        return self.sizes_with_references if self.sizes_with_references and mode == "reference" else self.sizes

    def place(self, role: MediaRole) -> str | None:
        """The key that takes references of this role; None where there is none."""
        return next((key for key in _PLACES[role] if key in self.keys), None)


def _pixels(rows: Mapping[Resolution, str]) -> Sizes:
    """Sizes in pixels, in the order of `_COLUMNS`; a dash stands for a shape that is not offered."""
    return {
        (resolution, shape): {"ratio": word}
        for resolution, row in rows.items()
        for shape, word in zip(_COLUMNS, row.split(), strict=False)
        if word != "-"
    }


def _named(words: Mapping[Resolution, str], shapes: Iterable[AspectRatio]) -> Sizes:
    """Shape and resolution, each under a key of its own."""
    return {(line, shape): {"ratio": shape, "resolution": word} for line, word in words.items() for shape in shapes}


def _same(words: Mapping[Resolution, str], key: str, **fixed: str) -> Sizes:
    """A resolution only: the shape is that of the reference."""
    return {(resolution, None): {**fixed, key: word} for resolution, word in words.items()}


_WIDE, _FULL_HD, _UHD = "1280:720 720:1280", "1920:1080 1080:1920", "3840:2160 2160:3840"
_GEN4 = _pixels({"720p": f"{_WIDE} 960:960 1104:832 832:1104 1584:672"})
_VEO = _pixels({"720p": _WIDE, "1080p": _FULL_HD})
_OMNI = _pixels({"360p": "640:360 360:640", "720p": _WIDE, "1080p": _FULL_HD, "2160p": _UHD})
_SEEDANCE_720P = f"{_WIDE} 960:960 1112:834 834:1112 1470:630"
_SEEDANCE_1080P = f"{_FULL_HD} 1440:1440 1664:1248 1248:1664 2206:946"
_FAST = _pixels({"480p": "864:496 496:864 640:640 752:560 560:752 992:432", "720p": _SEEDANCE_720P})
_SEEDANCE = {**_FAST, **_pixels({"1080p": _SEEDANCE_1080P, "2160p": f"{_UHD} 3840:3840 3840:2880 2880:3840 3840:1646"})}
_SEEDANCE_25 = _pixels(
    {
        "480p": "854:480 480:854 640:640 752:560 560:752 992:432",
        "720p": _SEEDANCE_720P,
        "1080p": _SEEDANCE_1080P,
    }
)
_WAN = _pixels(
    {
        "480p": "832:480 480:832 624:624 720:544 544:720",
        "720p": f"{_WIDE} 960:960 1104:832 832:1104",
        "1080p": f"{_FULL_HD} 1440:1440 1648:1248 1248:1648",
    }
)
_AUTO: Mapping[Resolution, str] = {"480p": "auto_480p", "720p": "auto_720p", "1080p": "auto_1080p"}
_KLING_25 = _pixels({"720p": f"{_WIDE} 720:720", "1080p": f"{_FULL_HD} 1440:1440"})
_KLING_3: Mapping[str, tuple[Resolution, str]] = {
    "standard": ("720p", f"{_WIDE} 960:960"),
    "pro": ("1080p", f"{_FULL_HD} 1440:1440"),
    "4k": ("2160p", f"{_UHD} 2880:2880"),
}
_KLING_4 = _pixels({"720p": f"{_WIDE} 940:940 - - 1460:624", "1080p": f"{_FULL_HD} 1440:1440 - - 2200:940"})
_KLING_4_AUTO = _same({"720p": "auto_720p", "1080p": "auto_1080p"}, "ratio")
_HAILUO_WORDS: Mapping[Resolution, str] = {"768p": "768p", "1440p": "2k"}
_HAILUO = _named(_HAILUO_WORDS, _COLUMNS)
_HAILUO_ANY = {**_same(_HAILUO_WORDS, "resolution", ratio="adaptive"), **_HAILUO}
_H3_WORDS: Mapping[Resolution, str] = {"480p": "480p", "768p": "768p"}
_HAPPYHORSE = _pixels(
    {
        "720p": f"{_WIDE} 960:960 1108:832 832:1108",
        "1080p": f"{_FULL_HD} 1440:1440 1662:1248 1248:1662",
    }
)
_GROK_WORDS: Mapping[Resolution, str] = {"480p": "480p", "720p": "720p", "1080p": "1080p"}
_GROK = _named(_GROK_WORDS, _COLUMNS[:5])
_GROK_TO_720P = _named({"480p": "480p", "720p": "720p"}, _COLUMNS[:5])
_GROK_LITE = _pixels(
    {
        "480p": "848:480 480:848 480:480 640:480 480:640",
        "720p": f"{_WIDE} 720:720 960:720 720:960",
        "1080p": "1904:1072 1072:1904 1424:1424 1648:1232 1232:1648",
    }
)
_NONE: Sizes = {}
_OUTPAINTED: Sizes = {(None, None): {}, **{(None, shape): {"targetAspectRatio": shape} for shape in _COLUMNS}}


def _form(keys: str, sizes: Sizes, with_references: Sizes | None = None, **withheld: str) -> Form:
    return Form(
        keys=frozenset(keys.split()),
        sizes=sizes,
        sizes_with_references=with_references,
        withheld={mode: frozenset(names.split()) for mode, names in withheld.items()},
    )


_T: Endpoint = "text_to_video"
_I: Endpoint = "image_to_video"
_V: Endpoint = "video_to_video"
_CLIP = "promptText ratio duration"
_FILES = "outputFormat proresProfile contentModeration"
_SD = f"{_CLIP} audio seed referenceAudio"
_H3_MAX = "promptText duration resolution seed promptExpansionMode"
_SD_MODELS, _WAN_MODELS = "seedance2_fast seedance2_mini", "wan3 wan3_prime"
_REFS = "references referenceVideos"


def _rows() -> Iterator[tuple[str, Endpoint, Form]]:
    """Models, endpoint, form."""
    yield "gen4.5", _T, _form(f"{_CLIP} seed {_FILES}", _pixels({"720p": _WIDE}))
    yield "gen4.5", _I, _form(f"{_CLIP} seed {_FILES} promptImage", _GEN4)
    yield "gen4_turbo", _I, _form(f"{_CLIP} seed contentModeration promptImage", _GEN4)
    yield "aleph2", _V, _form(f"promptText videoUri keyframes seed targetAspectRatio {_FILES}", _OUTPAINTED)
    yield (
        "act_two",
        "character_performance",
        _form(
            "character reference ratio seed bodyControl expressionIntensity contentModeration",
            {("720p", None): {}, **_GEN4},
        ),
    )
    yield "veo3.1 veo3.1_fast", _T, _form(f"{_CLIP} audio seed negativePrompt", _VEO)
    yield "veo3.1 veo3.1_fast", _I, _form(f"{_CLIP} audio seed negativePrompt promptImage", _VEO)
    for models, sizes in (("seedance2", _SEEDANCE), (_SD_MODELS, _FAST)):
        yield models, _T, _form(f"{_SD} {_REFS}", sizes)
        yield models, _I, _form(f"{_SD} promptImage", sizes)
        yield models, _V, _form(f"{_SD} {_REFS} promptVideo", sizes)
    yield "seedance2_5", _T, _form(f"{_SD} {_REFS} draft outputFormat", _SEEDANCE_25)
    yield "seedance2_5", _I, _form(f"{_SD} promptImage draft outputFormat", _SEEDANCE_25)
    yield (
        "seedance2_5",
        _V,
        _form(
            f"{_SD} {_REFS} promptVideo mode draft outputFormat", _SEEDANCE_25, extend="ratio", edit="ratio duration"
        ),
    )
    yield "kling2.5_turbo_pro", _T, _form(f"{_CLIP} cfgScale", _KLING_25)
    yield "kling2.5_turbo_pro", _I, _form("promptText duration cfgScale promptImage", _NONE)
    for grade, (line, row) in _KLING_3.items():
        sizes = _pixels({line: row})
        either: Sizes = {(line, None): {}, **sizes}
        yield f"kling3.0_{grade}", _T, _form(f"{_CLIP} audio cfgScale providerSettings", sizes)
        yield f"kling3.0_{grade}", _I, _form(f"{_CLIP} audio cfgScale providerSettings promptImage", either)
        yield f"klingO3_{grade}", _T, _form(f"{_CLIP} audio providerSettings", sizes)
        yield f"klingO3_{grade}", _I, _form(f"{_CLIP} audio providerSettings promptImage references", either)
        yield f"klingO3_{grade}", _V, _form("promptText providerSettings promptVideo references", _NONE)
    yield "kling_4", _T, _form(f"{_CLIP} {_REFS}", _KLING_4)
    yield "kling_4", _I, _form(f"{_CLIP} {_REFS} promptImage", _KLING_4_AUTO)
    yield "kling_4", _V, _form("promptText ratio videoUri references", _KLING_4_AUTO)
    yield "hailuo3", _T, _form(f"{_CLIP} resolution referenceAudio {_REFS}", _HAILUO, _HAILUO_ANY)
    yield "hailuo3", _I, _form(f"{_CLIP} resolution referenceAudio promptImage", _HAILUO_ANY)
    yield "hailuo3", _V, _form(f"{_CLIP} resolution referenceAudio {_REFS} promptVideo", _HAILUO_ANY)
    yield "h3_max", _T, _form(_H3_MAX, _same(_H3_WORDS, "resolution"))
    yield "h3_max", _I, _form(f"{_H3_MAX} promptImage", _same(_H3_WORDS, "resolution"))
    yield _WAN_MODELS, _T, _form(f"{_CLIP} audio referenceAudio {_REFS}", _WAN)
    yield _WAN_MODELS, _I, _form(f"{_CLIP} audio referenceAudio referenceVideos promptImage", _same(_AUTO, "ratio"))
    yield "happyhorse_1_0", _T, _form(_CLIP, _HAPPYHORSE)
    yield (
        "happyhorse_1_0",
        _I,
        _form("promptText duration resolution promptImage", _same({"720p": "720p", "1080p": "1080p"}, "resolution")),
    )
    yield "grok_imagine_1_5", _T, _form(f"{_CLIP} resolution references referenceAudio", _GROK, _GROK_TO_720P)
    yield "grok_imagine_1_5", _I, _form("promptText duration resolution promptImage", _same(_GROK_WORDS, "resolution"))
    yield "grok_imagine_1_5_lite", _T, _form(_CLIP, _GROK_LITE)
    yield "grok_imagine_1_5_lite", _I, _form(f"{_CLIP} promptImage", _same(_AUTO, "ratio"))
    yield "gemini_omni_flash", _T, _form(_CLIP, _pixels({"720p": _WIDE}))
    yield "gemini_omni_flash", _I, _form(f"{_CLIP} promptImage", _pixels({"720p": _WIDE}))
    yield "gemini_omni_flash", _V, _form("promptText videoUri references", _NONE)
    yield "gemini_omni_flash_1.1", _T, _form(f"{_CLIP} {_REFS}", _OMNI)
    yield "gemini_omni_flash_1.1", _I, _form(f"{_CLIP} promptImage", _OMNI)
    yield "gemini_omni_flash_1.1", _V, _form(f"{_CLIP} videoUri mode references", _OMNI)


FORMS: Mapping[tuple[str, Endpoint], Form] = {
    (model, endpoint): form for models, endpoint, form in _rows() for model in models.split()
}
"""By model and endpoint."""

ANY_FORM = Form(
    keys=frozenset(f"{_SD} {_REFS} negativePrompt promptImage videoUri".split()),
    sizes={**_GEN4, **_pixels({"1080p": f"{_FULL_HD} 1440:1440", "2160p": _UHD})},
    closed=False,
)
"""For a model that is not known here: what most of the known ones take."""
