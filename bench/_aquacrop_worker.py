# SPDX-License-Identifier: Apache-2.0
"""Seasons of AquaCrop-OSPy for bench/irrigation.py, run in its own venv: jobs as JSON on stdin, results on stdout.

The farm's side (``Farm``) sees past weather, a noisy forecast of seven days and noisy probes, never the model's state.
"""

import json
import math
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

os.environ.setdefault("DEVELOPMENT", "0")
warnings.filterwarnings("ignore")

from aquacrop import AquaCropModel, Crop, InitialWaterContent, IrrigationManagement, Soil  # noqa: E402
from aquacrop.utils import get_filepath, prepare_weather  # noqa: E402

from bench._aquacrop_crop import crop_row, crop_weather  # noqa: E402
from controllers.kernels import crop_columns as k  # noqa: E402
from controllers.kernels import crop_response as crops  # noqa: E402
from controllers.kernels import water_filter  # noqa: E402
from controllers.season import FIRST_TRIES, HARVEST_GOAL, SHARES, TRIES_A_DAY, Season, with_forecast  # noqa: E402

LONGEST_D = 240
_WEATHER: dict[str, Any] = {}
# One configuration for every crop and climate, chosen on tuning years only (bench/irrigation_tuning.py).
TUNED: dict[str, Any] = {
    "allowed": SHARES,  # where the plan begins; each season finds its own from there
    "smallest_mm": 5.0,
    "first_tries": FIRST_TRIES,  # of plans at planting, under the weather of past years
    "tries": TRIES_A_DAY,  # of plans each day
    "probe_sd": 0.08,  # m³/m³: what three probes say of a whole root zone, spread over weeks of errors that stay
    "goal": HARVEST_GOAL,  # share of the full harvest that is asked for where there are no prices
    "forecast_d": 7,
}


def weather_of(climate: str) -> Any:
    """Give a climate's daily table."""
    if climate not in _WEATHER:
        _WEATHER[climate] = prepare_weather(get_filepath(f"{climate}_climate.txt"))
    return _WEATHER[climate]


def table_of(climate: str) -> tuple[Any, Any]:
    """Give a climate's dates and its days (n, 4): least and greatest temperature [°C], rain, ETo [mm]."""
    table = weather_of(climate)
    return table["Date"].to_numpy(), table[["MinTemp", "MaxTemp", "Precipitation", "ReferenceET"]].to_numpy(dtype=float)


def season_days(climate: str, year: int, planting: str, days: int) -> np.ndarray:
    """Give ``days`` days from the planting date in ``year`` on, fewer where the record ends."""
    dates, both = table_of(climate)
    first = np.searchsorted(dates, np.datetime64(f"{year:04d}-{planting.replace('/', '-')}"))
    return np.ascontiguousarray(both[first : first + days])


def model_of(job: dict[str, Any], management: Any) -> Any:
    """Make the crop model of one season."""
    s, year = job["scenario"], job["year"]
    month = int(s["planting"][:2])
    end = f"{year}/12/31" if month < 8 else f"{year + 1}/09/30"
    return AquaCropModel(
        f"{year}/{s['planting']}", end, weather_of(s["climate"]), Soil(s["soil"]),
        Crop(s["crop"], planting_date=s["planting"]), InitialWaterContent(wc_type="Pct", value=[s["start_pct"]]),
        irrigation_management=management,
    )  # fmt: skip


class Farm:
    """One season's controller: filter, look-ahead, decision, with what a farm can know."""

    def __init__(self, job: dict[str, Any], m: Any) -> None:
        """Begin at planting with the crop and soil files and the years before."""
        s, policy = job["scenario"], job["policy"]
        self.policy, self.year = policy, int(job["year"])
        self.tuned: dict[str, Any] = {**TUNED, **policy.get("tuned", {})}
        self.chance = np.random.default_rng([job["year"], policy.get("seed", 0), len(s["climate"])])
        self.bias = policy.get("bias", float(self.chance.normal(0.0, 0.01)))
        file = m._param_struct.Seasonal_Crop_List[0]
        years = [year for year in s["tuning_years"] if year != self.year]  # a year never foresees itself
        past = [season_days(s["climate"], year, s["planting"], LONGEST_D) for year in years]
        past = [one for one in past if len(one) == LONGEST_D]
        self.crop = crop_row(m, past)
        days = min(int(self.crop[k.MATURITY_D]) + (8 if file.CalendarType == 1 else 40), LONGEST_D)
        self.ahead = np.ascontiguousarray(np.array([crop_weather(file, one[:days]) for one in past]))
        self.truth = crop_weather(file, season_days(s["climate"], self.year, s["planting"], LONGEST_D))
        self.season = Season(self.crop, 25.0, self.tuned["smallest_mm"], self.tuned["allowed"])
        self.x = self.season.x
        crops.begin(self.x, self.crop, s["start_pct"] / 100.0)  # the water in the soil at planting is known
        self.filter = np.array([self.x[k.DR_MM], 9.0, 0.0, 4e-4, 0.0])
        if "price" in s:
            self.season.terms[:2] = s["price"], s["cost_mm"]
        else:  # no market: as little water as brings the share of the full harvest that is asked for
            self.season.price_by_goal(self.ahead, self.tuned["goal"])
        self.season.begin(self.ahead, self.tuned["first_tries"], self.year)

    def probe(self, c: Any, root_m: float) -> float:
        """Read the mean water content over the roots, with noise and bias; nan on a day without data."""
        if self.chance.random() < self.policy.get("missing", 0.0):
            return math.nan
        n = max(1, min(len(c.th), round(root_m / 0.1)))
        noise: float = float(self.chance.normal(0.0, 0.01))
        return float(np.mean(c.th[:n])) + float(self.bias) + noise

    def forecast(self, day: int) -> np.ndarray:
        """Forecast ETo and rain of the next days: ETo to 15 %, rain to a factor of 1.5 with misses and false alarms."""
        seen: np.ndarray = np.array(self.truth[day : day + int(self.tuned["forecast_d"]), : k.RAIN + 1])
        if self.policy.get("foresight"):
            return seen
        lead = np.maximum(np.arange(len(seen)) - 2.0, 0.0)  # the first three days are alike
        seen[:, 0] *= self.chance.normal(1.0, 0.15 + 0.02 * lead, len(seen)).clip(0.5, 1.5)
        seen[:, 1] *= np.exp(self.chance.normal(0.0, 0.4 + 0.1 * lead, len(seen)))
        seen[:, 1] *= self.chance.random(len(seen)) > 0.15 + 0.06 * lead
        seen[:, 1] += (self.chance.random(len(seen)) < 0.05 + 0.01 * lead) * 5.0
        return seen

    def gift(self, day: int) -> float:
        """Decide the gift of one day."""
        left = np.ascontiguousarray(self.ahead[:, day:, :])
        if left.shape[1] < 2:
            return 0.0
        left = with_forecast(left, self.forecast(day))
        self.season.aim(left)
        self.season.improve(left, self.tuned["tries"], 1000 * self.year + day)
        return self.season.gift_mm(left)[0]

    def learn(self, day: int, gift: float, c: Any) -> None:
        """Take in the day that has passed: weather, water given, probes."""
        self.season.pass_day(self.truth[day], gift)
        drained = self.x[k.DRAINED_MM] > 2.0
        rain = float(self.truth[day, k.RAIN])
        water_filter.predict(self.filter, self.x[k.DR_MM], self.x[k.ET_MM], rain, bool(drained))
        root, taw = float(self.x[k.ZR_M]), float(self.x[k.TAW_MM])
        theta = self.probe(c, root)
        if water_filter.correct(self.filter, theta, self.field_capacity(root), root, taw, self.tuned["probe_sd"]):
            self.season.settle(self.filter[water_filter.MEAN_MM])

    def field_capacity(self, root_m: float) -> float:
        """Give the roots' mean water content [m³/m³] at field capacity."""
        n = k.COMPARTMENTS
        top = np.cumsum(self.crop[k.DZ_M : k.DZ_M + n]) - self.crop[k.DZ_M : k.DZ_M + n]
        held = np.clip(root_m - top, 0.0, self.crop[k.DZ_M : k.DZ_M + n])
        return float(np.sum(held * self.crop[k.FC : k.FC + n]) / np.sum(held))


def season(job: dict[str, Any]) -> dict[str, Any]:
    """Run one season under one policy."""
    policy = job["policy"]
    if policy["kind"] != "adaptive":
        management = {
            "rainfed": lambda: IrrigationManagement(0),
            "interval": lambda: IrrigationManagement(2, IrrInterval=7, MaxIrr=25),
            "smt": lambda: IrrigationManagement(1, SMT=policy["smt"], MaxIrr=25),
        }[policy["kind"]]()
        m = model_of(job, management)
        m.run_model(till_termination=True)
        row = m._outputs.final_stats.iloc[0]
        return {"yield": float(row["Dry yield (tonne/ha)"]), "mm": float(row["Seasonal irrigation (mm)"])}
    m = model_of(job, IrrigationManagement(5, MaxIrr=25, depth=0.0))
    m._initialize()
    farm, day, used = Farm(job, m), 0, 0.0
    spent = 0.0
    while not m._clock_struct.model_is_finished:
        start = time.process_time()
        gift = farm.gift(day) if day < len(farm.truth) - 5 else 0.0
        spent += time.process_time() - start
        m._param_struct.IrrMngt.depth = gift
        m.run_model(num_steps=1, initialize_model=False)
        if day < len(farm.truth) - 5:
            farm.learn(day, gift, m._init_cond)
        used += gift
        day += 1
    row = m._outputs.final_stats.iloc[0]
    return {
        "yield": float(row["Dry yield (tonne/ha)"]), "mm": float(row["Seasonal irrigation (mm)"]), "asked_mm": used,
        "model_yield": float(crops.yield_t_ha(farm.x)), "ms_a_day": 1000.0 * spent / max(day, 1),
        "days": day,
    }  # fmt: skip


def main() -> None:
    """Run the jobs of stdin on two processes."""
    jobs = json.load(sys.stdin)
    with ProcessPoolExecutor(2) as pool:
        for result in pool.map(season, jobs, chunksize=2):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
