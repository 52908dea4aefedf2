# SPDX-License-Identifier: Apache-2.0
"""A dosing unit of the digital twin: from the injectors' levels and the flow to the EC and pH at the probes.

The rule it keeps: it knows the truth only; noise, registers and what the controller believes are others'. A factor
other than 1 makes the truth differ from the farm's settings, as a real tank does.
"""

from collections.abc import Mapping

import numpy as np

from controllers.kernels.mixing import ACID, CELLS, EC, WIDTH, flow_through, ph_after
from controllers.settings import ControlSettings


class MixingUnit:
    """The unit of one line. KeyError for a line without one."""

    def __init__(
        self,
        settings: ControlSettings,
        line: str,
        *,
        strength: float = 1.0,
        alkalinity: float = 1.0,
        volume: float = 1.0,
    ) -> None:
        """Build the unit of ``line``; the factors bend stock strength, alkalinity and volumes against the settings."""
        found = next((unit for unit in settings.fertigation if unit.line == line), None)
        if found is None:
            raise KeyError(f"the line {line!r} has no dosing unit")
        self.unit = found
        self._outputs = {out.id: out for out in settings.outputs if out.kind == "doser" and out.place == line}
        self._stocks = [stock for stock in settings.stocks if stock.doser in self._outputs]
        self._strength = strength
        self._alkalinity = found.alkalinity_meq_l * alkalinity
        self._dead_l, self._mix_l = found.dead_l * volume, found.mix_l * volume
        self._state = np.zeros((CELLS + 1, WIDTH))
        self.raw_ec_ms_cm = found.raw_ec_ms_cm
        self.empty: set[str] = set()  # stocks that have run out
        self.given_ml = {stock.id: 0.0 for stock in self._stocks}

    def advance(self, dt_s: float, flow_l_min: float, levels: Mapping[str, float]) -> None:
        """Live through ``dt_s`` with this flow and these levels of the injectors (by output)."""
        litres = flow_l_min * dt_s / 60.0
        rise = acid = 0.0
        for stock in self._stocks:
            ml = self._outputs[stock.doser].ml_per_s * levels.get(stock.doser, 0.0) * dt_s
            self.given_ml[stock.id] += ml
            if stock.id in self.empty or not litres > 0.0:
                continue
            if stock.kind == "acid":
                acid += ml * stock.acid_eq_l / litres
            else:
                rise += ml * stock.ms_cm_per_ml_l * self._strength / litres
        if litres > 0.0:
            flow_through(self._state, litres, rise, acid, self._dead_l, self._mix_l)

    @property
    def ec_ms_cm(self) -> float:
        """The EC at the probes."""
        return self.raw_ec_ms_cm + float(self._state[CELLS, EC])

    @property
    def ph(self) -> float:
        """The pH at the probes."""
        return float(ph_after(float(self._state[CELLS, ACID]), self._alkalinity, self.unit.raw_ph))
