"""Hunyuan's models at Tencent: one model, at TokenHub and at the older `vclm`, whose orders name none.

Sources: Tencent's pages 1823/137202 and 1823/135738 for TokenHub, the official package `tencentcloud-sdk-python-vclm`
3.1.127 for `vclm`; as of 2026-11-22. Neither has a price: the 1.5 CNY a clip that a guide of 2026-07-10 quotes are not
confirmed for this model id, are no USD, and would stand as a promise in estimates and budgets. The limits of pictures
are those that `vclm` documents; TokenHub's page was read in part, and the model is the same.
"""

from __future__ import annotations

from nexiom_sdk.models import MediaLimits, ModelCard, Shapes

_MOST_IMAGE_BYTES = 8_000_000 * 3 // 4  # 8 MB are allowed as base64

TOKENHUB = ModelCard(
    model="hy-video-v1.5",
    durations_seconds=(5,),
    resolutions=("720p",),
    aspect_ratios=("16:9", "9:16", "1:1", "4:3", "3:4"),
    shapes=(Shapes(aspect_ratios=(), modes=("image",)),),
    media={"first_frame": 1},
    media_limits={
        "image": MediaLimits(
            types=("image/jpeg", "image/png", "image/webp"),
            max_bytes=_MOST_IMAGE_BYTES,
            min_side_pixels=50,
            max_side_pixels=5000,
            min_ratio=0.25,
            max_ratio=4,
        )
    },
    audio="never",
    negative_prompt=True,
    max_prompt_chars=200,
    verified_on="2026-11-22: Tencent's pages 1823/137202 and 1823/131595",
)

UNLISTED = TOKENHUB.evolve(model="", durations_seconds=(), resolutions=(), verified_on="")
"""What to assume of a model at TokenHub that only the operator knows."""

VCLM = TOKENHUB.evolve(
    model="hunyuan-vclm",
    aspect_ratios=(),
    shapes=(Shapes(aspect_ratios=()),),
    negative_prompt=False,
    lifecycle="deprecated",
    successor=TOKENHUB.model,
    verified_on="2026-11-22: tencentcloud-sdk-python-vclm 3.1.127",
)
