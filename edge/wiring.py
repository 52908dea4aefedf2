# SPDX-License-Identifier: Apache-2.0
"""Chooses what stands behind each port: real lines or the digital twin's; puts an agent together.

The rule it keeps: this is the only file that knows that a simulation exists; nothing behind it asks.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from controllers.settings import ControlSettings
from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from drivers.decode import value_step, value_unit
from drivers.ports import StreamOpener
from drivers.registry import names_of
from drivers.serial_port import is_pty, opener
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import LineOpener, SimLine
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.practice_bench import KNOWN, PracticeBench
from drivers.sim.pty_line import PtyLine
from drivers.sim.signals import Signals
from drivers.sim.text_line import TextLine, TextLineOpener
from drivers.sim.text_pty import TextPtyLine
from edge.agent import Agent, Parts
from edge.board_settings import Board
from edge.board_wiring import BOARD_LINE, board_parts, board_plans, bridges_of, release, tell_unleased, through_boards
from edge.boards import board_feedback
from edge.boots import Boots
from edge.bus_report import bus_report
from edge.calibration_book import ShelfBook
from edge.calibration_hooks import serve_calibrations
from edge.config import SIMULATED, FarmConfig
from edge.config import Bus as BusConfig
from edge.config_check import series_of
from edge.connected import line_settings
from edge.derived import Deficits
from edge.exchange_tasks import exchange_tasks
from edge.exits import LOG_FILE
from edge.farm_profile import Known, farm_profile
from edge.forecast import forecast_task
from edge.hub_link import HubLink
from edge.line_sources import sources_and_banks
from edge.pipeline import SeriesPlan, still_s
from edge.practice import Practice, Probe
from edge.release import VERSION
from edge.reminders import Reminders
from edge.simulated_boards import SimulatedBoard
from edge.temperatures import Temperatures
from edge.world import BootClock, World
from telemetry.log import PROFILES, Log
from telemetry.quantities import quantity
from telemetry.records import Event, series_id
from telemetry.upkeep import Keeping, Upkeep

PRACTICE_LOOK_S: Final = 0.5

# The standard deviation of what a cheap instrument shows, in canonical units. Light and wind have none: at night
# and in a calm they rest at 0, and noise would show what cannot be.
NOISE: Final[dict[str, float]] = {
    "air_temperature": 0.05,
    "air_humidity": 0.2,
    "co2": 4.0,
    "soil_moisture": 0.05,
    "soil_temperature": 0.03,
    "soil_ec": 0.005,
    "voltage": 0.4,
    "water_ec": 0.012,
    "water_ph": 0.01,
}

# Devices to practise on, for ``vuon bus practice``: simulated ones are made here only.
PRACTICE_KNOWN: Final = KNOWN
practice_bench: Final = PracticeBench

# Gives the opener of one bus or board; the simulated field has its own.
Openers = Callable[[BusConfig | Board], StreamOpener]


def real_openers(line: BusConfig | Board) -> StreamOpener:
    """Open the port that ``farm.toml`` names."""
    return opener(line.port, BOARD_LINE if isinstance(line, Board) else line_settings(line))


def known_devices(config: FarmConfig, catalogue: Catalogue) -> list[Known]:
    """Look every device up; the configuration was checked, so all are there."""
    known = []
    for device in config.devices:
        entry = catalogue.entry(device.type, device.variant)
        series = series_of(device, names_of(entry))
        if entry.relay is not None:
            # Of a relay board only the wired channels are worth remembering.
            series = {name: one for name, one in series.items() if name.partition(".")[2] in device.outputs}
        known.append(Known(device, entry, series))
    return known


def series_plans(config: FarmConfig, known: list[Known]) -> list[SeriesPlan]:
    """Say what the pipeline must know of each series."""
    simulated = {bus.name for bus in config.buses if bus.port == SIMULATED or is_pty(bus.port)}
    plans = []
    for one in known:
        values = {f"{v.quantity}.{v.index}" if v.index else v.quantity: v for v in one.entry.value}
        for name, series in one.series.items():
            # A bare signal (mV, ohms) is of what the farm says that it measures.
            kind = quantity(series.partition("/")[2].partition(".")[0])
            value = values.get(name)
            plans.append(
                SeriesPlan(
                    series,
                    one.device.name,
                    kind,
                    kind.unit if value is None else value_unit(value),
                    one.device.period_s,
                    one.device.still_max_s or still_s(kind),
                    one.device.bus in simulated,
                    0.0 if value is None else value_step(one.entry, value),
                )
            )
    plans += board_plans(config)
    return plans


def feedback_series(config: FarmConfig, known: list[Known]) -> dict[str, str]:
    """Map each output to the series that tells how its hardware stands, where there is one."""
    told = board_feedback(config)
    for one in known:
        for channel, output in one.device.outputs.items():
            series = one.series.get(f"switch.{channel}")
            if one.entry.relay is not None and series is not None:
                told[output] = series
    return told


def deficits_of(control: ControlSettings, plans: list[SeriesPlan]) -> tuple[Deficits, list[SeriesPlan]]:
    """Watch each house's air for its vapour pressure deficit; gives also the plans of the series that come of it."""
    from controllers.kernels.psychrometrics import vpd_kpa  # numba loads with the first kernel

    by_name = {plan.series: plan for plan in plans}
    deficits = Deficits(vpd_kpa)
    made = []
    for house in control.houses:
        temperature = (*house.air_temperature, series_id(house.id, "air_temperature"))[0]
        humidity = (*house.air_humidity, series_id(house.id, "air_humidity"))[0]
        if temperature in by_name and humidity in by_name:
            plan = by_name[humidity]
            name = deficits.add(house.id, temperature, humidity)
            kind = quantity("vapour_pressure_deficit")
            made.append(SeriesPlan(name, plan.device, kind, kind.unit, plan.period_s, 0.0, plan.simulated))
    return deficits, made


def beside_tasks(
    config: FarmConfig,
    world: World,
    boot: BootClock,
    book: ShelfBook,
    link: HubLink | None,
    plans: Sequence[SeriesPlan],
) -> dict[str, Callable[[Agent], Coroutine[Any, Any, None]]]:
    """Choose the tasks that control does not need, by name."""
    beside: dict[str, Callable[[Agent], Coroutine[Any, Any, None]]] = {
        "reminders": lambda agent: Reminders(book, agent.record, agent.alarms).run(boot)
    }
    if config.forecast is not None and world.network is not None:
        beside["forecast"] = forecast_task(config.forecast, config.farm.timezone, boot)
    if link is not None:
        beside["uplink"] = link.run
    if world.network is not None:
        beside |= exchange_tasks(config, plans)
    return beside


def assemble(
    config: FarmConfig,
    text: str,
    world: World,
    openers: Openers,
    *,
    compiled: bool,
    boot: BootClock | None = None,
    types: Catalogue | None = None,
) -> Agent:
    """Put an agent together; ``text`` is the file that ``config`` came from, kept with the boot.

    ``types`` are the device types that the farm knows; None: those that came with the program.

    DiskError when the state folder cannot be used.
    """
    from controllers.engine import Engine  # numba loads with it

    boot = boot or BootClock(world.clock)
    catalogue = types or Catalogue()
    known = known_devices(config, catalogue)
    plans = series_plans(config, known)
    deficits, derived = deficits_of(config.control, plans)
    profile = PROFILES[config.log.profile]
    log = Log.open(world.state / LOG_FILE, config.farm.edge, profile=profile, disk=world.disk, nonce=world.seed)
    boots = Boots(world.state)
    memory = boots.memory()
    boots.begin(log.epoch, text, memory, catalogue.own_texts({device.type for device in config.devices}))
    began_ms = boot.mono_ms()
    wall_ms, clock_ok = boot.wall()
    engine = Engine(config.control, began_ms)
    first = [engine.restore(memory, began_ms, wall_ms, clock_ok=clock_ok)] if memory is not None else []
    if lost := boots.damaged():
        first.append(Event("memory.lost", "agent", began_ms, "warning", fields={"detail": ", ".join(lost)}))
    load_kernels(config.control)
    bridges = bridges_of(config, openers, world)
    settings = {output.id: output for output in config.control.outputs}
    water = Temperatures(boot.mono_ms)
    sources, banks = sources_and_banks(config.buses, settings, known, through_boards(openers, bridges), boot, water)
    board_sources, board_banks = board_parts(config, bridges, boot)

    def save() -> Callable[[], None]:
        wall_ms, clock_ok = boot.wall()
        taken = engine.snapshot(boot.mono_ms(), wall_ms, clock_ok=clock_ok)
        return lambda: boots.save(taken)

    book = ShelfBook(Shelf(world.state / "calibrations"), boot.wall, {plan.series: plan.unit for plan in plans})
    link = None
    if config.uplink is not None and world.network is not None:
        link = HubLink(config.uplink, log, world, farm_profile(config, known, book), config.exchange.issuers)
    keeping = Keeping(replay_days=config.log.replay_d, raw_expendable=config.log.raw_expendable)
    acked = link.acked_row if link is not None else None
    upkeep = Upkeep(log.transaction, log.path, log.edge, keeping=keeping, disk=world.disk, acked_row=acked)
    parts = Parts(
        engine=engine,
        sources=sources | board_sources,
        banks=[*banks, *board_banks],
        plans=plans,
        deficits=deficits,
        derived=derived,
        water=water,
        feedback=feedback_series(config, known),
        save_state=save,
        first=(start_event(config, began_ms, wall_ms, clock_ok, compiled=compiled), *first),
        beside=beside_tasks(config, world, boot, book, link, [*plans, *derived]),
        upkeep=upkeep.step,
        release=lambda place: release(config, bridges, place),
        compiled=compiled,
        version=VERSION,
    )
    agent = Agent(config, world, boot, log, book, parts)
    serve_calibrations(agent, book, plans, known, sources, lambda: farm_profile(config, known, book), link)
    agent.desk.line_health = lambda: bus_report(config.buses, known, sources, asyncio.get_running_loop().time())
    tell_unleased(config, catalogue, agent, began_ms)
    return agent


def load_kernels(control: ControlSettings) -> None:
    """Tick a second engine once, so that every kernel is loaded before the first deadline counts."""
    from controllers.engine import Engine
    from controllers.ticks import TickInput

    spare = Engine(control)
    spare.tick(TickInput(1, 1000, 0, False, 0, 0, spare.sense({})))


def start_event(config: FarmConfig, mono_ms: int, wall_ms: int, clock_ok: bool, *, compiled: bool) -> Event:
    """Tell the log what a boot began with: all that a replay must know beside the boot's own folder."""
    return Event(
        "agent.start",
        config.farm.edge,
        mono_ms,
        fields={"version": VERSION, "wall_ms": wall_ms, "clock_ok": clock_ok, "compiled": compiled},
    )


class SimulatedField:
    """Every bus whose port is ``sim``: its instruments on a simulated line, fed by the twin.

    ``now_s`` of its methods is the event loop's time; the field began at ``start_s`` of it.
    """

    def __init__(
        self, config: FarmConfig, known: list[Known], start_s: float, start_wall_s: float, *, byte_by_byte: bool
    ) -> None:
        if config.simulation is None:
            raise ValueError("farm.toml has no table [simulation]")
        seed = config.simulation.seed
        from edge.field import Field  # the twin and its kernels: a farm of real lines does not load them

        self.field = Field(config.control, config.simulation.houses, start_wall_s, seed)
        self._start_s = start_s
        self.practice: dict[str, Probe] = {}
        self.instruments: dict[str, SimulatedInstrument] = {}
        self.probes: dict[str, SimulatedLineInstrument] = {}
        self.lines: dict[str, SimLine | TextLine] = {}
        self._outputs: list[tuple[str, SimulatedInstrument, int]] = []
        for number, bus in enumerate(bus for bus in config.buses if bus.port == SIMULATED):
            mine = [one for one in known if one.device.bus == bus.name]
            here = [(one, seed + 1000 * number + place) for place, one in enumerate(mine)]
            if bus.kind != "modbus":
                self.lines[bus.name] = TextLine([self._text_instrument(one, its_seed) for one, its_seed in here])
                continue
            serve: dict[int, Callable[[bytes], bytes | None]] = {}
            line = SimLine(line_settings(bus), serve, byte_by_byte=byte_by_byte, seed=seed + number)
            for one, its_seed in here:
                serve[one.device.unit] = _server(self._instrument(one, its_seed), line)
            self.lines[bus.name] = line
        self.boards = {board.name: SimulatedBoard(board) for board in config.boards if board.port == SIMULATED}

    def _signals(self, one: Known) -> Signals:
        series = {name: one.series.get(name, f"{one.device.place}/{name}") for name in names_of(one.entry)}
        return lambda name, _now: self._met(series.get(name, ""))

    def _text_instrument(self, one: Known, seed: int) -> SimulatedLineInstrument:
        address = str(one.device.address)
        probe = SimulatedLineInstrument(one.entry, self._signals(one), address=address, seed=seed, noise=_noise(one))
        self.probes[one.device.name] = probe
        return probe

    def _instrument(self, one: Known, seed: int) -> SimulatedInstrument:
        device, noise = one.device, _noise(one)
        instrument = SimulatedInstrument(one.entry, self._signals(one), address=device.unit, seed=seed, noise=noise)
        self.instruments[device.name] = instrument
        self._outputs += [(output, instrument, int(channel)) for channel, output in device.outputs.items()]
        return instrument

    def _met(self, series: str) -> float:
        """Give what the probe of a series meets: the twin's truth, or the beaker that somebody put it into."""
        truth = self.field.signal(series)
        probe = self.practice.get(series)
        return truth if probe is None else probe.meets(truth)

    async def follow_practice(self, bench: Practice) -> None:
        """Put probes where a technician who practises puts them, until cancelled."""
        while True:
            self.practice = bench.probes()
            await asyncio.sleep(PRACTICE_LOOK_S)

    def levels(self, at_s: float) -> dict[str, float]:
        """Say how the hardware holds every output, ``at_s`` seconds after the start."""
        now_s = at_s + self._start_s
        held: dict[str, float] = {}
        for output, instrument, channel in self._outputs:
            if instrument.coils is not None:
                held[output] = float(instrument.coils.states(now_s)[channel - 1])
            elif instrument.stem is not None:
                held[output] = instrument.stem.position(now_s)
            elif instrument.motor is not None:
                held[output] = instrument.motor.hz(now_s) / instrument.motor.drive.most_hz
        for board in self.boards.values():
            held |= board.levels()
        return held

    def advance(self, now_s: float) -> None:
        """Let the field live until now."""
        self.field.advance_to(now_s - self._start_s, self.levels)
        for board in self.boards.values():
            board.feel(self.field.signal)

    async def live(self) -> None:
        """Let the field live with the event loop's time until cancelled."""
        from edge.field import STEP_S

        loop = asyncio.get_running_loop()
        step = 0
        while True:
            step += 1
            await asyncio.sleep(max(0.0, self._start_s + step * STEP_S - loop.time()))
            self.advance(loop.time())

    def open_line(self, line: BusConfig | Board) -> StreamOpener:
        """Give the opener of a simulated bus inside this process, or of a board whose time is the event loop's."""
        if isinstance(line, Board):
            return self.boards[line.name].virtual()
        here = self.lines[line.name]
        return TextLineOpener(here) if isinstance(here, TextLine) else LineOpener(here)

    def shut(self) -> None:
        """End the boards' processes."""
        for board in self.boards.values():
            board.shut()

    def open_ptys(self) -> dict[str, PtyLine | TextPtyLine]:
        """Put every simulated bus behind a pseudo-terminal of its own."""
        return {n: TextPtyLine(one) if isinstance(one, TextLine) else PtyLine(one) for n, one in self.lines.items()}


def _noise(one: Known) -> dict[str, float]:
    return {name: NOISE[name.partition(".")[0]] for name in names_of(one.entry) if name.partition(".")[0] in NOISE}


def _server(instrument: SimulatedInstrument, line: SimLine) -> Callable[[bytes], bytes | None]:
    return lambda pdu: instrument.answer(instrument.address, pdu, line.now_s)
