# SPDX-License-Identifier: Apache-2.0
"""The digital twin: model houses, their weather and what is broken, behind two calls: advance and look.

Rule kept: it knows no instrument, bus or clock; time comes in seconds of UTC, commands as (place, kind) and levels
0..1, and ``signals`` gives the truth of nature in the canonical units of ``telemetry.quantities``, without noise.

Places: the house's id (climate, tank, line), ``<id>-1``, ``<id>-2`` ... its zones, ``<id>-outside`` its weather.
Kinds: vent, fan, heater, fogger, shade, pump, master_valve, fill_valve at the house, valve at a zone. A pump, master
or fill valve that never was commanded works by itself (pressure switch, open, float).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import numpy as np

from controllers.houses import HouseModel
from controllers.kernels import greenhouse
from controllers.kernels import greenhouse_columns as c
from controllers.kernels.greenhouse import Fluxes, GreenhouseState
from controllers.kernels.psychrometrics import relative_humidity_pct, saturation_density_kg_m3
from controllers.kernels.root_zone import bulk_ec, pore_ec
from controllers.kernels.weather import HUMIDITY, RADIATION, RAIN, TEMPERATURE, WIND, WIND_FROM
from controllers.outside import GeneratedWeather, Outside

PPFD_PER_PAR_W: Final = 4.57
"""µmol of photons per J of sunlight between 400 and 700 nm (Thimijan and Heins 1983)."""
CHUNK_S: Final = greenhouse.MAX_STEP_S

_HOUSE_KINDS: Final = {
    "vent": c.A_VENT,
    "fan": c.A_FAN,
    "heater": c.A_HEATER,
    "fogger": c.A_FOGGER,
    "shade": c.A_SHADE,
    "pump": c.A_PUMP,
    "master_valve": c.A_MASTER,
    "fill_valve": c.A_FILL,
}
_SELF_WORKING: Final = (c.A_PUMP, c.A_MASTER, c.A_FILL)


class Fault(NamedTuple):
    """What can break: ``at`` a zone or a house, and what it then does (an English message id)."""

    at: Literal["zone", "house"]
    effect: str


FAULTS: Final = {
    "valve_stuck_open": Fault("zone", "the valve is open whatever it is told"),
    "valve_stuck_shut": Fault("zone", "the valve stays shut"),
    "pipe_burst": Fault("zone", "water leaves the pipe before the drippers"),
    "drippers_clogged": Fault("zone", "amount 0..1 of the drippers give nothing"),
    "tank_dry": Fault("house", "the source is dry and the tank runs out"),
    "pump_dead": Fault("house", "the pump does not turn"),
    "vent_stuck": Fault("house", "the vents stay where they are"),
    "fan_dead": Fault("house", "the fans do not turn"),
    "heater_stuck_on": Fault("house", "the heater burns whatever it is told"),
    "mains_lost": Fault("house", "no electricity; spring-closed valves shut, vents stay"),
}


class Twin:
    """Model houses under their weather. Not thread-safe; one owner advances it."""

    def __init__(
        self,
        houses: Mapping[str, HouseModel],
        weather: Mapping[str, Outside] | None = None,
        *,
        seed: int = 1,
        start_s: float = 0.0,
    ) -> None:
        """Build ``houses`` (id to model) at ``start_s`` [s since 1970, UTC].

        ``weather`` gives the outside of a house by its id; houses without get their climate's generated weather for
        ``seed``, houses of one climate the same. KeyError for weather of an unknown house, ValueError for no house.
        """
        if not houses:
            raise ValueError("a twin needs at least one house")
        given = dict(weather or {})
        for name in given:
            if name not in houses:
                raise KeyError(f"weather for unknown house {name!r}; there are {', '.join(houses)}")
        made: dict[str, Outside] = {}
        for house in houses.values():
            made.setdefault(house.climate.name, GeneratedWeather(house.climate, seed))
        self.models: Final = dict(houses)
        self.now_s = float(start_s)
        self._rows: Final = {name: row for row, name in enumerate(houses)}
        self._outside: Final = [
            (model.climate.utc_offset_h, given.get(name) or made[model.climate.name]) for name, model in houses.items()
        ]
        self._zones: Final = {
            f"{name}-{number}": 0 for name, model in houses.items() for number in range(1, len(model.zones) + 1)
        }
        for row, place in enumerate(self._zones):
            self._zones[place] = row
        self._house_parameters: Final = np.array([m.parameters for m in houses.values()], dtype=np.float64)
        self._zone_parameters: Final = np.array(
            [z.parameters._replace(house=float(row)) for row, m in enumerate(houses.values()) for z in m.zones],
            dtype=np.float64,
        ).reshape(-1, len(c.ZoneParameters._fields))
        self._asked_house: Final = np.zeros((len(houses), c.HOUSE_COMMANDS))
        self._asked_house[:, _SELF_WORKING] = c.NOT_WIRED
        self._asked_house[:, (c.A_SUPPLY, c.A_VENT_FREE)] = 1.0
        self._asked_zone: Final = np.zeros((len(self._zones), c.ZONE_COMMANDS))
        self._faults: Final[dict[tuple[str, str], float]] = {}
        self._weather: Final = np.zeros((len(houses), 8))
        self._looked: Final[list[greenhouse.Array | None]] = [None] * len(houses)  # the row that was copied last
        self._look_outside()
        self.state: Final = self._start_state()
        self.fluxes: Final = Fluxes(
            np.zeros((len(houses), c.HOUSE_FLUXES)), np.zeros((len(self._zones), c.ZONE_FLUXES))
        )
        self._step_s = 1.0

    @property
    def zones(self) -> tuple[str, ...]:
        """The places of all zones."""
        return tuple(self._zones)

    def zones_of(self, house: str) -> tuple[str, ...]:
        """Return the places of one house's zones, in order."""
        return tuple(f"{house}-{number}" for number in range(1, len(self.models[house].zones) + 1))

    def command(self, place: str, kind: str, level: float) -> None:
        """Set an actuator's level 0..1 until it is set again; KeyError for what is not there. NaN is 0."""
        if kind == "valve" and place in self._zones:
            self._asked_zone[self._zones[place], c.B_VALVE] = level
        elif kind in _HOUSE_KINDS and place in self._rows:
            # a negative level must not mean "works by itself"
            self._asked_house[self._rows[place], _HOUSE_KINDS[kind]] = max(0.0, level)
        else:
            raise KeyError(f"no {kind!r} at {place!r}; houses {', '.join(self._rows)} have "
                           f"{', '.join(_HOUSE_KINDS)}, zones {', '.join(self._zones)} have valve")  # fmt: skip

    def break_down(self, place: str, fault: str, amount: float = 1.0) -> None:
        """Start a named fault of ``FAULTS`` at a house or zone; KeyError for a name or place that is not there."""
        if fault not in FAULTS:
            raise KeyError(f"unknown fault {fault!r}; known: {', '.join(FAULTS)}")
        known = FAULTS[fault]
        places: Iterable[str] = self._zones if known.at == "zone" else self._rows
        if place not in places:
            raise KeyError(f"fault {fault!r} is of a {known.at}, and {place!r} is none; there are {', '.join(places)}")
        self._faults[place, fault] = amount

    def flow_l_min(self, house: str) -> float:
        """Give the water that flows to a house's zones now."""
        return float(sum(self.state.zone[self._zones[zone], c.Z_FLOW_L_MIN] for zone in self.zones_of(house)))

    def give_solution(self, house: str, ec_ms_cm: float) -> None:
        """Water a house with a solution of this strength from now on."""
        self._house_parameters[self._rows[house], c.P_TANK_EC_MS_CM] = ec_ms_cm

    def repair(self, place: str, fault: str) -> None:
        """End a fault; nothing happens if there is none."""
        self._faults.pop((place, fault), None)

    def advance(self, dt_s: float, commands: Mapping[tuple[str, str], float] | None = None) -> None:
        """Live through ``dt_s`` seconds (more than 0) with these commands; longer spans go hour by hour.

        ValueError if ``dt_s`` is no positive number, LookupError where the weather file ends.
        """
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f"cannot advance by {dt_s} s: give a positive number of seconds")
        for (place, kind), level in (commands or {}).items():
            self.command(place, kind, level)
        house, zone = self._acting()
        left = dt_s
        while left > 0.0:
            part = min(left, CHUNK_S)
            self._look_outside()
            answer = greenhouse.step(
                self.state,
                (self._house_parameters, self._zone_parameters),
                (house, zone),
                self._weather,
                part,
                self.fluxes,
            )
            if answer != greenhouse.OK:
                raise ValueError(f"the weather at {self.now_s:.0f} s holds a value that is no number")
            self._step_s = part
            self.now_s += part
            left -= part

    def signals(self) -> dict[tuple[str, str], float]:
        """Return everything that an instrument could see now, by (place, series name): see the module's docstring."""
        out: dict[tuple[str, str], float] = {}
        for name, row in self._rows.items():
            self._house_signals(name, row, out)
            self._outside_signals(f"{name}-outside", row, out)
        for place, row in self._zones.items():
            self._zone_signals(place, row, out)
        return out

    def _house_signals(self, name: str, row: int, out: dict[tuple[str, str], float]) -> None:
        state, parameters = self.state.house[row].tolist(), self.models[name].parameters
        flux = self.fluxes.house[row].tolist()
        air_c: float = state[c.S_AIR_C]
        power_w: float = flux[c.F_ELECTRIC_J] / self._step_s
        mine = [self.state.zone[self._zones[z]].tolist() for z in self.zones_of(name)]
        values = {
            "air_temperature": air_c,
            "air_humidity": min(relative_humidity_pct(state[c.S_VAPOUR_KG_M3], air_c), 100.0),
            "co2": greenhouse.co2_ppm(state[c.S_CO2_MG_M3], air_c, parameters.pressure_kpa),
            "air_pressure": 10.0 * parameters.pressure_kpa,
            "ppfd": PPFD_PER_PAR_W * flux[c.F_PAR] / self._step_s,
            "leaf_temperature": state[c.S_CANOPY_C],
            "position.vent": 100.0 * state[c.S_VENT],
            "position.shade": 100.0 * state[c.S_SHADE],
            "power": power_w,
            "energy": state[c.S_ENERGY_KWH],
            "voltage": 0.0 if (name, "mains_lost") in self._faults else 230.0,
            "current": power_w / 230.0,
            "water_level": state[c.S_TANK_L] / 1000.0 / parameters.tank_area_m2,
            "water_pressure": state[c.S_PRESSURE_KPA],
            "water_ec": parameters.tank_ec_ms_cm,
            "water_flow": sum(zone[c.Z_FLOW_L_MIN] for zone in mine),
            "water_volume": sum(zone[c.Z_METER_L] for zone in mine),
        }
        out.update(((name, key), value) for key, value in values.items())

    def _outside_signals(self, place: str, row: int, out: dict[tuple[str, str], float]) -> None:
        weather = self._weather[row].tolist()
        values = {
            "air_temperature": weather[TEMPERATURE],
            "air_humidity": weather[HUMIDITY],
            "solar_radiation": weather[RADIATION],
            "wind_speed": weather[WIND],
            "wind_direction": weather[WIND_FROM],
            "rain_rate": weather[RAIN],
            "rainfall": float(self.state.house[row, c.S_RAIN_MM]),
        }
        out.update(((place, key), value) for key, value in values.items())

    def _zone_signals(self, place: str, row: int, out: dict[tuple[str, str], float]) -> None:
        state = self.state.zone[row].tolist()
        soil_c = float(self.state.house[int(self._zone_parameters[row, c.Q_HOUSE]), c.S_ROOT_C])
        for suffix, water, salt in (("", c.Z_TOP, c.Z_SALT_TOP), (".1", c.Z_LOW, c.Z_SALT_LOW)):
            pore = pore_ec(state[salt], state[water])
            out[place, f"soil_moisture{suffix}"] = 100.0 * state[water]
            out[place, f"soil_temperature{suffix}"] = soil_c
            out[place, f"soil_ec{suffix}"] = bulk_ec(pore, state[water], soil_c)
            out[place, f"pore_ec{suffix}"] = pore
        out[place, "water_flow"] = state[c.Z_FLOW_L_MIN]
        out[place, "water_volume"] = state[c.Z_METER_L]
        out[place, "position"] = 100.0 * state[c.Z_VALVE]

    def _look_outside(self) -> None:
        for row, (offset_h, outside) in enumerate(self._outside):
            seen = outside.at(self.now_s / 3600.0 + offset_h)
            if seen is not self._looked[row]:
                self._looked[row] = self._weather[row] = seen

    def _start_state(self) -> GreenhouseState:
        house = np.zeros((len(self.models), c.HOUSE_STATES))
        for row, model in enumerate(self.models.values()):
            air_c, humidity = self._weather[row, TEMPERATURE], self._weather[row, HUMIDITY]
            house[row, [c.S_AIR_C, c.S_CANOPY_C]] = air_c
            house[row, [c.S_FLOOR_C, c.S_ROOT_C]] = model.parameters.deep_c
            house[row, c.S_VAPOUR_KG_M3] = saturation_density_kg_m3(float(air_c)) * humidity / 100.0
            house[row, c.S_CO2_MG_M3] = greenhouse.co2_mg_m3(420.0, float(air_c), model.parameters.pressure_kpa)
            house[row, c.S_LEAF_G_M2] = model.leaf_area / model.parameters.sla_m2_g
            house[row, c.S_FRUIT_G_M2] = model.fruit_g_m2
            house[row, c.S_TANK_L] = 0.9 * model.parameters.tank_l
        zone = np.zeros((len(self._zones), c.ZONE_STATES))
        models = [z for model in self.models.values() for z in model.zones]
        for row, part in enumerate(models):
            zone[row, [c.Z_TOP, c.Z_LOW]] = part.water_m3_m3
            zone[row, [c.Z_SALT_TOP, c.Z_SALT_LOW]] = part.water_m3_m3 * part.ec_ms_cm
            zone[row, c.Z_PIPE_L] = part.parameters.pipe_l * 0.2
        return GreenhouseState(house, zone)

    def _acting(self) -> tuple[greenhouse.Array, greenhouse.Array]:
        """Return what reaches house and zones of the commands, with the faults laid over them."""
        if not self._faults:
            return self._asked_house, self._asked_zone
        house, zone = self._asked_house.copy(), self._asked_zone.copy()
        for (place, fault), amount in self._faults.items():
            if place in self._zones:
                self._break_zone(zone[self._zones[place]], fault, amount)
            else:
                self._break_house(house[self._rows[place]], fault)
                if fault == "mains_lost":
                    zone[[self._zones[z] for z in self.zones_of(place)], c.B_VALVE] = 0.0
        return house, zone

    @staticmethod
    def _break_zone(row: greenhouse.Array, fault: str, amount: float) -> None:
        if fault == "pipe_burst":
            row[c.B_BURST] = amount
        elif fault == "drippers_clogged":
            row[c.B_CLOG] = amount
        else:
            row[c.B_VALVE] = 1.0 if fault == "valve_stuck_open" else 0.0

    @staticmethod
    def _break_house(row: greenhouse.Array, fault: str) -> None:
        if fault == "heater_stuck_on":
            row[c.A_HEATER] = 1.0
        elif fault == "mains_lost":
            row[[c.A_FAN, c.A_HEATER, c.A_FOGGER, c.A_PUMP, c.A_VENT_FREE]] = 0.0
        else:
            column = {"tank_dry": c.A_SUPPLY, "pump_dead": c.A_PUMP, "vent_stuck": c.A_VENT_FREE, "fan_dead": c.A_FAN}
            row[column[fault]] = 0.0
