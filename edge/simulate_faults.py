# SPDX-License-Identifier: Apache-2.0
"""Years of a model house under thousands of faults, judged in every step: the plant breaks, sensors lie, people err.

The rule it keeps: everything comes from one seed, so a breach can be lived through again; faults enter at the ports
only (samples in, commands out, clock, people, power), never inside the engine.
"""

import math
import random
from datetime import datetime
from typing import Final

import msgspec

from controllers.engine import Engine
from controllers.houses import HouseModel
from controllers.ticks import Maintenance, Override, Reset, Sense, TickInput
from edge.hazard_checks import Judge
from edge.simulate import START, STEP_S, Simulation
from telemetry.records import Quality

STEPS_A_DAY: Final = 86_400 // STEP_S
OVERRIDES_KEPT: Final = 12
RESET_EVERY: Final = 6 * 60  # a person comes round and releases latches
SENSOR_FAULTS: Final = ("silent", "nan", "infinite", "spike", "stuck", "lies_low", "lies_high")
PLANT_ZONE: Final = ("valve_stuck_open", "valve_stuck_shut", "pipe_burst", "drippers_clogged")
PLANT_HOUSE: Final = ("tank_dry", "pump_dead", "vent_stuck", "fan_dead", "heater_stuck_on")
OTHER: Final = (
    "mains_lost",
    "bus_lost",
    "clock_untrusted",
    "clock_jump",
    "override",
    "override_no_number",
    "override_endless",
    "override_over",
    "maintenance",
    "stop_all",
    "restart",
    "power_cut",
)
KINDS: Final = (
    *(f"sensor.{kind}" for kind in SENSOR_FAULTS),
    *(f"plant.{kind}" for kind in (*PLANT_ZONE, *PLANT_HOUSE)),
    *(f"farm.{kind}" for kind in OTHER),
)


class Verdict(msgspec.Struct, frozen=True):
    """What a run under faults came to; ``first`` tells the first breach of each broken promise."""

    house: str
    seed: int
    steps: int
    greenhouse_years: float
    faults: int
    kinds: int
    breaches: dict[str, int]
    first: dict[str, str]
    waterings: int
    hazards: dict[str, int]


class Chaos:
    """Begins and ends faults, and bends what passes the ports."""

    def __init__(self, life: Simulation, seed: int, faults_a_day: float) -> None:
        self._life = life
        self._dice = random.Random(seed)  # noqa: S311 a repeatable world, no secret
        self._chance = faults_a_day / STEPS_A_DAY
        self._sensors: dict[int, tuple[str, int]] = {}  # series -> kind, last step
        self._ends: dict[int, list[tuple[str, str]]] = {}  # step -> plant faults that end
        self._until: dict[str, int] = {}  # farm fault -> last step
        self._overrides: list[Override] = []
        self._maintenance: list[Maintenance] = []
        self._jump_ms = 0
        self._age = [0] * len(life.engine.series)
        self._last = [0.0] * len(life.engine.series)
        self.faults = 0
        self.restarted = False
        self.kinds: set[str] = set()

    def bend(self, given: TickInput) -> TickInput:
        """Let the world go wrong, then give what reaches the engine of it."""
        step = given.number
        self.restarted = False
        for place, fault in self._ends.pop(step, ()):
            self._life.twin.repair(place, fault)
        while self._dice.random() < self._chance:
            self._begin(self._dice.choice(KINDS), given)
        self._life.mains = self._until.get("mains_lost", 0) < step
        jump = self._jump_ms if self._until.get("clock_jump", 0) >= step else 0
        day, minute = divmod(given.day * 1440 + given.minute + jump // 60_000, 1440)
        self._overrides = [one for one in self._overrides if one.until_ms > given.mono_ms - 600_000][-OVERRIDES_KEPT:]
        self._maintenance = [one for one in self._maintenance if one.until_ms > given.mono_ms]
        resets: tuple[Reset, ...] = ()
        if step % RESET_EVERY == 0:
            resets = (Reset("line", "an"), *(Reset(name, "an") for name in self._life.engine.outputs))
        return given._replace(
            wall_ms=given.wall_ms + jump,
            clock_ok=self._until.get("clock_untrusted", 0) < step,
            day=day,
            minute=minute,
            sense=self._bend_sense(given.sense, step) if self._sensors or self._bus_lost(step) else given.sense,
            overrides=tuple(self._overrides),
            maintenance=tuple(self._maintenance),
            resets=resets,
            stop_all=self._until.get("stop_all", 0) >= step,
        )

    def _bus_lost(self, step: int) -> bool:
        return self._until.get("bus_lost", 0) >= step

    def _bend_sense(self, sense: Sense, step: int) -> Sense:
        values, quality, age_ms = sense.values.copy(), sense.quality.copy(), sense.age_ms.copy()
        lost = range(len(values)) if self._bus_lost(step) else ()
        for i in lost:
            values[i], quality[i], age_ms[i] = math.nan, int(Quality.COMM | Quality.STALE), 3_600_000
        for i, (kind, last) in list(self._sensors.items()):
            if step > last:
                del self._sensors[i]
            elif kind == "silent":
                self._age[i] += STEP_S * 1000
                values[i], age_ms[i] = self._last[i], self._age[i]
                quality[i] |= int(Quality.STALE) if self._age[i] > 180_000 else 0
            elif kind == "nan":
                values[i] = math.nan
            elif kind == "infinite":
                values[i] = math.inf if i % 2 else -math.inf
            elif kind == "spike":
                values[i] += 1000.0
                quality[i] |= int(Quality.RANGE | Quality.SPIKE)
            elif kind == "stuck":
                values[i] = self._last[i]
                quality[i] |= int(Quality.STUCK)
            else:  # a lie that no filter finds
                values[i] *= 0.3 if kind == "lies_low" else 2.0
        return Sense(values, quality, age_ms)

    def _begin(self, kind: str, given: TickInput) -> None:
        self.faults += 1
        self.kinds.add(kind)
        family, _, name = kind.partition(".")
        last = given.number + self._dice.randrange(2, 180)
        if family == "sensor":
            i = self._dice.randrange(len(self._age))
            self._sensors[i] = (name, last)
            self._age[i] = 0
            self._last[i] = float(given.sense.values[i])
        elif family == "plant":
            zones = self._life.twin.zones
            place = self._dice.choice(zones) if name in PLANT_ZONE else self._life.model.name
            self._break(place, name, last)
        else:
            self._until[name] = last
            self._farm(name, given, last)

    def _break(self, place: str, fault: str, last: int) -> None:
        self._life.twin.break_down(place, fault, self._dice.random())
        self._ends.setdefault(last, []).append((place, fault))

    def _farm(self, name: str, given: TickInput, last: int) -> None:
        span_ms = (last - given.number) * STEP_S * 1000
        output = self._dice.choice(self._life.engine.outputs)
        if name == "mains_lost":
            self._break(self._life.model.name, "mains_lost", last)
        elif name == "clock_jump":
            self._jump_ms = 1000 * self._dice.choice((3600, -3600, 86_400, -86_400, 86_400 * 3650, -86_400 * 3650))
        elif name.startswith("override"):
            level = {"override_no_number": self._dice.choice((math.nan, math.inf, -math.inf))}.get(name, 1.0)
            until = {"override_endless": 10**12, "override_over": given.mono_ms - 1000}.get(
                name, given.mono_ms + span_ms
            )
            origin = self._dice.choice(("local", "manual", "remote"))
            self._overrides.append(
                msgspec.convert(
                    {"output": output, "level": level, "until_ms": until, "person": "chaos", "origin": origin}, Override
                )
            )
        elif name == "maintenance":
            place = self._dice.choice((self._life.model.name, "line", *self._life.twin.zones))
            self._maintenance.append(Maintenance(place, given.mono_ms + min(span_ms, 1_800_000), "chaos"))
        elif name in {"restart", "power_cut"}:
            self._restart(given, down_ms=0 if name == "restart" else span_ms)

    def _restart(self, given: TickInput, down_ms: int) -> None:
        """Start the engine anew from its snapshot; the hardware let go of every output meanwhile."""
        life = self._life
        self.restarted = True
        saved = life.engine.snapshot(given.mono_ms - STEP_S * 1000, given.wall_ms - down_ms, clock_ok=given.clock_ok)
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=type(saved))
        life.engine = Engine(life.settings, given.mono_ms, repeat_s=math.inf)
        life.engine.restore(kept, given.mono_ms, given.wall_ms, clock_ok=given.clock_ok)


def torture(model: HouseModel, seed: int, days: float, faults_a_day: float = 27.4, start: datetime = START) -> Verdict:
    """Let a house live for ``days`` under so many faults a day and judge every step; 27.4 a day are 10^4 a year."""
    life = Simulation(model, seed, start)
    chaos = Chaos(life, seed, faults_a_day)
    judge = Judge(life.settings, life.engine.series, life.engine.outputs, life.settings.limits.stale_s * 1000.0)
    for _ in range(round(days * STEPS_A_DAY)):
        given, result = life.step(chaos.bend)
        if chaos.restarted:
            judge.forget()
        judge.watch(given, result)
    report = life.report()
    return Verdict(
        house=model.name,
        seed=seed,
        steps=judge.steps,
        greenhouse_years=round(judge.steps * STEP_S / 86_400 / 365.0, 4),
        faults=chaos.faults,
        kinds=len(chaos.kinds),
        breaches=judge.breaches,
        first=judge.first,
        waterings=report.waterings,
        hazards=report.hazards,
    )
