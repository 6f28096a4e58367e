from __future__ import annotations

import json
import subprocess
import sys

import nexiom_sdk

PUBLIC = {
    "Choice", "ContentRejected", "Event", "GenerationJob", "JobError", "JobRepository", "JobStatus", "Media",
    "ModelCard",
    "NexiomError", "ObjectStore", "Policy", "ProviderError", "QualityTier", "Settings", "Studio", "SyncStudio",
    "VideoProvider", "VideoRequest", "VideoResult",
}  # fmt: skip

HEAVY = {"httpx", "pydantic", "tenacity", "typer", "rich", "av", "PIL", "sqlite3", "psycopg", "asyncio"}


def _modules_after(code: str) -> set[str]:
    probe = f"import sys\n{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_public_names_are_these_twenty() -> None:
    assert set(nexiom_sdk.__all__) == PUBLIC
    assert len(nexiom_sdk.__all__) == 20
    for name in PUBLIC:
        assert getattr(nexiom_sdk, name) is not None


def test_nothing_else_is_offered() -> None:
    assert set(dir(nexiom_sdk)) == PUBLIC | {"__version__"}
    assert nexiom_sdk.__version__ == "0.1.0"


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = _modules_after("import nexiom_sdk")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("nexiom_sdk")} == {"nexiom_sdk"}


def test_a_studio_loads_no_adapter_driver_plug_in_or_terminal_library() -> None:
    loaded = _modules_after("import nexiom_sdk; nexiom_sdk.Studio(); nexiom_sdk.SyncStudio()")
    assert not loaded & {"typer", "rich", "av", "PIL", "sqlite3", "psycopg", "httpx", "nexiom_sdk.testing"}
    unused = (
        "nexiom_sdk.backends",
        "nexiom_sdk.preview",
        "nexiom_sdk.cli",
        "nexiom_sdk.engine",
        "nexiom_sdk.selection",
    )
    assert not {name for name in loaded if name.startswith(unused)}
    assert "nexiom_sdk.providers.local" not in loaded
