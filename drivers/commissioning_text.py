# SPDX-License-Identifier: Apache-2.0
"""What a technician does on a line of text: does the new instrument answer as its type?

The rule it keeps: it only asks. Where such an instrument has an address, it is set as its manual says.
"""

import asyncio
from typing import Final

from drivers.ascii_line import Ask, Got, LineExchange, Missed, lines_ending
from drivers.catalogue_schema import Entry
from drivers.commissioning import Outcome
from drivers.line_driver import LineDriver
from drivers.ports import ByteStream
from drivers.registry import read_text
from drivers.text_decode import TextFault
from drivers.text_exchange import LEAST_WAIT_S, START_WAIT_S, ask_of, exchange_of, payload, start_commands, text_of
from telemetry.records import Quality

TRIES: Final = 2


async def replace(stream: ByteStream, entry: Entry, at: str, address: str) -> Outcome:
    """Look whether a new instrument answers as this type in the place of the one that had ``address``."""
    if at != address:
        return Outcome("refused", "commission.no_address_setting")
    for command in start_commands(entry, address):
        await stream.write(command)
        await asyncio.sleep(START_WAIT_S)
    model = await _model(stream, entry)
    if not model.startswith(text_of(entry).says):
        return Outcome("refused", "commission.answers_badly", model)
    got = await _asked(LineDriver(stream, exchange_of(entry)), ask_of(entry, address))
    if isinstance(got, Missed):
        return Outcome("failed", "commission.nobody")
    try:
        measured = read_text(entry, payload(entry, got.answers[0]))
    except TextFault as fault:
        return Outcome("refused", "commission.answers_badly", str(fault))
    if any(one.quality & (Quality.RANGE | Quality.COMM) for one in measured):
        return Outcome("refused", "commission.answers_badly", got.answers[0].decode("ascii", "replace"))
    return Outcome("done", "commission.answers")


async def _model(stream: ByteStream, entry: Entry) -> str:
    """Ask which model it is; what the entry expects where it cannot be asked or does not know the question."""
    text = text_of(entry)
    if not text.who:
        return text.says
    head = text.says.partition(",")[0].encode("ascii")
    exchange = LineExchange(lines_ending(text.ends.encode("ascii")), lambda _ask, answer: answer.startswith(head))
    got = await _asked(LineDriver(stream, exchange), Ask(text.who.encode("ascii"), LEAST_WAIT_S))
    return got.answers[0].decode("ascii", "replace") if isinstance(got, Got) else text.says


async def _asked(driver: LineDriver, ask: Ask) -> Got | Missed:
    got = await driver.ask(ask)
    for _ in range(TRIES - 1):
        if isinstance(got, Missed):
            got = await driver.ask(ask)
    return got
