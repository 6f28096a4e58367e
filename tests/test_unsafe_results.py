"""Addresses of results that must not be opened, as the user sees it: rows F21 to F23 of the fault catalogue.

Every address here ends on loopback, and what would have gone into a private network is counted by one listener there.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from media_faults_rig import (
    CANARY,
    VIDEO,
    Internet,
    ResultWire,
    Seen,
    internet,
    runway,
    seen,
    self_signed,
    served_by,
    spooled,
    step,
    until_saving,
)
from nexiom_sdk import JobStatus
from nexiom_sdk.errors import NexiomError, ProviderUnavailable, UnsafeUrl
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import Answer, Cut, LoopbackServer
from wire_rig import bench

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REDIRECTS = [
    ("http://169.254.169.254/latest/meta-data?sig=CANARY", "http://169.254.169.254 was not opened: it is not https"),
    ("https://169.254.169.254/latest?sig=CANARY", "169.254.169.254 was not opened: it leads into a private network"),
    ("https://127.0.0.1/admin?sig=CANARY", "127.0.0.1 was not opened: it leads into a private network"),
    ("file:///etc/passwd?sig=CANARY", "it has no host"),
    ("http://cdn.example/v.mp4?sig=CANARY", "http://cdn.example was not opened: it is not https"),
    ("ftp://cdn.example/v.mp4?sig=CANARY", "ftp://cdn.example"),
    ("https://cdn.example:8443/v.mp4?sig=CANARY", "only the port 443"),
    ("https://me:CANARY@cdn.example/v.mp4", "a login in it"),
    ("//169.254.169.254/latest?sig=CANARY", "169.254.169.254"),
    ("/results/again.mp4?sig=CANARY", "redirects its file more than 3 times"),
]


@pytest.fixture
async def net(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    async with internet(monkeypatch) as made:
        yield made


def is_told_as_unsafe(got: Seen, words: str) -> None:
    """The job is over, and whoever reads why is told what is wrong, of the money, and what can be done."""
    assert isinstance(got.error, UnsafeUrl)
    assert (got.job.status, got.job.error_code, got.error.charged) == (JobStatus.FAILED, "unsafe_url", "yes")
    assert got.error.message.startswith("Runway gave an address for the video that is not safe to open.")
    assert words in got.error.message
    assert "has probably charged" in str(got.error)
    assert "provider's console" in got.error.next_step
    assert f"`nexiom jobs resubmit {got.job.id}` pays for a new one." in got.error.next_step
    assert (got.videos, got.paid) == ([], 1)


@pytest.mark.parametrize(("location", "words"), REDIRECTS)
async def test_f21_a_redirect_to_what_must_not_be_opened_is_refused_before_anything_is_dialled(
    location: str, words: str, net: Internet, tmp_path: Path
) -> None:
    net.has("cdn.example", ["8.8.8.8"])
    wire = ResultWire(Answer(302, headers={"location": location}))
    async with runway(tmp_path, wire) as at:
        is_told_as_unsafe(await seen(at), words)
        assert spooled(at) == []
    assert (net.dialled, net.inside.connections) == ([], 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_f21_no_other_port_of_this_machine_is_reached_by_a_redirect(
    scheme: str, net: Internet, tmp_path: Path
) -> None:
    async with LoopbackServer(lambda _: VIDEO) as other:
        location = f"{other.origin.replace('http', scheme)}/v.mp4?sig={CANARY}"
        async with runway(tmp_path, ResultWire(Answer(307, headers={"location": location}))) as at:
            is_told_as_unsafe(await seen(at), "was not opened")
        assert other.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_f21_a_redirect_to_another_host_is_followed_without_the_key(
    status: int, net: Internet, tmp_path: Path
) -> None:
    async with LoopbackServer(lambda _: VIDEO, tls=net.certificate("cdn.example")) as cdn:
        net.has("cdn.example", ["8.8.8.8"], server=cdn)
        async with bench("openrouter", tmp_path) as at:
            away = Answer(status, headers={"location": f"https://cdn.example/v.mp4?sig={CANARY}", "set-cookie": "a=b"})
            at.wire.break_next("content", away)
            got = await seen(at)
            [home] = [one for one in at.server.received if at.wire.verb(one) == "content"]
    assert got.result is not None
    assert (got.videos, got.paid) == ([got.result.path], 1)
    [there] = cdn.received
    assert home.headers["authorization"] == "Bearer sk-or-v1-not-a-real-one"
    assert {"authorization", "cookie", "referer"}.isdisjoint(there.headers)
    assert (net.dialled, there.query) == (["8.8.8.8"], {"sig": (CANARY,)})


# Spellings of private addresses, and what names answer that lead to them.
HOSTS: Mapping[str, tuple[str, Sequence[list[str]]]] = {
    "a decimal number": ("2130706433", ()),
    "hexadecimal": ("0x7f.1", ()),
    "octal": ("0177.0.0.1", ()),
    "short": ("127.1", ()),
    "a trailing dot": ("127.0.0.1.", ()),
    "a name with a trailing dot": ("cdn.example.", [["127.0.0.1"]]),
    "mapped into version 6": ("[::ffff:127.0.0.1]", ()),
    "version 6": ("[::1]", ()),
    "NAT64": ("[64:ff9b::7f00:1]", ()),
    "a local NAT64": ("[64:ff9b:1::7f00:1]", ()),
    "6to4": ("[2002:7f00:1::]", ()),
    "the machine that the cloud asks": ("[fd00:ec2::254]", ()),
    "full-width digits": ("１２７.０.０.１", ()),
    "a private answer": ("cdn.example", [["10.0.0.7"]]),
    "mixed answers": ("cdn.example", [["8.8.8.8", "127.0.0.1"]]),
    "mixed answers of version 6": ("cdn.example", [["2606:4700::1111", "::ffff:10.0.0.1"]]),
    "a mapped answer": ("cdn.example", [["::ffff:169.254.169.254"]]),
    "a NAT64 answer": ("cdn.example", [["64:ff9b::a9fe:a9fe"]]),
    "shared address space": ("cdn.example", [["100.64.0.1"]]),
}
NO_HOSTS = {"octal", "full-width digits"}  # to the HTTP library they are none


@pytest.mark.parametrize("by", ["an address", "a redirect"])
@pytest.mark.parametrize("how", HOSTS)
async def test_f22_no_spelling_and_no_answer_of_a_name_leads_inside(
    how: str, by: str, net: Internet, tmp_path: Path
) -> None:
    host, answers = HOSTS[how]
    if answers:
        net.has(host, *answers)
    url = f"https://{host}/latest/meta-data?sig={CANARY}"
    wire = ResultWire(addresses=lambda _order, _look: [url])
    if by == "a redirect":
        wire = ResultWire(Answer(302, headers={"location": url.encode().decode("latin-1")}))
    async with runway(tmp_path, wire) as at:
        is_told_as_unsafe(await seen(at), "it has no host" if how in NO_HOSTS else "it leads into a private network")
    assert (net.dialled, net.inside.connections) == ([], 0)


@pytest.mark.parametrize("then", ["127.0.0.1", "169.254.169.254", "::1"])
async def test_f22_a_name_that_leads_inside_when_the_download_goes_on_is_not_followed(
    then: str, net: Internet, tmp_path: Path
) -> None:
    cut = Cut(VIDEO, -5000)
    async with LoopbackServer(lambda _: cut, tls=net.certificate("cdn.example")) as cdn:
        net.has("cdn.example", ["8.8.8.8"], [then], server=cdn)
        wire = ResultWire(addresses=lambda _order, _look: [f"https://cdn.example/v.mp4?sig={CANARY}"])
        async with runway(tmp_path, wire) as at:
            is_told_as_unsafe(await seen(at), "cdn.example was not opened: it leads into a private network")
            assert spooled(at) == []
        assert (len(cdn.received), net.dialled) == (1, ["8.8.8.8"])


async def test_f22_what_was_looked_at_is_what_is_dialled_and_the_name_is_not_asked_again(
    net: Internet, tmp_path: Path
) -> None:
    async with LoopbackServer(lambda _: VIDEO, tls=net.certificate("cdn.example")) as cdn:
        net.has("cdn.example", ["8.8.8.8"], ["127.0.0.1"], server=cdn)
        wire = ResultWire(addresses=lambda _order, _look: ["https://cdn.example/v.mp4"])
        async with runway(tmp_path, wire) as at:
            got = await seen(at)
    assert (len(got.videos), net.dialled) == (1, ["8.8.8.8"])


CERTIFICATES: Mapping[str, tuple[Callable[[Internet], ssl.SSLContext], str]] = {
    "expired": (lambda net: net.certificate("cdn.example", not_after=LONG_AGO), "certificate has expired"),
    "of another host": (lambda net: net.certificate("other.example"), "Hostname mismatch"),
    "of nobody known": (lambda _: served_by(trustme.CA(), "cdn.example"), "unable to get local issuer certificate"),
    "self-signed": (lambda _: self_signed(), "self-signed certificate"),
}


@pytest.mark.parametrize("which", CERTIFICATES)
async def test_f23_a_bad_certificate_is_refused_and_named_and_the_job_waits_for_a_good_one(
    which: str, net: Internet, tmp_path: Path
) -> None:
    make, words = CERTIFICATES[which]
    wire = ResultWire(addresses=lambda _order, _look: [f"https://cdn.example/v.mp4?sig={CANARY}"])
    async with runway(tmp_path, wire) as at:
        async with LoopbackServer(lambda _: VIDEO, tls=make(net)) as bad:
            net.has("cdn.example", ["8.8.8.8"], server=bad)
            job = await until_saving(at)
            assert (bad.connections > 0, bad.received) == (True, [])
        assert (job.status, job.phase) == (JobStatus.PROCESSING, Phase.SAVING)
        trouble = str(job.provider_metadata["trouble"])
        assert trouble.startswith(
            "The file of Runway cannot be fetched now: the certificate of cdn.example is refused ("
        )
        assert words in trouble
        assert spooled(at) == []
        async with LoopbackServer(lambda _: VIDEO, tls=net.certificate("cdn.example")) as good:
            net.has("cdn.example", ["8.8.8.8"], server=good)
            job = await step(at, job)
        assert (job.status, len(wire.orders)) == (JobStatus.COMPLETED, 1)


async def _ended_by_a_bad_certificate(net: Internet, home: Path) -> NexiomError:
    """What the user is told when a certificate stays bad for as long as the job waits for a good one."""
    wire = ResultWire(addresses=lambda _order, _look: [f"https://cdn.example/v.mp4?sig={CANARY}"])
    async with (
        runway(home, wire) as at,
        LoopbackServer(lambda _: VIDEO, tls=net.certificate("cdn.example", not_after=LONG_AGO)) as bad,
    ):
        net.has("cdn.example", ["8.8.8.8"], server=bad)
        job = await until_saving(at)
        at.clock.advance(24 * 3600)
        job = await step(at, job)
        assert (job.status, bad.received, len(wire.orders)) == (JobStatus.FAILED, [], 1)
        return job.failure()


async def test_f23_a_certificate_that_stays_bad_ends_the_job_after_a_day(net: Internet, tmp_path: Path) -> None:
    error = await _ended_by_a_bad_certificate(net, tmp_path)
    assert (type(error), error.charged) == (ProviderUnavailable, "yes")
    assert "the certificate of cdn.example is refused (certificate has expired)" in error.message


async def test_f23_a_job_that_is_over_does_not_promise_to_try_again(net: Internet, tmp_path: Path) -> None:
    error = await _ended_by_a_bad_certificate(net, tmp_path)
    assert "tries again by itself" not in error.next_step


async def test_f23_no_certificate_is_asked_of_a_server_that_the_operator_named_by_http_only(
    net: Internet, tmp_path: Path
) -> None:
    # There is no switch that turns the check off; plain http is for the very origin that the operator named.
    async with LoopbackServer(lambda _: VIDEO) as other:
        wire = ResultWire(addresses=lambda _order, _look: [f"{other.origin}/v.mp4"])
        async with runway(tmp_path, wire) as at:
            is_told_as_unsafe(await seen(at), "it is not https")
        assert other.connections == 0
