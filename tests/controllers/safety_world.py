# SPDX-License-Identifier: Apache-2.0
"""A world of small whole numbers for the safety core, in which every limit is met exactly, again and again.

The rule it keeps: limits, readings, levels and steps of time are drawn from few values, so that "just below", "at" and
"just above" of every comparison come often; the same seed is the same world on every machine. What the core does in it
is recorded in ``tests/golden/safety-world.txt``: a line for so many ticks with the sum of all that it said and kept.

    python -m tests.controllers.safety_world            # compares, and tells the first ticks that differ
    python -m tests.controllers.safety_world --write    # after a change that was meant
"""

import math
import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from controllers.kernels import columns as c
from controllers.kernels import safety, safety_hazards
from controllers.layout import lay_out
from controllers.safety import Safety
from controllers.state import fresh
from controllers.ticks import Floats, Reset
from telemetry.records import Input
from tests.controllers.farm_rig import FARM

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "safety-world.txt"
SEEDS, TICKS, CHUNK = 24, 1000, 10
NAN, INF = math.nan, math.inf
STEPS_MS: Final = (*[1000.0] * 60, *[500.0] * 6, 1.0, 999.0, 1001.0, *[2000.0] * 6, *[3000.0] * 3, *[5000.0] * 2,
    10_000.0, 9_000.0, 20_000.0, 30_000.0, 60_000.0, 300_000.0, 299_000.0, 600_000.0, 600_001.0, 3_600_000.0,
    36_000_000.0, 108_000_000.0)  # fmt: skip
LIMITS: Final = {
    c.G_WIND_STALE: 3000.0, c.G_STORM_CLEAR: 2000.0, c.G_BLIND_AFTER: 2000.0, c.G_LEAD: 1000.0, c.G_LAG: 1000.0,
    c.G_FLOW_JUDGE: 2000.0, c.G_FAULT_REST: 3000.0, c.G_DRY_LOCKOUT: 3000.0, c.G_DRY_TRIES: 3.0, c.G_LEAK_SAMPLES: 2.0,
    c.G_DOSE_TRIES: 3.0, c.G_PROBE_DRY: 1.0, c.G_DIFFER_PH: 1.0, c.G_DIFFER_EC: 1.0, c.G_RESTART_SETTLE: 1000.0,
    c.G_RESTART_STAGGER: 1000.0, c.G_BOOT_HOLD: 2000.0, c.G_MAINS_MIN: 2.0,
}  # fmt: skip
OUTPUT: Final = {
    c.O_MAX_ON_MS: (0.0, 3000.0, 8000.0, 8000.0), c.O_MIN_OFF_MS: (0.0, 0.0, 2000.0), c.O_DAY_ON_MS: (0.0, 0.0, 6e4),
    c.O_FLOW_L_MIN: (60.0,), c.O_CAP_L: (5.0, 60.0, 600.0), c.O_ML_S: (1.0,), c.O_EVENT_ML: (3.0, 9.0),
    c.O_HOUR_ML: (6.0, 30.0), c.O_DAY_ML: (12.0, 60.0), c.O_SALT: (INF, 2.0), c.O_FED: (0.0, 0.0, 1.0),
    c.O_MAINS: (0.0, 1.0), c.O_RANK: (0.0, 1.0, 2.0), c.O_STORM: (NAN, NAN, 0.0, 1.0), c.O_HEAT: (NAN, 1.0, 0.0),
    c.O_FROST: (NAN, 0.0, 1.0), c.O_BLIND: (NAN, 0.5), c.O_BLIND_COLD: (NAN, 0.0), c.O_SAFE: (0.0, 0.0, 0.0, 0.5, 1.0),
}  # fmt: skip
LINE: Final = {
    c.L_FILL_DELAY_MS: (1000.0, 2000.0), c.L_LEAK: (1.0,), c.L_LOW: (0.5,), c.L_HIGH: (1.5,), c.L_PRESSURE_MAX: (4.0,),
    c.L_DRY_A: (0.0, 1.0), c.L_DRY_KPA: (0.0, 1.0), c.L_TANK_LOW: (1.0,), c.L_TANK_HIGH: (3.0,),
    c.L_FILL_MAX_MS: (3000.0, 9000.0), c.L_EC_MAX: (3.0,), c.L_PH_MIN: (2.0,), c.L_PH_MAX: (5.0,),
    c.L_HAS_LEVEL: (0.0, 1.0), c.L_HAS_FLOAT: (0.0, 1.0), c.L_HAS_EC: (0.0, 1.0), c.L_HAS_PH: (0.0, 1.0),
    c.L_FED: (0.0, 0.0, 1.0),
}  # fmt: skip
HOUSE: Final = {c.H_FROST: (1.0,), c.H_HEAT: (4.0,), c.H_STORM: (5.0,), c.H_HAS_WIND: (1.0, 1.0, 1.0, 0.0)}
# What each sensor may say; what is usual stands several times, else a world would only ever be in alarm.
SENSORS: Final = {
    c.X_FLOW: (
        NAN, 0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 12.0, 29.0, 30.0, *[60.0] * 8, *[120.0] * 4, 90.0, 91.0, 180.0, 181.0,
    ),
    c.X_PRESSURE: (NAN, 0.0, 1.0, *[2.0] * 12, 4.0, 5.0), c.X_CURRENT: (NAN, 0.0, 1.0, *[2.0] * 12, INF),
    c.X_LEVEL: (NAN, 0.0, 1.0, *[2.0] * 12, 3.0, 4.0), c.X_FLOAT: (NAN, *[0.0] * 9, 0.5, 1.0),
    c.X_EC1: (NAN, 0.0, 0.9, 1.0, *[2.0] * 9, 2.1, 3.0, 3.1, 4.0), c.X_EC2: (NAN, 1.0, 1.9, *[2.0] * 9, 2.1, 3.0, 3.1),
    c.X_PH1: (NAN, 1.9, 2.0, *[3.0] * 9, 3.1, 4.0, 5.0, 5.1), c.X_PH2: (NAN, 2.0, 2.1, *[3.0] * 9, 3.1, 4.0, 5.0, 6.0),
}  # fmt: skip
AIR: Final = {
    c.Y_T1: (NAN, -INF, 0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0), c.Y_T2: (NAN, 0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0),
    c.Y_T3: (NAN, NAN, 0.0, 3.0, 3.0, 4.0, 5.0), c.Y_OUTSIDE: (NAN, 5.0, 6.0, 7.0),
    c.Y_WIND: (NAN, 3.0, 3.0, 3.0, 3.9, 4.0, 4.1, 5.0, 6.0),
}  # fmt: skip


class Facts:
    """Tells of an input only which output it was asked for."""

    def input(self, name: str, output: int) -> Input:
        """See ``controllers.facts.Facts``."""
        return Input(name, float(output))


class World:
    """One farm of a seed, tick by tick."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        lay = self.layout = lay_out(FARM)
        self.tables = fresh(lay, 0)
        self.safety = Safety(lay, self.tables, lay.outputs)
        self.now = 0.0
        for table, sets in ((lay.op, OUTPUT), (lay.lp, LINE), (lay.hp, HOUSE)):
            for column, values in sets.items():
                for row in range(len(table)):
                    table[row, column] = self._dice.choice(values)
        for column, value in LIMITS.items():
            lay.g[column] = value
        for column, often in ((c.L_PUMP, 0.25), (c.L_MASTER, 0.5), (c.L_FILL, 0.1)):
            if self._dice.random() < often:
                lay.lp[0, column] = -1.0
        self._calm = 1.0  # how often a reading changes; a calm spell lets what lasts last
        self._want: Floats = np.zeros(len(lay.outputs))
        self._ask: Floats = np.zeros(len(lay.outputs))
        self._maintained: Floats = np.zeros(len(lay.outputs))
        self._feedback: Floats = np.full(len(lay.outputs), NAN)
        self._mains = self._stop = 0.0
        self._mains_v = 3.0

    def _now_and_then(self, share: float) -> bool:
        return self._dice.random() < share * self._calm

    def _readings(self) -> None:
        for table, sets in ((self.safety.lx, SENSORS), (self.safety.hx, AIR)):
            for row in range(len(table)):
                for column, values in sets.items():
                    if self._now_and_then(0.12):
                        table[row, column] = self._dice.choice(values)
        if not self._now_and_then(0.2):
            self.safety.lx[:, c.X_FLOW_AT] = self.now - self._dice.choice((0.0, 0.0, 0.0, 500.0, 1000.0))
        if not self._now_and_then(0.2):
            self.safety.hx[:, c.Y_WIND_AT] = self.now - self._dice.choice((0.0, 0.0, 1000.0, 3000.0))
        if self._now_and_then(0.05):
            self._mains_v = self._dice.choice((NAN, 1.0, 2.0, 3.0, 3.0, 3.0))
        self.tables.ls[:, c.T_SALT] = self._dice.choice((NAN, 1.0, 2.0, 3.0)) if self._now_and_then(0.1) else NAN

    def _people(self) -> list[str]:
        for o, kind in enumerate(self.layout.op[:, c.O_KIND].tolist()):
            water = kind in (c.VALVE, c.PUMP, c.MASTER)
            if self._now_and_then(0.1):
                usual = (1.0, 1.0, 1.0, 1.0, 0.0) if water else (0.0, 1.0)
                self._want[o] = self._dice.choice((*usual * 3, NAN, 0.5, 0.4, 2.0, -1.0))
            if self._now_and_then(0.03):
                self._ask[o] = self._dice.choice((c.ASK_AUTO, c.ASK_REMOTE, c.ASK_LOCAL))
                self._maintained[o] = float(self._dice.random() < 0.2)
            if self._now_and_then(0.1):
                told = self.safety.allowed[o]
                self._feedback[o] = self._dice.choice((NAN, NAN, NAN, told, told, told, 1.0 - told, 0.5))
        if self._now_and_then(0.02):
            self._stop = float(self._dice.random() < 0.3)
        told_of = []
        if self._dice.random() < 0.05:
            place = self._dice.choice((self.layout.lines[0], self._dice.choice(self.layout.outputs), "nowhere"))
            told_of.append(repr(self.safety.reset(Reset(place, "an"), int(self.now))))
        return told_of

    def tick(self) -> tuple[Floats, list[str]]:
        """Live one step; give all that the core said and kept, and what it told people."""
        if self._dice.random() < 0.03:
            self._calm = self._dice.choice((1.0, 1.0, 0.3, 0.05, 0.0))
        self.now += self._dice.choice(STEPS_MS)
        self._readings()
        told = self._people()
        lay, t, safe = self.layout, self.tables, self.safety
        day = NAN if self._dice.random() < 0.1 else self.now // 86_400_000.0
        minute = self.now % 86_400_000.0 // 60_000.0
        safety.run(
            self.now, day, minute, self._mains_v, self._stop, lay.g, t.f, lay.op, t.os, t.ds, lay.lp, t.ls, safe.lx,
            lay.hp, t.hs, safe.hx, lay.first, lay.members, self._want, self._ask, self._maintained, self._feedback,
            safe.allowed, safe.limit,
        )  # fmt: skip
        changed = safety_hazards.collect(t.f, t.os, t.ls, t.hs, safe.limit, self._stop, safe.hazards)
        events = safe.events(int(self.now), Facts())  # type: ignore[arg-type]
        told += [msgspec.json.encode(event).decode() for event in events] + [repr(safe.active())]
        kept = (safe.allowed, safe.limit, safe.hazards, t.f, t.os, t.ds, t.ls, t.hs, [float(changed)])
        return np.concatenate([np.ravel(part) for part in kept]), told


def chunks(seed: int) -> Iterator[str]:
    """Give one line for each so many ticks of a world: seed, last tick, sum of everything."""
    world, total = World(seed), 0
    for tick in range(1, TICKS + 1):
        numbers, told = world.tick()
        # Rounded, and without the sign of nought: machines may differ in the last bit of a product.
        plain = np.nan_to_num(np.round(numbers, 6) + 0.0, nan=-9e15, posinf=9e14, neginf=-9e14)
        total = zlib.crc32("\n".join(told).encode(), zlib.crc32(plain.astype("<f8").tobytes(), total))
        if tick % CHUNK == 0:
            yield f"{seed} {tick} {total:08x}"
            total = 0


def main() -> int:
    """Compare with the record, or write it anew."""
    lines = [line for seed in range(SEEDS) for line in chunks(seed)]
    if "--write" in sys.argv:
        GOLDEN.write_text("\n".join(lines) + "\n", encoding="ascii")
        return 0
    kept = GOLDEN.read_text(encoding="ascii").splitlines()
    differ = [now for now, before in zip(lines, kept, strict=True) if now != before]
    print(f"{len(differ)} of {len(lines)} differ; the first: {differ[:5]}")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())
