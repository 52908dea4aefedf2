# SPDX-License-Identifier: Apache-2.0
"""The whole agent on a seeded virtual clock: bytes, firmware, disk, network and plant, with everything going wrong.

    python -m tests.torture.agent --hours 3 --faults 150 --seed 1

The rule it keeps: the judge looks at the pins and at nature, not into the agent; a bound that does not hold is a
breach with its second; the same seed lives the same hours again. Seeds that once failed are kept in
``agent_seeds.txt`` and lived again by the tests for ever.
"""

import argparse
import asyncio
import math
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from controllers.kernels import greenhouse_columns as gc
from drivers.catalogue import Catalogue
from edge import virtual
from edge.agent import Agent
from edge.config import FarmConfig, parse
from edge.farm_profile import farm_profile
from edge.replay import replay
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import VirtualClock, World
from telemetry.outgoing import OutgoingRows
from telemetry.records import Decision
from telemetry.uplink import Uplink
from tests.support.board_farm import board_farm
from tests.support.waiting import passes
from tests.torture.agent_faults import EYES, HOUSE, Chaos, FullDisk, QuietNetwork, RestlessBroker

START_WALL_MS: Final = 1_772_319_600_000  # 2026-03-01 06:00 in Viet Nam
NO_BEGINNING: Final = "the beginning of this boot is not in the log"
PUMP: Final = f"{HOUSE}-pump"
VALVES: Final = (f"{HOUSE}-valve-1", f"{HOUSE}-valve-2")
WATER: Final = (PUMP, *VALVES)
RATED_L_MIN: Final = {VALVES[0]: 40.0, VALVES[1]: 38.0}
CAP_L: Final = 700.0
_PERIOD: Final = re.compile(r"period_s = ([0-9.]+)")
SECOND: Final = f'"{HOUSE}-2/soil_moisture"]\n'
JOBS: Final = ("06:40", "08:10", "09:40")
DOWN_S: Final = (2.0, 30.0)
# hazard -> seconds for which it may be so; the promise in words stands in docs/safety.md
BOUNDS: Final = {
    "H1 water on without leave": 8,
    "H1 climate on without leave": 16,
    "H1 burst pipe runs on": 90,
    "H1 longest time on": 1800 + 15,
    "H2 open without flow": 90,
    "H3 pump without water": 60,
    "H4 pump against closed valves": 2,
    "H7 heat without air": 60,
    "H8 frost with open vents": 60,
    "H9 storm with open vents": 80,
    "H17 water on without an agent": 3,
    "H17 climate on without an agent": 12,
    "H22 water on just after a start": 2,
    "H23 loop stands still": 5,
    "H25 moves where somebody works": 10,
}  # fmt: skip


class Verdict(msgspec.Struct, frozen=True):
    """What some hours came to; ``first`` tells the first breach of each promise."""

    seed: int
    hours: float
    faults: int
    kinds: list[str]
    breaches: dict[str, int]
    first: dict[str, str]
    boots: int
    waterings: int
    decisions: int
    sent: int


def farm_text() -> str:
    """Give the farm: water on a board, climate on a relay board, one bed by its probe and one by the clock."""
    text = board_farm()
    jobs = ", ".join(f'{{ at = "{at}", litres = 90.0 }}' for at in JOBS)
    for old, new in (
        (f'strategy = "moisture"\nvalve = "{VALVES[1]}"', f'strategy = "schedule"\nvalve = "{VALVES[1]}"'),
        (f"{SECOND}start_pct = 27.5\ntarget_pct = 30.0", f"{SECOND}schedule = [{jobs}]"),
        ("daily_cap_l = 2500.0", f"daily_cap_l = {CAP_L}"),
        ("daily_cap_l = 2500.0", f"daily_cap_l = {CAP_L}"),
        ("heat_c = 38.0", "heat_c = 38.0\nfrost_c = 2.0"),
        ('irrigation = "drip"\n\n', 'irrigation = "drip"\ntick_s = 2.0\n\n'),
    ):  # fmt: skip
        if old not in text:
            raise ValueError(f"the example farm has no {old!r} any more")
        text = text.replace(old, new, 1)
    return _PERIOD.sub(lambda found: f"period_s = {max(3.0 * float(found[1]), 4.0):.1f}", text)


@dataclass
class Judge:
    """Holds the pins and nature against the promises, second by second."""

    nature: SimulatedField
    chaos: Chaos
    breaches: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    jobs_begun: int = 0
    _for_s: dict[str, int] = field(default_factory=dict)
    _booted_s: float = 0.0
    _ticks: int = -1
    _scheduled: bool = False

    def breach(self, promise: str, what: str) -> None:
        """Count a breach."""
        self.breaches[promise] = self.breaches.get(promise, 0) + 1
        self.first.setdefault(promise, what)

    def booted(self, now_s: float) -> None:
        """A new agent begins."""
        self._booted_s, self._ticks = now_s, -1
        self._for_s.clear()

    def _hold(self, promise: str, who: str, bad: bool, now_s: float) -> None:
        key = f"{promise} {who}"
        self._for_s[key] = self._for_s.get(key, 0) + 1 if bad else 0
        if self._for_s[key] == BOUNDS[promise] + 1:
            self.breach(promise, f"{now_s:.0f} s {who}, now: {[k for k, n in self.chaos.active.items() if n]}")

    def down(self, held: dict[str, float], now_s: float) -> None:
        """Judge a second without an agent."""
        for output, level in held.items():
            kind = "water" if output in WATER else "climate"
            self._hold(f"H17 {kind} on without an agent", output, level > 0.0, now_s)

    def second(self, agent: Agent, held: dict[str, float], now_s: float) -> None:
        """Judge a second of a living agent."""
        allowed = agent.runner.allowed
        for output, level in allowed.items():
            if not 0.0 <= level <= 1.0:
                self.breach("H16 a level that is none", f"{now_s:.0f} s {output} {level}")
        for output, level in held.items():
            kind = "water" if output in WATER else "climate"
            self._hold(f"H1 {kind} on without leave", output, level > 0.0 and allowed.get(output, 0.0) <= 0.0, now_s)
        for valve in VALVES:
            self._hold("H1 longest time on", valve, held.get(valve, 0.0) > 0.0, now_s)
        ticks = agent.deadlines.ticks
        settled = now_s - self._booted_s > 12.0
        self._hold("H23 loop stands still", "", settled and ticks == self._ticks, now_s)
        self._ticks = ticks
        young = 1.0 < now_s - self._booted_s < agent.config.control.limits.boot_hold_s
        self._hold("H22 water on just after a start", "", young and any(held.get(o, 0.0) > 0.0 for o in WATER), now_s)
        for place, work in agent.orders.maintenance.items():
            if agent.boot.mono_ms() < work.until_ms:
                for one in agent.config.control.outputs:
                    busy = one.place == place and held.get(one.id, 0.0) > 0.0
                    self._hold("H25 moves where somebody works", one.id, busy and one.kind != "valve", now_s)
        self._hydraulics(agent, held, now_s)
        self._climate(agent, now_s)
        self._time(agent)

    def _hydraulics(self, agent: Agent, held: dict[str, float], now_s: float) -> None:
        pump = held.get(PUMP, 0.0) > 0.0
        opened = [valve for valve in VALVES if held.get(valve, 0.0) > 0.0]
        self._hold("H4 pump against closed valves", PUMP, pump and not opened, now_s)
        water = self.nature.field.twin.state.house[0]
        self._hold("H3 pump without water", PUMP, pump and float(water[gc.S_TANK_L]) < 1.0, now_s)
        if self.chaos.since_s(now_s, EYES | {"people.hold"}) < 90.0 or now_s - self._booted_s < 90.0:
            for key in list(self._for_s):
                if key.startswith(("H1 burst", "H2 ")):
                    self._for_s[key] = 0
            return
        flow = self.nature.field.signal(f"{HOUSE}-water/water_flow")
        rated = sum(RATED_L_MIN[valve] for valve in opened)
        self._hold("H1 burst pipe runs on", PUMP, pump and bool(opened) and flow > 1.4 * rated, now_s)
        # only a pump that turns is to be judged by its water: without mains it stands still by itself
        mains = self.chaos.since_s(now_s, {"plant.mains_lost"}) > 90.0
        self._hold("H2 open without flow", PUMP, mains and pump and bool(opened) and flow < 0.4 * rated, now_s)

    def _climate(self, agent: Agent, now_s: float) -> None:
        seen = self.chaos.since_s(now_s, EYES | {"people.maintenance", "plant.mains_lost"}) > 60.0
        seen = seen and now_s - self._booted_s > 60.0
        allowed = agent.runner.allowed
        active = {kind for kind, count in self.chaos.active.items() if count}
        storm, heat, frost = (f"weather.{name}" in active for name in ("storm", "heat", "frost"))
        vent, fan = allowed.get(f"{HOUSE}-vent", 0.0), allowed.get(f"{HOUSE}-fan", 0.0)
        alone = seen and heat != frost
        # ten minutes of calm must pass before a storm is over, and in a storm the vents stay shut also in the heat
        storm_before = storm or self.chaos.since_s(now_s, {"weather.storm"} | EYES) < 800.0
        self._hold("H9 storm with open vents", "vent", seen and storm and vent > 0.0, now_s)
        self._hold("H7 heat without air", "vent", alone and heat and not storm_before and vent < 1.0, now_s)
        self._hold("H7 heat without air", "fan", alone and heat and fan < 1.0, now_s)
        self._hold("H8 frost with open vents", "vent", alone and frost and vent > 0.0, now_s)

    def _time(self, agent: Agent) -> None:
        decision: Decision | None = agent.runner.last.get(VALVES[1])
        scheduled = decision is not None and decision.code == "irrigation.start.schedule"
        self.jobs_begun += scheduled and not self._scheduled
        self._scheduled = scheduled

    def end(self, hours: float) -> None:
        """Judge the whole time; it begins before the day's first job."""
        days = math.ceil(hours / 24.0)
        if self.jobs_begun > len(JOBS) * days:
            self.breach("H12 a job ran twice", f"{self.jobs_begun} runs of {len(JOBS)} jobs in {hours} h")
        for zone in range(2):
            litres = float(self.nature.field.twin.state.zone[zone, gc.Z_METER_L])
            if litres > days * (CAP_L * 1.1 + 80.0) and not self.chaos.kinds & {
                "plant.valve_stuck_open",
                "plant.pipe_burst",
            }:
                self.breach("H12 more than a day's water", f"zone {zone + 1}: {litres:.0f} L in {hours} h")
        for hostile in self.chaos.hostile:
            self.breach("H14 an order that may not be", hostile)


@dataclass
class Life:
    """One farm living for some hours."""

    seed: int
    seconds: float
    faults: int
    config: FarmConfig
    text: str
    state: Path
    boots: int = 0
    decisions: int = 0

    async def run(self, loop: virtual.VirtualLoop) -> tuple[Judge, Chaos]:
        """Live to the end; the agent is started anew whenever it was killed."""
        clock = VirtualClock(loop, START_WALL_MS)
        known = known_devices(self.config, Catalogue())
        nature = SimulatedField(self.config, known, loop.time(), START_WALL_MS / 1000.0, byte_by_byte=False)
        disk = FullDisk()
        chaos = Chaos(random.Random(self.seed), nature, clock, disk, RestlessBroker())
        judge = Judge(nature, chaos)
        living = loop.create_task(nature.live(), name="nature")
        try:
            while loop.time() < self.seconds:
                await self._boot(loop, clock, judge)
        finally:
            living.cancel()
            nature.shut()
        judge.end(self.seconds / 3600.0)
        return judge, chaos

    async def _boot(self, loop: virtual.VirtualLoop, clock: VirtualClock, judge: Judge) -> None:
        chaos, nature = judge.chaos, judge.nature
        nature.shut()  # a board is reset when its line is opened
        world = World(clock, self.state, QuietNetwork(), chaos.disk, self.seed)
        chaos.disk.refuses = False
        agent = assemble(self.config, self.text, world, nature.open_line, compiled=True)
        rows = OutgoingRows(agent.log.path, chaos.disk)
        profile = farm_profile(self.config, known_devices(self.config, Catalogue()), agent.desk.book)
        uplink = Uplink(agent.log, rows, chaos.broker, "member-1", profile=profile, now=clock.mono_s)
        agent.on_written = uplink.wake
        self.boots += 1
        judge.booted(loop.time())
        chaos.killed = False
        running = loop.create_task(agent.run(), name="agent")
        sending = loop.create_task(uplink.run(), name="uplink")
        while loop.time() < self.seconds and not chaos.killed:
            await passes(1.0)
            if running.done():
                running.result()  # a bug ends the test with its own trace
            chaos.step(loop.time(), self.faults / self.seconds, agent)
            judge.second(agent, nature.levels(loop.time()), loop.time())
        self.decisions += agent.board.counts.decisions
        chaos.disk.refuses = True  # a killed process writes nothing more
        for task in (running, sending):
            task.cancel()
        await asyncio.gather(running, sending, return_exceptions=True)
        rows.close()
        agent.log.close()
        chaos.disk.refuses = False
        until_s = loop.time() + chaos.dice.uniform(*DOWN_S)
        judge.booted(loop.time())
        while loop.time() < until_s:
            await passes(1.0)
            judge.down(nature.levels(loop.time()), loop.time())


def live(seed: int, hours: float, faults: int, state: Path, *, replays: bool = True) -> Verdict:
    """Live through ``hours`` under about so many faults; replay what was recorded where asked."""
    text = farm_text()
    life = Life(seed, hours * 3600.0, faults, parse(text), text, state)
    judge, chaos = virtual.run(life.run)
    if replays:
        for outcome in replay(state):
            # a clock that is trusted and jumps ten years ages the journal: it is sealed, and no longer there to replay
            aged = outcome.differences == [NO_BEGINNING] and "clock.jump" in chaos.kinds
            if not outcome.ok and not aged:
                judge.breach("the log replays", f"boot {outcome.epoch}: {outcome.differences[:1]}")
    return Verdict(
        seed=seed,
        hours=hours,
        faults=chaos.faults,
        kinds=sorted(chaos.kinds),
        breaches=judge.breaches,
        first=judge.first,
        boots=life.boots,
        waterings=judge.jobs_begun,
        decisions=life.decisions,
        sent=chaos.broker.carried,
    )


def main() -> int:
    """Live once and print the verdict as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--faults", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-replay", action="store_true")
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        verdict = live(given.seed, given.hours, given.faults, Path(folder), replays=not given.no_replay)
    print(msgspec.json.encode(verdict).decode(), flush=True)
    print(f"{given.hours * 3600.0 / (time.perf_counter() - began):.0f} x life", file=sys.stderr)
    return 1 if verdict.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
