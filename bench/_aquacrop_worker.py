# SPDX-License-Identifier: Apache-2.0
"""Seasons of AquaCrop-OSPy for bench/irrigation.py, run in its own venv: jobs as JSON on stdin, results on stdout.

The farm's side (``Farm``) sees past weather, a noisy forecast of three days and noisy probes, never the model's state.
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

from controllers.kernels import adaptive, water_filter  # noqa: E402
from controllers.kernels import crop_response as crops  # noqa: E402

SURE_D = 3
_WEATHER: dict[str, Any] = {}
# One configuration for every crop and climate, chosen on tuning years only (bench/irrigation_tuning.py).
TUNED = {
    "allowed": (0.40, 0.43, 0.65, 0.89),  # depletion at which the plain rule refills; the look-ahead improves on it
    "smallest_mm": 25.0,
    "yield_scale": 0.6,  # heat and cold, which the reduced crop does not know, take their share
    "probe_sd": 0.08,  # m³/m³: what three probes say of a whole root zone, spread over weeks of errors that stay
    "water_share": 0.0006,  # of the possible yield, that a mm of water may cost where there are no prices
    "forecast_d": 7,  # the first three days for sure, the rest in every second year of those looked at
}


def weather_of(climate: str) -> Any:
    """Give a climate's daily table."""
    if climate not in _WEATHER:
        _WEATHER[climate] = prepare_weather(get_filepath(f"{climate}_climate.txt"))
    return _WEATHER[climate]


def years_ahead(climate: str, years: list[int], start: Any, days: int) -> np.ndarray:
    """Give ETo and rain of ``days`` days from ``start``'s date in each of ``years``."""
    table = weather_of(climate)
    dates = table["Date"].to_numpy()
    both = table[["ReferenceET", "Precipitation"]].to_numpy(dtype=np.float64)
    rows = []
    for year in years:
        first = np.searchsorted(dates, np.datetime64(f"{year:04d}-{start}"))
        part = both[first : first + days]
        if len(part) == days:
            rows.append(part)
    return np.ascontiguousarray(np.array(rows))


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


def crop_row(m: Any) -> np.ndarray:
    """Make the reduced crop's parameters from the crop and soil files, which a farm can read too."""
    k, soil = m._param_struct.Seasonal_Crop_List[0], m._param_struct.Soil
    layer = soil.profile if hasattr(soil, "profile") else soil.Profile
    fc, wp = float(np.asarray(layer["th_fc"])[0]), float(np.asarray(layer["th_wp"])[0])
    row = np.zeros(crops.CROP_COLUMNS)
    row[:] = [
        k.EmergenceCD, k.Canopy10PctCD, k.MaxCanopyCD, k.SenescenceCD, k.MaturityCD, k.HIstartCD, k.HIendCD,
        k.CGC_CD, k.CDC_CD, k.CC0, k.CCx, k.Zmin, k.Zmax, k.MaxRootingCD, k.fshape_r, k.Kcb,
        k.p_up[0], k.p_lo[0], k.fshape_w[0], k.p_up[1], k.fshape_w[1], k.p_up[2], k.fshape_w[2],
        max(k.a_HI, 0.0), max(k.b_HI, 0.0), k.WP * k.fCO2 * k.HI0 * 0.01, fc, wp, soil.rew, soil.cn,
        k.fage / 100.0,
    ]  # fmt: skip
    return row


class Farm:
    """One season's controller: filter, look-ahead, decision, with what a farm can know."""

    def __init__(self, job: dict[str, Any], m: Any) -> None:
        """Begin at planting with the crop and soil files and the years before."""
        s, policy = job["scenario"], job["policy"]
        self.crop, self.policy = crop_row(m), policy
        self.tuned: dict[str, Any] = {**TUNED, **policy.get("tuned", {})}
        self.crop[crops.YIELD_PER_UNIT] *= self.tuned["yield_scale"]
        self.chance = np.random.default_rng([job["year"], policy.get("seed", 0), len(s["climate"])])
        self.bias = policy.get("bias", float(self.chance.normal(0.0, 0.01)))
        days = int(self.crop[crops.MATURITY_D]) + 8
        past = [year for year in s["tuning_years"] if year != job["year"]]  # a year never foresees itself
        self.ahead = years_ahead(s["climate"], past, s["planting"].replace("/", "-"), days)
        table = weather_of(s["climate"])
        planted = np.datetime64(f"{job['year']}-{s['planting'].replace('/', '-')}")
        first = np.searchsorted(table["Date"].to_numpy(), planted)
        self.truth = table[["ReferenceET", "Precipitation"]].to_numpy(dtype=np.float64)[first : first + days + 30]
        self.x = np.zeros(crops.STATE_COLUMNS)
        self.x[crops.ZR_M] = self.crop[crops.ZR_MIN_M]
        span = self.crop[crops.THETA_FC] - self.crop[crops.THETA_WP]
        short = (1.0 - s["start_pct"] / 100.0) * span  # the water in the soil at planting is known
        self.x[crops.BELOW] = short
        self.x[crops.DR_MM] = 1000.0 * short * self.x[crops.ZR_M]
        self.x[crops.TOP_MM] = 1000.0 * short * crops.TOP_M
        self.filter = np.array([self.x[crops.DR_MM], 9.0, 0.0, 4e-4, 0.0])
        self.allowed = np.array(self.tuned["allowed"], dtype=np.float64)
        smallest = self.tuned["smallest_mm"]
        self.terms = np.array([s.get("price", 1.0), s.get("cost_mm", 0.0), 0.0, 25.0, smallest, math.inf])
        if "price" not in s:  # no market: a yield is worth 1, and a mm of water a fixed share of it
            plenty = np.full(adaptive.STAGES, 0.08)
            self.terms[adaptive.PRICE] = 1.0 / adaptive.worth(self.x, self.crop, self.ahead, 0.0, plenty, self.terms)
            self.terms[adaptive.COST_MM] = self.tuned["water_share"]

    def probe(self, c: Any, root_m: float) -> float:
        """Read the mean water content over the roots, with noise and bias; nan on a day without data."""
        if self.chance.random() < self.policy.get("missing", 0.0):
            return math.nan
        n = max(1, min(len(c.th), round(root_m / 0.1)))
        noise: float = float(self.chance.normal(0.0, 0.01))
        return float(np.mean(c.th[:n])) + float(self.bias) + noise

    def forecast(self, day: int) -> np.ndarray:
        """Forecast the next days: ETo to 15 %, rain to a factor of 1.5 with misses and false alarms."""
        seen: np.ndarray = np.array(self.truth[day : day + int(self.tuned["forecast_d"])])
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
        seen = self.forecast(day)[: left.shape[1] - 1]
        sure = min(SURE_D, len(seen))
        left[:, :sure, :] = seen[:sure]
        left[::2, sure : len(seen), :] = seen[sure:]
        return float(adaptive.choose_gift_mm(self.x, self.crop, left, self.allowed, self.terms, np.empty(5)))

    def learn(self, day: int, gift: float, c: Any) -> None:
        """Take in the day that has passed: weather, water given, probes."""
        et0, rain = self.truth[day]
        crops.crop_day(self.x, self.crop, float(et0), float(rain), gift)
        drained = self.x[crops.DRAINED_MM] > 2.0
        water_filter.predict(self.filter, self.x[crops.DR_MM], self.x[crops.ET_MM], float(rain), bool(drained))
        root = self.x[crops.ZR_M]
        taw = 1000.0 * (self.crop[crops.THETA_FC] - self.crop[crops.THETA_WP]) * root
        theta = self.probe(c, root)
        water_filter.correct(self.filter, theta, self.crop[crops.THETA_FC], root, taw, self.tuned["probe_sd"])
        self.x[crops.DR_MM] = self.filter[water_filter.MEAN_MM]


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
        "model_yield": float(crops.yield_t_ha(farm.x, farm.crop)), "ms_a_day": 1000.0 * spent / max(day, 1),
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
