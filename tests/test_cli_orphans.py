"""`nexiom jobs sweep`: what it says to people and to scripts."""

from __future__ import annotations

import os
import time

from cli_rig import Command, command

__all__ = ["command"]  # a fixture


def test_what_no_job_names_is_listed_and_removed_only_on_request(command: Command) -> None:
    made = command("generate", "a fox", "--provider", "local", "--duration", "1", "--json").lines[-1]
    folder = command.home / "outputs" / "_" / str(made["job_id"])
    orphan = folder / "7.mp4"
    orphan.write_bytes(bytes(2048))
    assert command("jobs", "sweep").err == "There is no stored file that its job does not name.\n"
    then = time.time() - 25 * 3600
    for file in folder.iterdir():
        os.utime(file, (then, then))
    key = f"outputs/_/{made['job_id']}/7.mp4"
    said = command("jobs", "sweep")
    assert said.out.split("\t")[:2] == [key, "2 KiB"]
    assert said.err == "1 file, 2 KiB. Remove them with --delete.\n"
    assert orphan.exists()
    [line] = command("jobs", "sweep", "--delete", "--json").lines
    assert (line["event"], line["key"], line["size_bytes"], line["deleted"]) == ("orphan", key, 2048, True)
    assert sorted(file.name for file in folder.iterdir()) == ["0.jpg", "0.mp4"]
