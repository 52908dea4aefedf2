# SPDX-License-Identifier: Apache-2.0
"""Before an instrument's own memory is told anything: what would be refused afterwards is refused now."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from drivers import atlas_ezo
from drivers.ascii_line import Ask, Got, Missed
from drivers.calibration.artifact import Point
from drivers.calibration.chip_session import NOT_TAKEN, READINGS_MAX, checked, point_name, taken_up, told
from drivers.calibration.ezo_chip import EzoChip, Slopes
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import METHODS
from drivers.calibration.on_chip import ChipRefused, chip_request
from drivers.calibration.session import Session, advance, feed, render
from drivers.calibration.telling import FOUND, check_telling, found_before
from drivers.catalogue import Catalogue
from drivers.registry import read_registers
from drivers.sim.ezo import EzoCircuit, Kept
from drivers.sim.instruments import SimulatedInstrument
from tests.drivers.calibration.cases import NAMED
from tests.drivers.calibration.walk import START, Bench, session_for

EZO, FORCED = METHODS["ezo-ph-3"], METHODS["forced-co2"]


def point(signal: float, truth: float, found: float | None = None) -> Point:
    sheet = {} if found is None else {FOUND: found}
    return Point(START, signal, 0.01, 5, truth, "buffers", sheet=sheet)


MIDDLE = point(7.0, 7.0, 7.05)


@pytest.mark.parametrize(
    ("taken", "one", "why"),
    [
        ((), point(7.05, 7.0), ""),
        ((), point(8.3, 7.0), "zero lies 1.30"),
        ((MIDDLE,), point(4.13, 4.01), ""),
        ((MIDDLE,), point(9.9, 4.01), "swapped"),
        ((MIDDLE,), point(7.01, 4.01), "Equal points"),
        ((MIDDLE,), point(6.99, 4.01), "Equal points"),
        ((MIDDLE,), point(4.7, 4.01), "slope is 76.9 %"),
        ((MIDDLE,), point(3.7, 4.01), "slope is 110.4 %"),
        ((MIDDLE, point(4.01, 4.01, 4.1)), point(9.4, 10.01), "slope is 79.7 %"),
    ],
)
def test_an_electrode_out_of_health_or_in_the_wrong_buffer_is_not_told(
    taken: tuple[Point, ...], one: Point, why: str
) -> None:
    if not why:
        check_telling(EZO, EZO.points[0], taken, one, floor=0.6, compared=True, sure=False)
        return
    with pytest.raises(AnswerRefused) as refused:
        check_telling(EZO, EZO.points[0], taken, one, floor=0.6, compared=False, sure=True)
    assert why in refused.value.code.format(**refused.value.fields)


def test_a_jump_against_the_calibration_in_force_is_told_only_when_confirmed() -> None:
    far = point(560.0, 425.0)
    with pytest.raises(AnswerRefused, match="jump"):
        check_telling(FORCED, FORCED.points[0], (), far, floor=200.0, compared=True, sure=False)
    check_telling(FORCED, FORCED.points[0], (), far, floor=200.0, compared=True, sure=True)
    check_telling(FORCED, FORCED.points[0], (), far, floor=200.0, compared=False, sure=False)


def test_what_was_found_is_worked_out_with_the_slopes_that_the_circuit_forgot() -> None:
    """It showed 7.05 in 7; its slope was 95 %: 2.73 of ideal pH below 7 were 2.87 for it."""
    assert found_before(EZO, (MIDDLE,), (0.95, 0.97), point(4.27, 4.01)) == pytest.approx(7.05 - 2.73 / 0.95)
    assert found_before(EZO, (MIDDLE,), (0.95, 0.97), point(9.8, 10.01)) == pytest.approx(7.05 + 2.8 / 0.97)
    assert found_before(EZO, (), (0.95, 0.97), point(7.05, 7.0)) == 7.05


def ready() -> Session:
    bench = Bench(session_for("tank/water_ph", "ezo-ph-3", "pH"), lambda _s, _t: 7.04, NAMED)
    while bench.session.stage != "tell":
        bench.step()
    return bench.session


def after(shows: float, readings: int) -> Session:
    session = told(ready())
    for _ in range(readings):
        session = feed(session, shows, 25.0, START)
    return session


def test_the_point_counts_when_the_instrument_shows_what_it_was_told() -> None:
    assert point_name(ready()) == "mid"
    assert checked(after(7.0, 2), START).stage == "after", "the first reading may be from before"
    done = checked(after(7.0, 3), START)
    assert (done.stage, done.point, len(done.taken)) == ("truth", 1, 1)
    assert done.taken[0].signal == 7.0
    assert done.taken[0].sheet == {FOUND: 7.04}
    assert point_name(done) == "low"


def test_an_instrument_that_does_not_take_the_point_is_found_out() -> None:
    assert checked(after(7.5, 20), START).stage == "after"
    with pytest.raises(AnswerRefused) as refused:
        checked(after(7.5, READINGS_MAX + 1), START)
    assert refused.value.code == NOT_TAKEN


def test_a_break_between_telling_and_reading_goes_back_to_the_signal() -> None:
    back = taken_up(after(7.0, 1))
    assert (back.stage, back.point, back.trace) == ("truth", 0, ())
    assert set(render(after(7.0, 1), START).actions) == {"stop"}
    assert advance(after(7.0, 1), "stop", {}, START).stage == "stopped"


def over(circuit: EzoCircuit, shows: list[float]) -> Callable[[Ask], Awaitable[Got | Missed]]:
    async def converse(ask: Ask) -> Got | Missed:
        exchange = atlas_ezo.line()
        exchange.start(ask, 0.0)
        for delay_s, data in circuit.answer(ask.request, shows[0]):
            events = exchange.feed(data, delay_s)
            if events:
                return events[0]
        return exchange.expire(ask.wait_s)[0]

    return converse


def test_a_circuit_is_told_kept_and_brought_back() -> None:
    async def talk() -> None:
        circuit, shows = EzoCircuit(), [7.05]
        chip = EzoChip("pH", over(circuit, shows))
        with pytest.raises(ChipRefused, match="mid"):
            await chip.tell("low", 4.01)
        for name, value in (("mid", 7.0), ("low", 4.01), ("high", 10.01)):
            shows[0] = 7.0 + 0.96 * (value - 7.0) + 0.05
            await chip.tell(name, value)
        assert await chip.slopes() == Slopes(0.96, 0.96, -2.96)
        kept, held = await chip.keep(), msgspec.structs.replace(circuit.kept)
        assert all(len(string) <= 12 for string in kept)
        await chip.tell("mid", 6.9)
        assert (await chip.slopes()).acid == 1.0, "the middle point erases the others"
        await chip.bring_back(kept)
        assert circuit.kept == held
        assert Kept().shown(5.5) == 5.5

    asyncio.run(talk())


@pytest.mark.parametrize(("model", "value", "shows"), [("scd30", 425.0, 425.0), ("senseair-s8", 420.0, 400.0)])
def test_a_simulated_instrument_keeps_what_its_register_was_told(model: str, value: float, shows: float) -> None:
    entry = Catalogue().entry(model)
    one = SimulatedInstrument(entry, lambda name, _now: 487.0 if name == "co2" else 20.0)
    request = chip_request(model, "co2", one.address, value)
    assert one.answer(one.address, request.pdu, 1000.0) == request.pdu
    registers = one.registers(1001.0)
    measured = {m.quantity: m.raw for m in read_registers(entry, registers, None)}
    assert measured["co2"] == pytest.approx(shows, abs=0.5)


def test_a_circuit_that_answers_nothing_or_an_error_took_nothing() -> None:
    async def nobody(ask: Ask) -> Got | Missed:
        return Missed(ask, "timeout", "", 0.6)

    async def unwilling(ask: Ask) -> Got | Missed:
        return Got(ask, (b"*ER",), 0.3)

    for converse in (nobody, unwilling):
        with pytest.raises(ChipRefused, match="did not take the command"):
            asyncio.run(EzoChip("pH", converse).tell("mid", 7.0))
