# SPDX-License-Identifier: Apache-2.0
"""What a calibration asks of the wired instruments: to be read more often, to take a value into their own chip.

The rule it keeps: it is put together once, from the farm's plans and sources; nothing here decides.
"""

from collections.abc import Awaitable, Callable, Mapping

from drivers.calibration.on_chip import chip_request
from drivers.ports import Source
from drivers.text_bus import LineBus, Sdi12Bus
from edge.farm_profile import Known
from edge.pipeline import SeriesPlan
from edge.poller import ModbusSource
from edge.profile import write_profile
from edge.world import BootClock, World
from telemetry.records import Event, FarmProfile


def attend(plans: list[SeriesPlan], known: list[Known], sources: Mapping[str, Source]) -> Callable[[str, bool], None]:
    """Give what reads a probe more often while it is out for calibration."""
    devices = {plan.series: plan.device for plan in plans}
    buses = {one.device.name: one.device.bus for one in known}

    def on_lock(series: str, locked: bool) -> None:
        device = devices.get(series, "")
        source = sources.get(buses.get(device, ""))
        if isinstance(source, ModbusSource | LineBus | Sdi12Bus):
            source.attend(device, locked)

    return on_lock


def chips(
    plans: list[SeriesPlan], known: list[Known], sources: Mapping[str, Source]
) -> Callable[[str, float], Awaitable[None]]:
    """Give what writes a calibration into an instrument's own chip."""
    devices = {one.device.name: one for one in known}
    of = {plan.series: plan for plan in plans}

    async def write(series: str, value: float) -> None:
        plan = of[series]
        one = devices[plan.device]
        source = sources.get(one.device.bus)
        request = chip_request(one.entry.type, plan.quantity.name, one.device.unit, value)
        if isinstance(source, ModbusSource):
            await source.ask(plan.device)(request)

    return write


def describe(
    world: World, boot: BootClock, profile: FarmProfile, renew: Callable[[FarmProfile], None] | None = None
) -> tuple[Event, ...]:
    """Lay the farm's description beside the log, for a report on this farm and for the calibration's pages.

    ``renew`` tells it to the hub, where the farm has one: the grade of its figures hangs on the calibrations.
    """
    if renew is not None:
        renew(profile)
    try:
        write_profile(world.state, profile)
    except OSError as error:
        return (Event("profile.unwritten", profile.edge, boot.mono_ms(), "warning", fields={"detail": str(error)}),)
    return ()
