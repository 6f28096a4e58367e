"""A ComfyUI workflow of your own behind `hunyuan`, and a server on loopback that stands for ComfyUI.

Run it with `python examples/comfyui_workflow.py`. The workflow is the shipped one, exported from ComfyUI in API format,
with other steps and another file name; `{{name}}` stands where a value of the order belongs. See
`docs/hunyuan-own-server.md`.
"""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from nexiom_sdk import Settings, Studio
from nexiom_sdk.testing import LoopbackServer
from nexiom_sdk.testing.wires.hunyuan_own import ComfyWire


def own_workflow(folder: Path) -> Path:
    """A file such as ComfyUI exports, with places for the values of an order."""
    graph = json.loads((files("nexiom_sdk.providers") / "workflows" / "hunyuan_t2v.json").read_text("utf-8"))
    graph["11"]["inputs"]["steps"] = 8  # fixed here, so the option `steps` is refused from now on
    graph["15"]["inputs"]["filename_prefix"] = "film/{{width}}x{{height}}_{{job_id}}"
    file = folder / "film.json"
    file.write_text(json.dumps(graph), "utf-8")
    return file


async def main() -> None:
    """Make a video with it, and show what the server was asked."""
    wire = ComfyWire(looks=1)
    with TemporaryDirectory() as folder:
        async with LoopbackServer(wire) as server:
            config = {**wire.config(server.origin), "workflow_t2v": str(own_workflow(Path(folder)))}
            settings = Settings.from_env(provider_config={"hunyuan": config})
            async with Studio(settings=settings) as studio:
                result = await studio.generate("a fox in snow", provider="hunyuan", resolution="480p", seed=7)
    graph = json.loads(wire.orders[0].body)["prompt"]
    print(f"prompt {graph['4']['inputs']['text']!r}, seed {graph['9']['inputs']['noise_seed']}")
    print(f"saved as {graph['15']['inputs']['filename_prefix']}")
    print(f"stored: {result.url}")


if __name__ == "__main__":
    asyncio.run(main())
