# SPDX-License-Identifier: Apache-2.0
"""The irrigation kernels give the same numbers uncompiled, to 1e-12: a season of balance, planning and look-ahead."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, math
import numpy as np
from controllers.kernels import adaptive, crop_response as crops, evapotranspiration as et, soil_water as sw
from controllers.kernels import crop_columns as k, root_profile as rp, water_filter, zone_water as w
from controllers.zone_plan import season_row
from controllers.crops import crop_of

chance = np.random.default_rng(7)
found = []
soil = np.array([[0.31, 0.15, 0.1, 9.0, 0.4, 75.0]])
state, flux, one = np.array([[20.0, 10.0, 1.0, 0.0]]), np.empty((1, sw.FLUX_COLUMNS)), np.ones(1)
for day in range(60):
    rain = float(max(chance.normal(-3.0, 5.0), 0.0))
    gift = 12.0 if day % 7 == 0 else 0.0
    for ways in (0, sw.WITH_RUNOFF + sw.CURVED_KS):
        sw.balance_day(5.0, rain, 0.8, 1.2, 0.6, 0.5, soil, one * gift, one * 0.5, one * 0.9, one, ways, state, flux)
        found += [*state[0, :3].tolist(), *flux[0].tolist()]
out = np.empty(60)
t, rs = chance.uniform(15, 35, 60), chance.uniform(5, 28, 60)
many = np.full(60, 2.0)
et.reference_et_daily(t + 8, t, many * 0.75, rs, many, many * 15.0, 101.3, 900.0, 0.34, out)
found += out.tolist()
p = np.array([500.0, 0.9, 0.45, 0.31, 0.15, 0.4, 0.3, 0.15, 1.0, 0.8, 30, 40, 60, 30, 0, 0.1, 0.15, 1.0])
s, x = np.zeros(w.STATE_COLUMNS), np.zeros(w.INPUTS)
w.begin(s, p, 0.27)
for step in range(600):
    hour = step // 4 % 24
    rate = 0.3 * max(math.sin((hour - 6) / 12 * math.pi), 0.0)
    x[:] = [0.25, rate, 0.0, 0.31 - s[0] / 180.0 + 0.002 * chance.normal(), 900.0 if step % 150 == 149 else 0.0, hour,
            float(step // 96), 50.0, math.nan]
    found.append(w.advance(s, p, x))
found += np.nan_to_num(s, nan=-1.0).tolist() + [w.allowed_mm(s, p, 0.0), w.gift_l(s, p, 0.0, 0.1)]
crop = season_row(crop_of("tomato"), (30.0, 40.0, 45.0, 30.0), (0.31, 0.15), 0.8, 0.4)
crop_state = np.zeros(k.STATE_COLUMNS)
crops.begin(crop_state, crop, 0.6)
weather = np.ones((3, 60, k.WEATHER_COLUMNS))
weather[:, :, 0], weather[:, :, 1] = chance.uniform(3, 7, (3, 60)), np.maximum(chance.normal(-2, 4, (3, 60)), 0.0)
for day in range(40):
    crops.crop_day(crop_state, crop, weather[0, day], 0.0)
found += crop_state.tolist()
terms = np.array([1.0, 0.0005, 0.0, 25.0, 5.0, math.inf])
worth, scratch, policy = np.empty(adaptive.CHOICES), np.empty(adaptive.SCRATCH), np.array([0.4] * 6 + [20.0] * 6)
ahead = np.ascontiguousarray(weather[:, 40:])
found.append(adaptive.plan(crop_state, crop, ahead, terms, 5, 11, policy, scratch))
found.append(adaptive.choose_gift_mm(crop_state, crop, ahead, policy, terms, worth, scratch))
found += policy.tolist() + np.nan_to_num(worth, nan=-1.0).tolist()
print(json.dumps(found))
"""


def numbers(**more: str) -> list[float]:
    clean = {k: v for k, v in os.environ.items() if k not in {"VUON_NO_JIT", "NUMBA_DISABLE_JIT"}}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=clean | more, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    given: list[float] = json.loads(done.stdout)
    return given


def test_irrigation_is_the_same_compiled_or_not() -> None:
    compiled, plain = numbers(), numbers(VUON_NO_JIT="1")
    assert len(compiled) == len(plain) > 1500
    assert compiled == pytest.approx(plain, rel=1e-12, abs=1e-12)
