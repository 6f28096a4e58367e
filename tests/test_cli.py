"""The command for people: what it says, where it says it, and the number it ends with."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cli_rig import Command, command, nexiom
from nexiom_sdk import GenerationJob, JobStatus, Studio, VideoRequest, cli, errors
from nexiom_sdk.cli.exits import EXIT_CODES, MEANINGS, Problem, exit_code
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing.sample_jobs import sample_job

__all__ = ["command"]  # a fixture

EXPECTED_CODES = {
    "NexiomError": 1,
    "ConfigurationError": 3, "MissingCredentials": 3, "UnknownProvider": 3, "PluginError": 3, "InvalidPolicy": 3,
    "RequestError": 2, "UnsupportedFeature": 2, "NoCandidate": 4, "BudgetExceeded": 4, "IdempotencyConflict": 2,
    "ProviderError": 1, "AuthenticationFailed": 1, "QuotaExhausted": 1, "RateLimited": 1, "ProviderUnavailable": 1,
    "ProviderBusy": 1,
    "ContentRejected": 1, "InvalidInput": 2, "SubmissionUncertain": 6, "MalformedResponse": 1, "ModelRetired": 1,
    "GenerationFailed": 1, "ResultExpired": 1, "ResultInvalid": 1, "ResponseTooLarge": 1, "UnsafeUrl": 1, "TimedOut": 1,
    "JobError": 1, "JobNotFound": 2, "JobConflict": 2, "WaitTimeout": 7, "IllegalTransition": 2, "JobCancelled": 1,
    "JobFailed": 1,
    "StorageError": 5, "ObjectNotFound": 5, "StorageUnavailable": 5,
}  # fmt: skip
JOBS_COMMANDS = ("list", "show", "watch", "cancel", "resolve", "resubmit")
COMMANDS = (
    *((name,) for name in ("generate", "estimate", "worker", "migrate", "models", "providers", "costs")),
    ("models", "show"),
    *(("jobs", name) for name in JOBS_COMMANDS),
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    Image.new("RGB", (640, 480), (30, 90, 160)).save(file)
    return file


def test_every_error_class_ends_with_the_code_decided_for_it() -> None:
    classes = {name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, NexiomError)}
    assert {name: exit_code(one) for name, one in classes.items()} == EXPECTED_CODES


def test_every_code_is_explained_on_the_help_page(command: Command) -> None:
    said = command("--help")
    assert set(EXIT_CODES.values()) <= set(MEANINGS)
    for code, meaning in MEANINGS.items():
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", said.out, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_page_has_two_examples(words: tuple[str, ...], command: Command) -> None:
    said = command(*words, "--help")
    assert said.code == 0
    examples = said.out.partition("Examples:")[2].strip().splitlines()
    assert len(examples) == 2
    assert all(line.strip().startswith(" ".join(("nexiom", *words))) for line in examples)


def test_help_and_version_load_neither_the_studio_nor_a_provider() -> None:
    probe = (
        "import sys, json; from nexiom_sdk.cli.app import run; run(['--version']); run(['generate', '--help']); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nexiom 0.1.0\n")
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"httpx", "rich", "sqlite3", "av", "nexiom_sdk.studio", "nexiom_sdk.types"}


def test_without_its_packages_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "rich" else object())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert 'pip install "nexiom_sdk[cli,media]"' in said.err
    assert said.err.count("\n") == 1


def test_without_a_key_a_preview_is_made_and_one_line_says_how_to_get_more(command: Command) -> None:
    said = command("generate", "a fox in snow", "--tier", "cinematic", "--duration", "1", "--resolution", "360p")
    assert said.code == 0, said.err
    [file] = said.out.splitlines()
    assert Path(file).read_bytes()[4:8] == b"ftyp"
    first, *_, last = said.err.splitlines()
    assert "preview" in first
    assert "not AI" in first
    assert "OPENROUTER_API_KEY" in first
    assert said.err.count("OPENROUTER_API_KEY") == 1
    assert last.startswith("preview, not AI")


def test_a_provider_that_was_named_is_never_replaced_by_a_preview(command: Command) -> None:
    said = command("generate", "a fox", "--provider", "wired")
    assert said.code == 3
    assert said.err.splitlines()[0] == "error: The provider 'wired' has no script."
    assert said.err.splitlines()[-1] == "next: Set WIRED_SCRIPT."


def test_piped_output_has_one_plain_line_per_change_and_the_path_alone_on_standard_output(command: Command) -> None:
    said = command("generate", "a fox", "--provider", "wired", script="done")
    assert said.code == 0
    [file] = said.out.splitlines()
    assert file.startswith(str(command.home))
    lines = said.err.splitlines()
    assert len(lines) == len(set(lines))
    assert any(re.fullmatch(r"completed  wired/w1  \d+ s", line) for line in lines)
    assert "\x1b" not in said.err


def test_quiet_says_nothing_but_the_result(command: Command) -> None:
    said = command("generate", "a fox", "--provider", "wired", "--quiet", script="done")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)


def test_output_is_copied_whole_into_folders_that_are_made_for_it(command: Command, tmp_path: Path) -> None:
    said = command("generate", "a fox", "--provider", "wired", "-o", "new/clip.mp4", script="done")
    assert said.code == 0
    copy = tmp_path / "new" / "clip.mp4"
    assert said.out == f"{copy}\n"
    [kept] = (command.home / "outputs").rglob("*.mp4")
    assert copy.read_bytes() == kept.read_bytes()
    assert [one.name for one in copy.parent.iterdir()] == ["clip.mp4"]


def test_output_into_a_folder_is_named_after_the_job(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    said = command("generate", "a fox", "--provider", "wired", "-o", str(folder), script="done")
    [copy] = folder.iterdir()
    assert said.out == f"{copy}\n"
    assert re.fullmatch(r"[0-9a-f-]{36}\.mp4", copy.name)


def test_an_output_that_cannot_be_written_leaves_the_video_and_says_where_it_is(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    said = command("generate", "a fox", "--provider", "wired", "-o", "taken/clip.mp4", script="done")
    assert (said.code, said.out) == (5, "")
    [kept] = (command.home / "outputs").rglob("*.mp4")
    assert said.err.splitlines()[-1] == f"next: It is kept at {kept}"
    assert "taken/clip.mp4" in said.err
    assert command("jobs", "list", "--status", "completed").out.count("\n") == 1


def test_a_copy_that_fails_at_the_last_moment_leaves_nothing_behind(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    said = command("generate", "a fox", "--provider", "wired", "-o", f"folder/{'x' * 300}.mp4", script="done")
    assert said.code == 5
    assert "too long" in said.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("fail:content_rejected", 1, "next: Change the prompt"),
        ("fail:generation_failed", 1, "It is not known whether the provider charged for it."),
        ("lose", 6, "nexiom jobs resolve"),
    ],
)
def test_a_failed_job_says_what_happened_whether_it_cost_and_what_to_do(
    script: str, code: int, words: str, command: Command
) -> None:
    said = command("generate", "a fox", "--provider", "wired", script=script)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert said.err.splitlines()[-1].startswith("next: ")
    assert "JOB" not in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


def test_words_of_strangers_cannot_move_the_cursor_or_turn_text_around(command: Command) -> None:
    refused = command("generate", "a \x1b[2Jfox\u202e", "--provider", "wired", script="fail:content_rejected")
    listed, unknown = command("jobs", "list"), command("jobs", "show", "\x1b[31mred\u202e")
    shown = command("jobs", "show", listed.out.split("\t")[0])
    assert "Not with" in refused.err
    assert "red" in unknown.err
    for said in (refused, listed, unknown, shown):
        assert not {"\x1b", "\u202e"} & set(said.out + said.err)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("generate", "x", "--tier", "cinematc"), 2, "Did you mean 'cinematic'?"),
        (("generate", "x", "--resolution", "721p"), 2, "Did you mean '720p'?"),
        (("generate", "x", "--aspect-ratio", "16x9"), 2, "Did you mean '16:9'?"),
        (("generate", "x", "--duration", "abc"), 2, "--duration"),
        (("generate", "x", "--duration", "nan"), 2, "finite"),
        (("estimate", "x", "--duration", "8s"), 2, "'8s' is not a number of seconds: write 8."),
        (("estimate", "x", "--duration", "2.5 sec"), 2, "write 2.5."),
        (("estimate", "x", "--duration", "long"), 2, "'long' is not a number of seconds, such as 8."),
        (("generate", "x", "--max-cost", "cheap"), 2, "not an amount"),
        (("generate", "x", "--max-cost", "nan"), 2, "max_cost_usd"),
        (("generate", "  "), 2, "The prompt is empty."),
        (("generate",), 2, "PROMPT"),
        (("generate", "x", "--provider", "loca"), 3, "Did you mean 'local'?"),
        (("generate", "x", "--model", "nothing"), 4, "nothing"),
        (("generate", "x", "--provider", "wired", "--max-cost", "0.01"), 4, "$0.01"),
        (("generate", "x", "--provider", "wired", "--duration", "3"), 4, "nearest"),
        (("jobs", "list", "--status", "compelted"), 2, "Did you mean 'completed'?"),
        (("jobs", "show", "nobody"), 2, "There is no job 'nobody'."),
        (("jobs", "watch", "nobody"), 2, "There is no job 'nobody'."),
        (("jobs", "resubmit", "nobody"), 2, "--yes"),
        (("fly",), 2, "fly"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistakes_are_answered_without_a_traceback(
    words: tuple[str, ...], code: int, expected: str, command: Command
) -> None:
    said = command(*words, script="done")
    assert (said.code, said.out) == (code, "")
    assert expected in said.err
    assert said.err.startswith("error: ")
    assert said.err.splitlines()[-1].startswith("next: ")
    assert "Traceback" not in said.err


def test_nearest_takes_what_the_model_offers_and_says_so(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--duration", "3", "--nearest", script="done")
    assert said.code == 0
    assert "warning: asked for 3 s" in said.err


def test_a_usage_error_points_to_the_help_of_its_own_command(command: Command) -> None:
    said = command("jobs", "show")
    assert said.err.splitlines()[-1] == "next: nexiom jobs show --help"


@pytest.mark.parametrize("verb", ["generate", "estimate"])
@pytest.mark.parametrize("kind", ["missing", "a folder", "a link out", "a page named .jpg", "cut in half"])
def test_a_reference_that_cannot_be_used_is_refused_before_anything_is_ordered(
    kind: str, verb: str, command: Command, tmp_path: Path, photo: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    file = folder / "reference.jpg"
    match kind:
        case "a folder":
            file.mkdir()
        case "a link out":
            file.symlink_to(photo)
        case "a page named .jpg":
            file.write_text("<!doctype html><p>not found")
        case "cut in half":
            file.write_bytes(photo.read_bytes()[:40])
        case _:
            pass
    said = command(verb, "x", "--provider", "wired", "--reference", str(file), script="done")
    assert (said.code, said.out) == (2, "")
    assert "reference.jpg" in said.err
    assert "Nothing was charged." in said.err
    assert command("jobs", "list").out == ""


def test_a_reference_may_be_named_from_anywhere(command: Command, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photo.parent / "elsewhere").mkdir()
    monkeypatch.chdir(photo.parent / "elsewhere")
    said = command("generate", "x", "--provider", "wired", "--reference", "../photo.jpg", script="done")
    assert said.code == 0, said.err


def test_a_picture_is_made_to_fit_only_where_that_is_asked_for(
    command: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"wired/w1": {"media_limits": {"image": {"max_side_pixels": 320}}}}
    (tmp_path / "cards.json").write_text(json.dumps({"as_of": "2026-11-26", "cards": known}))
    monkeypatch.setenv("NEXIOM_CARDS", str(tmp_path / "cards.json"))
    words = ("x", "--provider", "wired", "--reference", str(photo))
    refused = command("generate", *words, script="done")
    assert (refused.code, refused.out) == (2, "")
    assert "at most 320 on a side" in refused.err
    assert "--fit" in refused.err
    said = command("generate", *words, "--fit", script="done")
    assert said.code == 0, said.err
    assert "warning: the first frame 'photo.jpg' was scaled from 640x480 to 320x240" in said.err
    assert command("estimate", *words, "--fit", script="done").code == 0


@pytest.mark.parametrize("verb", ["generate", "estimate"])
def test_fitting_needs_a_picture(verb: str, command: Command) -> None:
    said = command(verb, "x", "--provider", "wired", "--fit", script="done")
    assert (said.code, said.out) == (2, "")
    assert "--reference" in said.err


def test_estimate_shows_choice_reasons_and_price_and_writes_no_job(command: Command) -> None:
    said = command("estimate", "x", "--provider", "wired", script="done")
    assert said.code == 0
    assert "chosen   wired/w1 · 4 s · 720p · silent · $0.40" in said.out
    assert command("jobs", "list").out == ""


def test_estimate_without_a_fitting_model_shows_why_and_ends_with_4(command: Command) -> None:
    said = command("estimate", "x", "--provider", "wired", "--duration", "3", script="done")
    assert said.code == 4
    assert "dropped  wired/w1: 3 s is not offered" in said.out


def test_estimate_without_a_key_says_what_generate_would_do(command: Command) -> None:
    said = command("estimate", "x", "--tier", "cinematic")
    assert said.code == 0
    assert said.out.startswith("chosen   local/preview")
    assert "not AI" in said.err


@pytest.mark.parametrize("verb", ["estimate", "generate"])
@pytest.mark.parametrize(
    ("model", "step"),
    [("wan3", "Set RUNWAYML_API_SECRET."), ("kling-v1", "`nexiom models` lists what there is.")],
)
def test_a_named_model_that_cannot_be_used_ends_with_what_would_help(
    verb: str, model: str, step: str, command: Command
) -> None:
    said = command(verb, "x", "--model", model)
    assert said.code == 4
    assert said.err.splitlines()[-1] == f"next: {step}"


def test_detach_orders_and_says_how_to_watch(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--detach", "-o", "my fox.mp4", script="hang")
    assert said.code == 0
    [line] = command("jobs", "list").out.splitlines()
    job_id, status, *_ = line.split("\t")
    assert status == "processing"
    assert said.out == f"nexiom jobs watch {job_id} --output 'my fox.mp4'\n"


def test_defer_only_writes_the_job_down_and_a_worker_orders_it(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--defer", "-o", "my fox.mp4", script="done")
    job_id, status, *_ = command("jobs", "list").out.split("\t")
    assert (said.code, status) == (0, "pending")
    assert said.out == f"nexiom jobs watch {job_id} --output 'my fox.mp4'\n"
    assert "The job is written down; a worker orders it." in said.err
    [line] = command("jobs", "list", "--json").lines
    assert line["phase"] == "queued"
    assert command("worker", "--once", script="done").code == 0
    assert "completed" in command("jobs", "list").out
    assert command("generate", "x", "--defer", "--detach").code == 2


def test_jobs_are_counted_by_phase_and_what_is_due_is_told(command: Command) -> None:
    assert command("jobs", "count").out.splitlines()[-1] == "due             0"
    for script, more in (("hang", "--detach"), ("done", "--defer"), ("done", "--defer"), ("lose", "--detach")):
        command("generate", "x", "--provider", "wired", more, script=script)
    said = command("jobs", "count")
    assert said.code == 0
    assert said.out.splitlines()[:5] == [
        "queued          2",
        "submitting      0",
        "waiting         1",
        "saving          0",
        "unknown         1",
    ]
    assert re.fullmatch(r"due +[23]  the oldest for \d+ s", said.out.splitlines()[-1])
    [line] = command("jobs", "count", "--json").lines
    assert (line["event"], line["queued"], line["unknown"], line["counted_all"]) == ("counts", 2, 1, True)


def test_of_very_many_jobs_only_some_are_counted_and_that_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.cli.counting.MOST_COUNTED", 2)
    for _ in range(2):
        command("generate", "x", "--provider", "wired", "--defer", script="done")
    assert "only the newest 2 were counted" in command("jobs", "count").out
    [line] = command("jobs", "count", "--json").lines
    assert line["counted_all"] is False


def test_jobs_that_wait_for_a_person_are_listed_by_the_word_that_lists_have_for_them(command: Command) -> None:
    for script in ("lose", "fail:generation_failed", "hang"):
        command("generate", "x", "--provider", "wired", "--timeout", "5", script=script)
    [line] = command("jobs", "list", "--status", "uncertain").out.splitlines()
    assert line.split("\t")[1] == "uncertain"
    assert len(command("jobs", "list", "--status", "failed").out.splitlines()) == 2
    refused = command("jobs", "list", "--status", "uncertian")
    assert "Did you mean 'uncertain'?" in refused.err
    assert "charged" not in refused.err


def test_unfinished_videos_from_before_this_library_wait_for_nobody(command: Command) -> None:
    async def put() -> list[str]:
        async with Studio.from_env() as studio:
            old = [
                sample_job(SystemClock(), status=status, phase=Phase.UNKNOWN, provider=None, model=None)
                for status in (JobStatus.PENDING, JobStatus.PROCESSING)
            ]
            return [(await studio.repository.add(job)).id for job in old]

    pending, processing = asyncio.run(put())
    said = command("jobs", "list", "--status", "uncertain")
    assert (said.code, said.out, said.err) == (0, "", "No job is uncertain: none waits for a person.\n")
    assert command("jobs", "list", "--status", "uncertain", "--json").out == ""
    command("generate", "x", "--provider", "wired", "--timeout", "5", script="lose")
    [line] = command("jobs", "list", "--status", "uncertain").out.splitlines()
    assert line.partition("\t")[0] not in {pending, processing}
    [counts] = command("jobs", "count", "--json").lines
    assert counts["unknown"] == 1
    listed = {line.split("\t")[0]: line.split("\t")[1] for line in command("jobs", "list").out.splitlines()}
    assert (listed[pending], listed[processing]) == ("pending, not ours", "processing, not ours")
    for verb in (("cancel",), ("resubmit", "--yes"), ("watch",), ("resolve", "--provider-job-id", "x")):
        refused = command("jobs", verb[0], pending, *verb[1:])
        assert (refused.code, refused.out) == (2, ""), verb
        assert "was in the table before this library" in refused.err
        assert "failed" not in refused.err


def test_detach_does_not_say_that_an_order_is_on_its_way_when_nothing_could_be_sent(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--detach", script="down")
    [line] = command("jobs", "list").out.splitlines()
    job_id = line.split("\t")[0]
    assert (said.code, said.out) == (0, f"nexiom jobs watch {job_id}\n")
    assert "The order is written down; wired did not take it yet: Wired could not be reached: no" in said.err
    assert f"A worker or `nexiom jobs watch {job_id}` sends it." in said.err
    assert "on its way" not in said.err
    assert "\x1b" not in said.err


def test_a_timeout_leaves_the_job_and_says_how_to_go_on(command: Command) -> None:
    said = command("--home", str(command.home), "generate", "x", "--provider", "wired", "--timeout", "2", script="hang")
    assert (said.code, said.out) == (7, "")
    [line] = command("jobs", "list").out.splitlines()
    assert said.err.splitlines()[-1] == f"next: nexiom --home {command.home} jobs watch {line.split(chr(9))[0]}"
    assert "processing" in line


def test_the_same_client_key_is_the_same_job(command: Command) -> None:
    words = ("generate", "x", "--provider", "wired", "--client-key", "tap-1")
    first, second = command(*words, script="done"), command(*words)
    assert first.out == second.out != ""


def test_a_job_is_listed_shown_and_cancelled(command: Command) -> None:
    command("generate", "x", "--provider", "wired", "--detach", script="hang")
    job_id = command("jobs", "list").out.split("\t")[0]
    shown = command("jobs", "show", job_id).out
    assert re.search(r"^phase +waiting$", shown, re.MULTILINE)
    assert re.search(r"^result_url +-$", shown, re.MULTILINE)
    assert "chosen   wired/w1" in shown
    cancelled = command("jobs", "cancel", job_id)
    assert cancelled.code == 0
    assert "cost is open" in cancelled.err
    assert command("jobs", "list", "--status", "failed").out.split("\t")[1] == "cancelled"


def test_a_failed_job_is_ordered_again_on_purpose(command: Command) -> None:
    command("generate", "x", "--provider", "wired", script="lose")
    job_id = command("jobs", "list").out.split("\t")[0]
    again = command("jobs", "resubmit", job_id, "--yes", script="done")
    assert (again.code, again.out) == (0, f"nexiom jobs watch {job_id}\n")
    assert command("jobs", "watch", job_id).out.endswith(".mp4\n")
    assert "nothing to cancel" in command("jobs", "cancel", job_id).err


def test_a_row_that_is_no_video_is_said_to_be_none_of_ours(command: Command) -> None:
    image = sample_job(SystemClock(), type="image", status=JobStatus.FAILED, phase=Phase.UNKNOWN, fence=1)

    async def in_the_table() -> GenerationJob | None:
        async with Studio.from_env() as studio:
            return await studio.repository.get(image.id) or await studio.repository.add(image)

    before = asyncio.run(in_the_table())
    for verb in (("resubmit", "--yes"), ("resolve", "--provider-job-id", "x"), ("cancel",), ("watch",), ("show",)):
        said = command("jobs", verb[0], image.id, *verb[1:])
        assert (said.code, said.out) == (2, "")
        assert f"The row '{image.id}' is of the type 'image': only videos are this library's jobs." in said.err
    assert asyncio.run(in_the_table()) == before


def test_an_uncertain_order_is_resolved_with_the_id_that_was_found(command: Command) -> None:
    command("generate", "x", "--provider", "wired", script="lose")
    job_id, status, *_ = command("jobs", "list").out.split("\t")
    assert status == "uncertain"
    typo = command("jobs", "resolve", job_id, "--provider-job-id", "fuond-1")
    assert (typo.code, typo.out) == (2, "")
    assert "no order fuond-1" in typo.err
    assert "Nothing was changed." in typo.err
    assert "charged" not in typo.err
    assert f"nexiom jobs resubmit {job_id}" in typo.err.splitlines()[-1]
    said = command("jobs", "resolve", job_id, "--provider-job-id", "found-1")
    assert said.code == 0
    assert re.search(r"^provider_job_id +found-1$", command("jobs", "show", job_id).out, re.MULTILINE)


def test_a_worker_that_works_once_finishes_what_is_due(command: Command) -> None:
    async def written_down() -> None:
        async with Studio.from_env() as studio:
            await studio.submit(VideoRequest(prompt="x", provider="local", duration_seconds=1), defer=True)

    asyncio.run(written_down())
    said = command("worker", "--once")
    assert (said.code, said.out) == (0, "")
    _, moved, _ = said.err.splitlines()
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  [0-9a-f-]{36}  completed", moved)
    assert "completed" in command("jobs", "list").out


def test_a_database_that_is_not_one_is_an_error_like_any_other(command: Command) -> None:
    command.home.mkdir()
    (command.home / "nexiom.db").write_bytes(b"this is not a database, it is a sentence " * 100)
    said = command("jobs", "list")
    assert (said.code, said.out) == (5, "")
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("NEXIOM_LEASE_SECONDS", "soon", "NEXIOM_LEASE_SECONDS"),
        ("NEXIOM_LOG", "inf", "Did you mean 'info'?"),
        ("NEXIOM_DATABASE_URL", "ftp://x", "'ftp:'"),
    ],
)
def test_a_variable_with_nonsense_is_named(
    variable: str, value: str, named: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    said = command("jobs", "list")
    assert said.code == 3
    assert named in said.err


def test_the_log_is_silent_unless_asked_for(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "job_created" not in command("generate", "x", "--provider", "wired", script="done").err
    monkeypatch.setenv("NEXIOM_LOG", "info")
    assert "job_created" in command("generate", "x", "--provider", "wired").err
    monkeypatch.setenv("NEXIOM_LOG", "debug")
    assert "Traceback" in command("jobs", "show", "nobody").err


def test_an_error_speaks_the_language_of_the_command() -> None:
    error = errors.MissingCredentials("No key.")
    assert "--provider local" in Problem.of(error).next_step
    failed = errors.JobFailed("It failed.", job_id="j1", charged="yes")
    assert Problem.of(failed).next_step == "`nexiom jobs show j1` has the whole row."
    assert Problem.of(failed).money == "The provider has probably charged for it."


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = nexiom(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"nexiom 0.1.0\n", b"")


def test_an_amount_in_dollars_may_have_its_sign(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--max-cost", "$0.40", script="done")
    assert said.code == 0


@pytest.mark.parametrize(("answer", "code"), [("n", 130), ("y", 0)])
def test_ordering_again_asks_a_person_first(
    answer: str, code: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    command("generate", "x", "--provider", "wired", script="lose")
    job_id = command("jobs", "list").out.split("\t")[0]
    monkeypatch.setattr(sys, "stdin", Keyboard(f"{answer}\n"))
    said = command("jobs", "resubmit", job_id, script="done")
    assert said.code == code
    assert "This may cost again." in said.err
    assert ("Nothing was done." in said.err) is (answer == "n")
    status = command("jobs", "list").out.split("\t")[1]
    assert status == ("uncertain" if answer == "n" else "completed")
