# SPDX-License-Identifier: Apache-2.0
"""Messages reach people: through a real HTTP service and a real mail server, after failures, restarts and kill -9."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from edge.notify import Sender
from edge.notify_contacts import Contact, Contacts, ContactsRefused, load
from edge.notify_keeper import NotifyKeeper, Told
from edge.notify_queue import QUEUE_MAX, Notice, Queue
from tests.support.ntfy import NtfyServer
from tests.support.waiting import until

TITLE = {"vi": "Nghiêm trọng: Trại thử", "en": "Critical: Trial farm"}
BODY = {"vi": "Nhà ớt: Chống nóng: 43 °C", "en": "Pepper house: against the heat: 43 °C"}


class Mailbox:
    """Keeps the mails that a real SMTP server took."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(  # noqa: N802 the name that aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextlib.asynccontextmanager
async def mail_server(box: Mailbox) -> AsyncIterator[int]:
    """Serve SMTP for ``box``; gives the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def contacts_file(folder: Path, *contacts: tuple[str, tuple[str, ...]], more: str = "", mode: int = 0o600) -> Path:
    path = folder / "contacts.toml"
    rows = [f'[[contact]]\nname = "{name}"\nways = {json.dumps(list(ways))}\n{more}' for name, ways in contacts]
    path.write_text("\n".join(rows), encoding="utf-8")
    path.chmod(mode)
    return path


def notice(number: int = 1, severity: str = "critical", why: str = "raised", tier: int = 1) -> Notice:
    return Notice(f"{number:08d}", 0, severity, why, tier, TITLE, BODY)


@contextlib.asynccontextmanager
async def kept(state: Path, contacts: Path, told: list[Told], pause: str = "0.05") -> AsyncIterator[NotifyKeeper]:
    """Run a keeper whose child is the real one."""
    keeper = NotifyKeeper(
        state, str(contacts), lambda *one: told.append(Told(*one)),
        (sys.executable, "-m", "edge.notify", "--state", str(state), "--contacts", str(contacts), "--pause", pause),
    )  # fmt: skip
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_an_alarm_reaches_a_messenger_and_a_mail_server_in_each_persons_language(
    tmp_path: Path, ntfy: NtfyServer
) -> None:
    box = Mailbox()
    told: list[Told] = []

    async def main() -> None:
        async with mail_server(box) as port:
            mailto = f"mailto://127.0.0.1:{port}?mode=insecure&from=vuon@farm.local&to=binh@farm.local"
            path = contacts_file(tmp_path, ("lan", (ntfy.way,)), ("binh", (mailto,)))
            text = path.read_text(encoding="utf-8").replace('name = "binh"', 'name = "binh"\nlanguage = "en"')
            path.write_text(text, encoding="utf-8")
            Queue(tmp_path).add(notice())
            async with kept(tmp_path, path, told):
                await until(lambda: len(told) == 2, "both outcomes", 60.0)
                await until(lambda: len(Queue(tmp_path)) == 0, "the empty queue", 10.0)

    asyncio.run(main())
    assert {(one.contact, one.outcome) for one in told} == {("lan", "sent"), ("binh", "sent")}, told
    assert ntfy.taken == [{"topic": "farm-topic", "title": TITLE["vi"], "message": BODY["vi"]}]
    (letter,) = box.mails
    assert letter["subject"] == "Critical: Trial farm"
    assert "Pepper house: against the heat: 43 °C" in letter.get_body(("plain", "html")).get_content()


def test_a_service_that_is_overloaded_gets_it_later_and_once(tmp_path: Path, ntfy: NtfyServer) -> None:
    ntfy.failures = 2
    path = contacts_file(tmp_path, ("lan", (ntfy.way,)))
    Queue(tmp_path).add(notice())
    told: list[Told] = []

    async def main() -> None:
        async with kept(tmp_path, path, told):
            await until(lambda: bool(told) and told[-1].outcome == "sent", "the sending", 60.0)

    asyncio.run(main())
    assert [(one.outcome, one.attempts) for one in told] == [("failed", 1), ("failed", 2), ("sent", 3)]
    assert told[0].detail == "ntfy: the service refused it (HTTP 503)"
    assert len(ntfy.taken) == 1


def test_kill_9_of_the_child_loses_nothing_and_the_agent_starts_it_again(tmp_path: Path, ntfy: NtfyServer) -> None:
    ntfy.failures = 1
    path = contacts_file(tmp_path, ("lan", (ntfy.way,)))
    queue = Queue(tmp_path)
    for number in range(3):
        queue.add(notice(number))
    told: list[Told] = []

    async def main() -> int:
        async with kept(tmp_path, path, told, pause="600") as keeper:
            await until(lambda: len(told) >= 1, "a first outcome", 60.0)
            for child in children():
                os.kill(child, signal.SIGKILL)
            await until(lambda: len(queue) == 0, "the empty queue", 60.0)
            return keeper.starts

    assert asyncio.run(main()) == 2
    assert sorted({one.notice for one in told if one.outcome == "sent"}) == ["00000000", "00000001", "00000002"]
    assert 3 <= len(ntfy.taken) <= 4, "at least once; one that was under way may come twice"


def children() -> list[int]:
    """Give the children of this process, whichever thread started them: a thread may end while this looks."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # a process that ended meanwhile
            _state, parent, *_rest = status.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
            if int(parent) == os.getpid():
                found.append(int(status.parent.name))
    return found


def test_a_child_goes_when_its_agent_has_gone(tmp_path: Path, ntfy: NtfyServer) -> None:
    ntfy.failures = 1000
    path = contacts_file(tmp_path, ("lan", (ntfy.way,)))
    Queue(tmp_path).add(notice())

    async def main() -> int:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge.notify", "--state", str(tmp_path), "--contacts", str(path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin and child.stdout
        async with asyncio.timeout(60.0):
            await child.stdout.readline()
            child.stdin.close()
            await child.communicate()
            return await child.wait()

    assert asyncio.run(main()) == 0
    assert len(Queue(tmp_path)) == 1, "it waits for the next agent"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_contacts_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ContactsRefused, match="chmod 600"):
        load(contacts_file(tmp_path, ("lan", ("ntfy://x/y",)), mode=mode))


@pytest.mark.parametrize(
    "text",
    [
        '[[contact]]\nname = "lan"\nways = ["tgram://SECRET-TOKEN/1"]\npassword = "SECRET"\n',
        '[[contact]]\nname = "lan"\nways = []\n',
        '[[contact]]\nname = "lan"\nways = ["sms:+84901"]\n',
        '[[contact]]\nname = "lan"\nways = ["a:"]\n[[contact]]\nname = "lan"\nways = ["SECRET://b"]\n',
        '[[contact]]\nname = "lan"\nways = ["SECRET://b"]\ntier = 4\n',
        '[[people]]\nname = "SECRET"\n',
        "",
        "SECRET = [",
    ],
)
def test_a_wrong_contacts_file_is_refused_without_telling_its_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contacts.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ContactsRefused) as refused:
        load(path)
    assert "SECRET" not in str(refused.value)


def test_a_refused_file_is_told_to_the_agent(tmp_path: Path) -> None:
    path = contacts_file(tmp_path, ("lan", ("ntfy://x/y",)), mode=0o644)
    Queue(tmp_path).add(notice())
    told: list[Told] = []

    async def main() -> None:
        async with kept(tmp_path, path, told):
            await until(lambda: len(told) >= 1, "a first outcome", 60.0)

    asyncio.run(main())
    assert told[0].contact == "*"
    assert "chmod 600" in told[0].detail


# ---- who gets what: the sender with ways that the test holds ---------------------------------------


class Ways:
    """One way for every address; those in ``broken`` refuse."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.taken: list[tuple[str, str]] = []

    async def send(self, address: str, title: str, body: str, severity: str) -> str:
        del body, severity
        if address in self.broken:
            return "broken"
        self.taken.append((address, title))
        return ""


def sent(state: Path, ways: Ways, *contacts: Contact, pause_s: float = 0.001) -> list[Told]:
    told: list[Told] = []
    sender = Sender(Queue(state), Contacts(contacts), {"": ways, "sms:": ways}, told.append, pause_s)
    asyncio.run(sender.run())
    return told


LAN = Contact("lan", ("zalo://a", "sms:+84901"))
BINH = Contact("binh", ("ntfy://b",), "en", 2, "warning")


@pytest.mark.parametrize(
    ("severity", "why", "tier", "whom"),
    [
        ("alarm", "raised", 1, ["zalo://a"]),
        ("warning", "raised", 1, []),
        ("warning", "raised", 2, ["ntfy://b"]),
        ("alarm", "escalated", 2, ["zalo://a", "ntfy://b"]),
        ("critical", "raised", 1, ["zalo://a", "sms:+84901"]),
        ("critical", "test", 3, ["zalo://a", "sms:+84901", "ntfy://b"]),
    ],
)
def test_who_hears_of_what(tmp_path: Path, severity: str, why: str, tier: int, whom: list[str]) -> None:
    ways = Ways()
    Queue(tmp_path).add(notice(1, severity, why, tier))
    sent(tmp_path, ways, LAN, BINH)
    assert [address for address, _ in ways.taken] == whom
    assert len(Queue(tmp_path)) == 0


def test_without_internet_the_message_goes_as_sms(tmp_path: Path) -> None:
    ways = Ways("zalo://a")
    Queue(tmp_path).add(notice(1, "alarm"))
    (told,) = sent(tmp_path, ways, LAN)
    assert (told.outcome, told.way, told.detail) == ("sent", "sms", "zalo: broken")


def test_what_cannot_be_delivered_is_given_up_in_the_end(tmp_path: Path) -> None:
    Queue(tmp_path).add(notice(1, "warning", tier=2))
    told = sent(tmp_path, Ways("ntfy://b"), BINH, pause_s=0.0)
    assert [one.outcome for one in told] == ["failed"] * 11 + ["given_up"]
    assert len(Queue(tmp_path)) == 0


def test_the_gravest_goes_first(tmp_path: Path) -> None:
    for number, severity in enumerate(("warning", "alarm", "critical"), 1):
        one = notice(number, severity, tier=2)
        one.title = {"vi": severity, "en": severity}
        Queue(tmp_path).add(one)
    ways = Ways()
    sent(tmp_path, ways, BINH)
    assert [title for _, title in ways.taken] == ["critical", "alarm", "warning"]


def test_the_queue_has_an_end_and_drops_the_oldest_of_the_least_grave(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    queue.folder.mkdir()
    dropped: list[str] = []
    for number in range(QUEUE_MAX + 3):
        dropped += [one.id for one in queue.add(notice(number, "critical" if number < 5 else "alarm"))]
    assert len(queue) == QUEUE_MAX
    assert dropped == [f"{n:08d}" for n in (5, 6, 7)]


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    queue.add(notice(2))
    (queue.folder / "00000001.json").write_bytes(b"{torn")
    ways = Ways()
    sent(tmp_path, ways, BINH, LAN)
    assert ways.taken
    assert len(queue) == 0
