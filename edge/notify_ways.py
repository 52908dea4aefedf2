# SPDX-License-Identifier: Apache-2.0
"""The ways to a person: messengers and mail through apprise, and short messages through a modem on this machine.

The rule it keeps: only the sending child imports this file (apprise takes 25 MB more); a way gives "" or why not, in
words without a secret, and never takes longer than its time.
"""

import asyncio
import hashlib
import logging
import re
from pathlib import Path
from typing import Final, Protocol

import apprise

from drivers.at_modem import AtModem, Done, Failed, Say
from drivers.at_modem import Event as ModemEvent
from drivers.line_settings import LineSettings
from drivers.ports import ByteStream, LineDown
from drivers.serial_port import opener
from drivers.sms_pdu import BadMessage
from drivers.whole_file import write_whole
from edge.notify_contacts import SMS, Modem

APPRISE_S: Final = 60.0
SMS_S: Final = 300.0
KIND_OF: Final = {
    "critical": apprise.NotifyType.FAILURE,
    "alarm": apprise.NotifyType.WARNING,
    "warning": apprise.NotifyType.INFO,
}
_CODE: Final = re.compile(r"error[= ](\d{3})")


class Way(Protocol):
    """One kind of way."""

    async def send(self, address: str, title: str, body: str, severity: str) -> str:
        """Send; gives "" when it was taken, else why not."""


class _Heard(logging.Handler):
    """Keeps the number of the last HTTP error that apprise logs: its words may hold secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.code = ""

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        found = _CODE.search(record.getMessage())
        self.code = found[1] if found else self.code


class AppriseWay:
    """Every service that apprise knows, by its address."""

    async def send(self, address: str, title: str, body: str, severity: str) -> str:
        """See Way."""
        try:
            async with asyncio.timeout(APPRISE_S):
                return await asyncio.to_thread(self._send, address, title, body, severity)
        except TimeoutError:
            return "the service did not answer in time"

    @staticmethod
    def _send(address: str, title: str, body: str, severity: str) -> str:
        one = apprise.Apprise()
        if not one.add(address):
            return "this address is not understood; see docs/alarms.md"
        heard = _Heard()
        log = logging.getLogger("apprise")
        log.addHandler(heard)
        log.propagate = False
        try:
            taken = one.notify(body, title, KIND_OF.get(severity, apprise.NotifyType.INFO))
        except Exception as error:  # noqa: BLE001 a service's plug-in may fail in its own ways; the others go on
            return f"the service's plug-in failed ({type(error).__name__})"
        finally:
            log.removeHandler(heard)
        if taken:
            return ""
        return f"the service refused it (HTTP {heard.code})" if heard.code else "the service could not be reached"


class SmsWay:
    """A modem on a serial port; one message at a time."""

    def __init__(self, modem: Modem, state: Path) -> None:
        self._settings = modem
        self._turn = asyncio.Lock()
        self._marker = state / "sim-pin-refused"
        self._reference = 0

    async def send(self, address: str, title: str, body: str, severity: str) -> str:
        """See Way; the title goes into the text."""
        del severity
        async with self._turn:
            try:
                async with asyncio.timeout(SMS_S):
                    return await self._send(address.removeprefix(SMS), f"{title}\n{body}")
            except TimeoutError:
                return "the modem did not come to an end"
            except LineDown as down:
                return f"{down.seen}. {down.hint}"
            except BadMessage as bad:
                return str(bad)

    async def _send(self, number: str, text: str) -> str:
        pin = self._settings.pin
        mark = hashlib.sha256(pin.encode()).hexdigest()
        if pin and self._marker.exists() and self._marker.read_text(encoding="ascii") == mark:
            pin = ""  # it was refused before: a third time would lock the card
        modem = AtModem(pin, self._settings.mode)
        loop = asyncio.get_running_loop()
        self._reference = (self._reference + 1) % 256
        events = modem.start(number, text, self._reference, loop.time())
        stream = await opener(self._settings.port, LineSettings(self._settings.baud_bd)).open()
        try:
            stream.discard_input()
            return await self._talk(modem, stream, events, mark)
        finally:
            stream.close()

    async def _talk(self, modem: AtModem, stream: ByteStream, events: list[ModemEvent], mark: str) -> str:
        loop = asyncio.get_running_loop()
        while True:
            for event in events:
                if isinstance(event, Say):
                    await stream.write(event.data)
                elif isinstance(event, Done):
                    return ""
                elif isinstance(event, Failed):
                    if event.code == "CME 16":
                        write_whole(self._marker, mark.encode())
                    return event.detail
            deadline = modem.deadline or loop.time()
            try:
                async with asyncio.timeout_at(deadline):
                    data = await stream.read()
            except TimeoutError:
                events = modem.expire(loop.time())
            else:
                events = modem.feed(data, loop.time())
