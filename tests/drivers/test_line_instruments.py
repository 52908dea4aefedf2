# SPDX-License-Identifier: Apache-2.0
"""Every declared SDI-12 and text instrument, simulated by its own entry, read by the protocol cores in virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from drivers import atlas_ezo, mhz19, sdi12_words, wxt
from drivers.ascii_line import Ask, Got, LineExchange
from drivers.catalogue import Catalogue
from drivers.line_driver import LineDriver
from drivers.sdi12 import Answered, Failed, Result
from drivers.sdi12_line import Sdi12Line
from drivers.sim.line_instruments import SimulatedLineInstrument
from edge import virtual

CATALOGUE = Catalogue()
SDI12 = [entry.type for entry in CATALOGUE.entries() if entry.protocol == "sdi12"]


class Wire:
    """A byte stream with simulated instruments at its other end."""

    def __init__(self, instruments: list[SimulatedLineInstrument]) -> None:
        self._instruments = instruments
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self._came.get()

    async def write(self, data: bytes) -> None:
        for instrument in self._instruments:
            for delay_s, answer in instrument.answer(data, self._loop.time()):
                for index in range(len(answer)):
                    piece = answer[index : index + 1]
                    at_s = delay_s + index * 10 / 1200 + len(data) * 10 / 1200
                    self._loop.call_later(at_s, self._came.put_nowait, piece)

    async def send_break(self, seconds: float) -> None:
        assert seconds >= 0.012

    def discard_input(self) -> None:
        while not self._came.empty():
            self._came.get_nowait()

    def close(self) -> None:
        """Nothing to close."""


def _instrument(name: str, address: str = "") -> SimulatedLineInstrument:
    return SimulatedLineInstrument(CATALOGUE.entry(name), lambda _name, _now: 20.0, address=address)


@pytest.mark.parametrize("name", SDI12)
@pytest.mark.parametrize("start", [sdi12_words.measure, sdi12_words.concurrent], ids=["M", "C"])
def test_every_sdi12_type_is_identified_and_measured(name: str, start: Callable[..., sdi12_words.Command]) -> None:
    async def main(_loop: virtual.VirtualLoop) -> tuple[object, list[Result | Failed]]:
        line = Sdi12Line(Wire([_instrument(name, "3")]), slack_s=0.0)
        return await line.ask(sdi12_words.identify("3")), await line.measure([start("3", crc=True)])

    who, (result,) = virtual.run(main)
    assert isinstance(who, Answered)
    assert sdi12_words.identity(who.text).sdi12 == "14"
    assert isinstance(result, Result), result
    declared = len(CATALOGUE.entry(name).value)
    assert len(result.values) == (declared if start is sdi12_words.concurrent else min(declared, 9))


def test_all_sdi12_types_measure_together_on_one_line() -> None:
    async def main(loop: virtual.VirtualLoop) -> tuple[list[Result | Failed], float]:
        instruments = [_instrument(name, chr(ord("a") + index)) for index, name in enumerate(SDI12)]
        line = Sdi12Line(Wire(instruments), slack_s=0.0)
        results = await line.measure([sdi12_words.concurrent(item.address, crc=True) for item in instruments])
        return results, loop.time()

    results, took_s = virtual.run(main)
    assert sorted(r.address for r in results if isinstance(r, Result)) == [
        chr(ord("a") + index) for index in range(len(SDI12))
    ]
    longest_s = max(entry.text.measure_s for entry in CATALOGUE.entries() if entry.text and entry.type in SDI12)
    assert took_s < longest_s + 3.0 * len(SDI12), "they do not wait for each other's measuring"


@pytest.mark.parametrize(
    ("name", "make", "ask", "says"),
    [
        ("atlas-ezo-ph", atlas_ezo.line, atlas_ezo.reading(), lambda a: atlas_ezo.numbers(a)[0] > 0),
        ("atlas-ezo-ec", atlas_ezo.line, atlas_ezo.reading(), lambda a: atlas_ezo.numbers(a)[0] > 0),
        ("mh-z19b", mhz19.line, mhz19.reading(), lambda a: mhz19.air(a).co2_ppm == 20),
        ("vaisala-wxt536", wxt.line, wxt.poll("0", crc=False), lambda a: a.startswith(b"0R0,") and a.count(b"=") > 1),
    ],
)
def test_the_text_instruments_are_read(
    name: str, make: Callable[[], LineExchange], ask: Ask, says: Callable[[bytes], bool]
) -> None:
    async def main(_loop: virtual.VirtualLoop) -> object:
        return await LineDriver(Wire([_instrument(name)]), make()).ask(ask)

    got = virtual.run(main)
    assert isinstance(got, Got), got
    assert says(got.answers[0])
