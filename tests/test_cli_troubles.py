"""What a person learns of a job that waits for somebody, and of pictures that the model does not take as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from cli_rig import Command, Said, command

__all__ = ["command"]  # a fixture

STEP = "jobs stay as they are and go on by themselves."
CROPPED = "the first frame 'wide.jpg' was cropped from"


@pytest.fixture
def store_that_is_down(command: Command) -> None:
    command.home.mkdir()
    (command.home / "outputs").write_text("a file where the store has a folder")


@pytest.fixture
def waiting(store_that_is_down: None, command: Command) -> Said:
    """A job whose video the store does not take."""
    return command("generate", "x", "--provider", "wired", "--timeout", "3", script="done")


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    file = tmp_path / "wide.jpg"
    Image.new("RGB", (900, 200), (30, 90, 160)).save(file)
    return file


def test_the_end_of_a_wait_says_what_the_job_waits_for_and_what_mends_it(waiting: Said) -> None:
    assert waiting.code == 7
    error = next(line for line in waiting.err.splitlines() if line.startswith("error: "))
    assert "The job is still running after 3 s; it stays alive. The" in error
    assert "The video is safe in " in error
    assert error.endswith(STEP)


@pytest.mark.usefixtures("waiting")
def test_lists_and_rows_say_what_a_job_waits_for_and_what_mends_it(command: Command) -> None:
    listed = command("jobs", "list").out
    assert "The video is safe in " in listed
    assert listed.endswith(f"{STEP}\n")
    [row] = command("jobs", "list", "--json").lines
    shown = command("jobs", "show", str(row["id"])).out
    assert re.search(r"^Trouble\n.*The video is safe in .*\nnext: .*by themselves\.$", shown, re.MULTILINE)
    assert shown.count("The video is safe in ") == 1
    [whole] = command("jobs", "show", str(row["id"]), "--json").lines
    for fields in (row, whole):
        assert "The video is safe in " in str(fields["trouble"])
        assert str(fields["trouble_next_step"]).endswith(STEP)


@pytest.mark.usefixtures("waiting")
def test_a_job_that_went_on_has_no_trouble_and_no_next_step(command: Command) -> None:
    (command.home / "outputs").unlink()
    job_id = command("jobs", "list").out.split("\t")[0]
    assert command("jobs", "watch", job_id).code == 0
    [row] = command("jobs", "list", "--json").lines
    assert (row["status"], row["trouble"], row["trouble_next_step"]) == ("completed", None, None)


@pytest.mark.usefixtures("store_that_is_down")
def test_a_worker_says_which_job_it_cannot_store_and_until_when_jobs_wait(command: Command) -> None:
    command("generate", "x", "--provider", "wired", "--timeout", "0", script="done")
    said = command("worker", "--once", script="done")
    job_id = command("jobs", "list").out.split("\t")[0]
    warnings = [line for line in said.err.splitlines() if f"WARNING job {job_id} waits: " in line]
    assert len(warnings) == 1
    assert warnings[0].endswith(STEP)
    assert re.search(r"^20\S+ \S+  worker stopped; 1 job waits until 20\S+ \S+ UTC$", said.err, re.MULTILINE)
    again = command("worker", "--once", "--json", script="done")
    assert again.lines[-1]["waiting"] == 1
    assert re.fullmatch(r"20\S+T\S+\+00:00", str(again.lines[-1]["until"]))


@pytest.mark.usefixtures("store_that_is_down")
def test_an_order_that_is_only_made_says_that_its_video_is_not_stored_yet(command: Command) -> None:
    said = command("generate", "x", "--provider", "wired", "--detach", script="done")
    assert said.code == 0
    assert "The video is made, and not stored yet. The store in " in said.err
    assert said.err.endswith(f"{STEP}\n")


def test_a_worker_that_leaves_nothing_says_no_more_than_that_it_stopped(command: Command) -> None:
    assert command("worker", "--once").err.endswith("worker stopped\n")


@pytest.mark.parametrize("more", [(), ("--detach",)], ids=["followed", "detached"])
def test_what_was_done_to_a_picture_is_said_when_it_is_ordered_and_once(
    more: tuple[str, ...], command: Command, wide: Path
) -> None:
    words = ("generate", "x", "--provider", "wired", "--reference", str(wide), "--fit", *more)
    said = command(*words, script="done")
    assert said.code == 0, said.err
    first, second, *_ = said.err.splitlines()
    assert first.startswith("job ")
    assert second.startswith(f"warning: {CROPPED}")
    assert said.err.count(CROPPED) == 1


def test_scripts_hear_of_it_with_the_first_object(command: Command, wide: Path) -> None:
    words = ("generate", "x", "--provider", "wired", "--reference", str(wide), "--fit", "--json")
    for more in ((), ("--detach",)):
        assert CROPPED in str(command(*words, *more, script="done").lines[0]["warnings"])


@pytest.mark.parametrize("verb", ["estimate", "generate"])
def test_a_picture_that_the_model_does_not_take_is_refused_by_an_estimate_too(
    verb: str, command: Command, wide: Path
) -> None:
    said = command(verb, "x", "--provider", "wired", "--reference", str(wide), script="done")
    assert (said.code, said.out) == (2, "")
    assert "w1 does not take the reference 'wide.jpg': it is 4.50 times as wide as high" in said.err
    assert not (command.home / "inputs").exists()


def test_an_estimate_says_what_would_be_done_to_a_picture_and_keeps_nothing(command: Command, wide: Path) -> None:
    said = command("estimate", "x", "--provider", "wired", "--reference", str(wide), "--fit", script="done")
    assert said.code == 0, said.err
    assert CROPPED in said.out
    assert not (command.home / "inputs").exists()
    assert command("jobs", "list").out == ""


@pytest.mark.parametrize("verb", ["estimate", "generate"])
def test_an_address_that_nobody_may_open_is_a_wrong_request(verb: str, command: Command) -> None:
    said = command(verb, "x", "--provider", "wired", "--reference", "https://127.0.0.1/fox.png", script="done")
    assert (said.code, said.out) == (2, "")
    assert "127.0.0.1" in said.err


def test_a_video_that_ends_with_the_process_is_announced(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEXIOM_STORE_URL", "memory://")
    words = ("generate", "x", "--provider", "wired")
    assert "the video is lost when the command ends" in command(*words, script="done").err
    assert "lost" not in command(*words, "--output", str(tmp_path / "fox.mp4"), script="done").err
