# SPDX-License-Identifier: Apache-2.0
"""The child that sends alarms to people: ``python -m edge.notify``, started by the agent while something waits.

The rule it keeps: at least once, and with an end: every try is counted on disk, pauses double, and what cannot be
delivered is given up with its reason. It ends when the queue is empty or the agent has gone. It says on standard
output what became of each message and person; secrets never leave it but to their service.
"""

import argparse
import asyncio
import fcntl
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge.alarm_life import RANK
from edge.exits import BAD_CONFIG, OK, TRY_AGAIN
from edge.notify_contacts import SMS, Contact, Contacts, ContactsRefused, load
from edge.notify_keeper import Told
from edge.notify_queue import Delivery, Notice, Queue
from edge.notify_ways import AppriseWay, SmsWay, Way

PAUSE_S: Final = 5.0
PAUSE_MAX_S: Final = 900.0
TRIES: Final = {"critical": 60, "alarm": 60, "warning": 12}  # 60 tries are about 14 hours, 12 about two
LOOK_S: Final = 1.0


class Sender:
    """Works a queue off. ``tell`` hears what became of each message and person."""

    def __init__(
        self,
        queue: Queue,
        contacts: Contacts,
        ways: Mapping[str, Way],
        tell: Callable[[Told], None],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._queue = queue
        self._contacts = {contact.name: contact for contact in contacts.contacts}
        self._ways = ways
        self._tell = tell
        self._pause_s = pause_s
        self._not_before: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Send until nothing waits."""
        loop = asyncio.get_running_loop()
        while waiting := sorted(self._queue.waiting(), key=lambda one: (-RANK.get(one.severity, 0), one.id)):
            for notice in waiting:
                await self._work(notice, loop.time())
            if len(self._queue):
                soon = min(self._not_before.values(), default=0.0) - loop.time()
                await asyncio.sleep(min(LOOK_S, max(0.01, soon)))

    async def _work(self, notice: Notice, now: float) -> None:
        """Try everybody whose turn it is; forget the message when nobody waits for it any more."""
        for name, contact in self._contacts.items():
            if name not in notice.deliveries and _meant_for(notice, contact):
                notice.deliveries[name] = Delivery()
        for name, delivery in notice.deliveries.items():
            known = self._contacts.get(name)
            if delivery.state != "waiting" or self._not_before.get((notice.id, name), 0.0) > now:
                continue
            if known is None:
                delivery.state, delivery.detail = "given_up", "this person is no longer in the contacts file"
            else:
                await self._try(notice, known, delivery)
            self._queue.save(notice)
        if all(delivery.state != "waiting" for delivery in notice.deliveries.values()):
            self._queue.remove(notice)
            for key in [key for key in self._not_before if key[0] == notice.id]:
                del self._not_before[key]

    async def _try(self, notice: Notice, contact: Contact, delivery: Delivery) -> None:
        delivery.attempts += 1
        title, body = notice.title[contact.language], notice.body[contact.language]
        everywhere = notice.severity == "critical"  # also the ways behind the first that works
        reasons: list[str] = []
        taken = ""
        for address in contact.ways:
            kind = address.partition(":")[0]
            way = self._ways.get(SMS if address.startswith(SMS) else "")
            refused = "there is no such way" if way is None else await way.send(address, title, body, notice.severity)
            if refused:
                reasons.append(f"{kind}: {refused}")
                continue
            taken = taken or kind
            if not everywhere:
                break
        delivery.way, delivery.detail = taken, "; ".join(reasons)
        if taken:
            delivery.state = "sent"
            outcome = "sent"
        elif delivery.attempts >= TRIES.get(notice.severity, TRIES["warning"]):
            delivery.state = outcome = "given_up"
        else:
            outcome = "failed"
            pause_s = min(PAUSE_MAX_S, self._pause_s * 2.0 ** (delivery.attempts - 1))
            self._not_before[notice.id, contact.name] = asyncio.get_running_loop().time() + pause_s
        self._tell(Told(notice.id, contact.name, outcome, delivery.attempts, taken, delivery.detail))


def _meant_for(notice: Notice, contact: Contact) -> bool:
    """Say whether a person shall hear of a message; a test is for everybody."""
    if notice.why == "test":
        return True
    return contact.tier <= notice.tier and RANK.get(notice.severity, 0) >= RANK[contact.least]


def say(told: Told) -> None:
    """Tell the agent one outcome."""
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


async def _until_orphaned() -> None:
    """Wait until the agent's end of standard input is closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _send(sender: Sender) -> None:
    orphaned = asyncio.create_task(_until_orphaned(), name="agent")
    sending = asyncio.create_task(sender.run(), name="sender")
    await asyncio.wait((orphaned, sending), return_when=asyncio.FIRST_COMPLETED)
    orphaned.cancel()
    if not sending.done():
        sending.cancel()
    else:
        sending.result()


def main(arguments: list[str] | None = None) -> int:
    """Send what waits; the exit code is that of docs/cli.md."""
    parser = argparse.ArgumentParser(prog="python -m edge.notify")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--contacts", type=Path, required=True)
    parser.add_argument("--pause", type=float, default=PAUSE_S, help="seconds before the second try")
    given = parser.parse_args(arguments)
    queue = Queue(given.state)
    queue.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(queue.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return TRY_AGAIN  # another child still works
    try:
        contacts = load(given.contacts)
    except ContactsRefused as error:
        say(Told("*", "*", "failed", 0, "", str(error)))
        return BAD_CONFIG
    ways: dict[str, Way] = {"": AppriseWay()}
    if contacts.modem is not None:
        ways[SMS] = SmsWay(contacts.modem, given.state)
    asyncio.run(_send(Sender(queue, contacts, ways, say, given.pause)))
    return OK


if __name__ == "__main__":
    sys.exit(main())
