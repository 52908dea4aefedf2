# SPDX-License-Identifier: Apache-2.0
"""What a calibration asks of the wired instruments: to be read more often, to take a value into their own chip.

The rule it keeps: it is put together once, from the farm's plans and sources; nothing here decides.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from drivers import atlas_ezo
from drivers.actuators.orders import Ask as Order
from drivers.ascii_line import Ask, Got, LineExchange, Missed
from drivers.calibration.ezo_chip import KINDS, Air, EzoChip
from drivers.calibration.on_chip import ChipRefused, chip_request
from drivers.ports import Source
from edge.agent_socket import ChipArgs
from edge.calibration_book import ShelfBook
from edge.config import FarmConfig
from edge.console.alarm_words import Places
from edge.farm_profile import Known
from edge.pipeline import SeriesPlan
from edge.profile import Titles, write_places, write_profile
from edge.world import BootClock, World
from pages.words import words
from telemetry.records import Event, FarmProfile

if TYPE_CHECKING:
    from edge.agent import Agent
    from edge.hub_link import HubLink

NO_MEMORY: Final = "{model} keeps no calibration of its own that can be set over the bus"
Said = str | float
ChipWork = Callable[[ChipArgs], Awaitable[Mapping[str, Said]]]


@runtime_checkable
class Attends(Protocol):
    """A source that can read one device more often."""

    def attend(self, device: str, closely: bool) -> None:
        """Read it as often as it allows, or as usual."""


@runtime_checkable
class Asks(Protocol):
    """A source on whose bus a device can be written to."""

    def ask(self, device: str) -> Order:
        """Give the way to it."""


@runtime_checkable
class Converses(Protocol):
    """A source on whose line one more exchange finds its turn."""

    async def converse(self, ask: Ask, exchange: LineExchange) -> Got | Missed:
        """Send one request; give its answers, judged by ``exchange``, or what went wrong."""


def serve_calibrations(
    agent: "Agent", book: ShelfBook, plans: list[SeriesPlan], known: list[Known], sources: Mapping[str, Source],
    profile: Callable[[], FarmProfile], link: "HubLink | None",
) -> None:  # fmt: skip
    """Give the agent what its calibrations ask of the instruments; tell farm and hub of each change, and now."""
    agent.pipeline.on_lock = attend(plans, known, sources)
    agent.desk.chip = chips(plans, known, sources)
    renew = link.renew if link is not None else None
    titles = titles_of(agent.config, {plan.series.partition("/")[0] for plan in plans})
    book.on_change = lambda: agent.record(describe(agent.world, agent.boot, profile(), titles, renew))
    book.on_change()


def attend(plans: list[SeriesPlan], known: list[Known], sources: Mapping[str, Source]) -> Callable[[str, bool], None]:
    """Give what reads a probe more often while it is out for calibration."""
    devices = {plan.series: plan.device for plan in plans}
    buses = {one.device.name: one.device.bus for one in known}

    def on_lock(series: str, locked: bool) -> None:
        device = devices.get(series, "")
        source = sources.get(buses.get(device, ""))
        if isinstance(source, Attends):
            source.attend(device, locked)

    return on_lock


def chips(plans: list[SeriesPlan], known: list[Known], sources: Mapping[str, Source]) -> ChipWork:
    """Give what works on an instrument's own memory: an EZO circuit's over its line, a register of the others."""
    devices = {one.device.name: one for one in known}
    of = {plan.series: plan for plan in plans}

    async def work(order: ChipArgs) -> dict[str, Said]:
        plan = of[order.series]
        one = devices[plan.device]
        source = sources.get(one.device.bus)
        kind = KINDS.get(one.entry.type)
        if kind is not None and isinstance(source, Converses):
            return await _ezo(EzoChip(kind, lambda ask: source.converse(ask, atlas_ezo.line())), order)
        request = chip_request(one.entry.type, plan.quantity.name, int(one.device.address), order.value)
        if order.do != "tell" or not isinstance(source, Asks):
            raise ChipRefused(NO_MEMORY, model=one.entry.type)
        await source.ask(plan.device)(request)
        return {}

    return work


async def _ezo(chip: EzoChip, order: ChipArgs) -> dict[str, Said]:
    match order.do:
        case "tell":
            await chip.tell(order.point, order.value, order.done, Air(*order.air) if order.air else None)
            return {}
        case "bring_back":
            await chip.bring_back(tuple(order.kept.split("|")))
            return {}
    kept = "|".join(await chip.keep()) if order.do == "keep" else ""
    slopes = await chip.slopes()
    return {"kept": kept, "acid": slopes.acid, "base": slopes.base, "zero_mv": slopes.zero_mv}


def titles_of(config: FarmConfig, places: Iterable[str]) -> Titles:
    """Give what people call each place, in both languages."""
    named = {"vi": Places(config, words("vi")), "en": Places(config, words("en"))}
    return {language: {place: names.whole(place) for place in sorted(places)} for language, names in named.items()}


def describe(
    world: World, boot: BootClock, profile: FarmProfile, titles: Titles,
    renew: Callable[[FarmProfile], None] | None = None,
) -> tuple[Event, ...]:  # fmt: skip
    """Lay the farm's description beside the log, for a report on this farm and for the calibration's pages.

    ``renew`` tells it to the hub, where the farm has one: the grade of its figures hangs on the calibrations.
    """
    if renew is not None:
        renew(profile)
    try:
        write_profile(world.state, profile)
        write_places(world.state, titles)
    except OSError as error:
        return (Event("profile.unwritten", profile.edge, boot.mono_ms(), "warning", fields={"detail": str(error)}),)
    return ()
