# SPDX-License-Identifier: Apache-2.0
"""The peers of bench/kernels.py, run in their own venv: reads the inputs' file, writes results and CPU times.

build/venvs/bench-kernels/bin/python bench/_kernels_peers.py INPUT.npz OUTPUT.npz
"""

import math
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyet
import refet
from simple_pid import PID


def cpu_s(job: Callable[[], object], repeats: int) -> float:
    """Give the CPU time [s] of a job's best run."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Time refet, pyet and simple-pid on the inputs given."""
    given = np.load(sys.argv[1])
    day, latitude_deg, altitude_m = given["day"], float(given["latitude_deg"]), float(given["altitude_m"])
    tmax, tmin, ea, rs, u2 = (given[name] for name in ("tmax", "tmin", "ea", "rs", "u2"))

    def by_refet() -> np.ndarray:
        made = refet.Daily(tmin, tmax, rs, u2, 2.0, altitude_m, latitude_deg, day, ea, None, "asce")
        return np.asarray(made.eto())

    when = pd.DatetimeIndex(np.datetime64("2023-01-01", "ns") + (day - 1).astype("timedelta64[D]"))
    series = {name: pd.Series(given[name], when) for name in ("tmax", "tmin", "ea", "rs", "u2")}
    mean = (series["tmax"] + series["tmin"]) / 2.0

    def by_pyet() -> np.ndarray:
        made = pyet.pm_fao56(
            mean, series["u2"], rs=series["rs"], elevation=altitude_m, lat=math.radians(latitude_deg),
            tmax=series["tmax"], tmin=series["tmin"], ea=series["ea"],
        )  # fmt: skip
        return np.asarray(made)

    loops = [PID(0.5, 0.01, 0.2, setpoint=20.0, sample_time=None, output_limits=(0.0, 1.0)) for _ in range(10_000)]

    def by_simple_pid() -> None:
        for loop in loops:
            loop(19.0, 1.0)

    np.savez(
        sys.argv[2],
        refet=by_refet(),
        pyet=by_pyet(),
        refet_s=cpu_s(by_refet, 5),
        pyet_s=cpu_s(by_pyet, 3),
        simple_pid_s=cpu_s(by_simple_pid, 15),
    )


if __name__ == "__main__":
    main()
