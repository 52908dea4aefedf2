# SPDX-License-Identifier: Apache-2.0
"""Water and salt in pipes, soil and substrate: what a valve lets through, what roots take, what drains away.

Rule kept: every litre and every unit of salt that moves is counted in ``flux`` of the zone or the house when it
moves, so the balance closes to rounding. Two layers a zone; a layer above field capacity drains; drained water
carries the layer's own salt. Equations and sources: docs/greenhouse-model.md.
"""

import numpy as np
import numpy.typing as npt

from controllers.kernels import greenhouse_columns as c
from controllers.kernels.jit import njit

Array = npt.NDArray[np.float64]

BURST_FLOW_RATIO = 2.5
"""Flow of a burst pipe against the zone's rated flow: an open pipe end at pump pressure."""
TANK_LEAK_L_S = 5.0
FLOAT_VALVE_OPENS = 0.85
FLOAT_VALVE_SHUTS = 0.98


@njit
def fraction(command: float) -> float:
    """Return a command inside [0, 1]; NaN and everything below 0 is 0. Source: own rule."""
    if not command > 0.0:
        return 0.0
    if command > 1.0:
        return 1.0
    return command


@njit
def travelled(position: float, target: float, travel_s: float, dt_s: float) -> float:
    """Return where [0..1] a motor that needs ``travel_s`` [s] for its way stands after ``dt_s``. Source: own rule."""
    if travel_s <= 0.0:
        return target
    reach = dt_s / travel_s
    if target > position + reach:
        return position + reach
    if target < position - reach:
        return position - reach
    return target


@njit
def available_share(water: float, parameters: Array, zone: int) -> float:
    """Return the share [0..1] of the available water that a layer of ``water`` [m³/m³] holds. Source: FAO-56 eq. 82."""
    span = parameters[zone, c.Q_FIELD_CAPACITY] - parameters[zone, c.Q_WILTING]
    return fraction((water - parameters[zone, c.Q_WILTING]) / span)


@njit
def water_stress(zone: int, state: Array, parameters: Array) -> float:
    """Return Ks [0..1]: 1 until depletion p, then linear to the wilting point. Source: FAO-56 equation 84."""
    top = parameters[zone, c.Q_ROOT_TOP_SHARE]
    held = top * available_share(state[zone, c.Z_TOP], parameters, zone)
    held += (1.0 - top) * available_share(state[zone, c.Z_LOW], parameters, zone)
    return fraction(held / (1.0 - parameters[zone, c.Q_DEPLETION_SHARE]))


@njit
def salt_factor(zone: int, state: Array, parameters: Array) -> float:
    """Return the share of growth [0..1] left at the layers' salt, ECe taken as half the pore water's EC.

    Source: Maas and Hoffman (1977), in FAO-56 equation 88.
    """
    pore = 0.5 * (
        pore_ec(state[zone, c.Z_SALT_TOP], state[zone, c.Z_TOP])
        + pore_ec(state[zone, c.Z_SALT_LOW], state[zone, c.Z_LOW])
    )
    excess = 0.5 * pore - parameters[zone, c.Q_SALT_THRESHOLD_MS_CM]
    if excess <= 0.0:
        return 1.0
    return fraction(1.0 - parameters[zone, c.Q_SALT_SLOPE_PER_MS_CM] * excess)


@njit
def pore_ec(salt: float, water: float) -> float:
    """Return the EC of a layer's water [mS/cm] from its salt [mS/cm · m³/m³] and water [m³/m³]. Source: definition."""
    if water <= 1e-6:
        return 0.0
    return salt / water


@njit
def permittivity(water: float) -> float:
    """Return the bulk permittivity [-] of soil with water content 0..0.6 [m³/m³]. Source: Topp (1980), equation 6."""
    return 3.03 + 9.3 * water + 146.0 * water * water - 76.7 * water * water * water


@njit
def bulk_ec(pore_ms_cm: float, water: float, temperature_c: float) -> float:
    """Return what a probe shows [mS/cm] for the pore water's EC. Source: Hilhorst (2000), 10.2136/sssaj2000.6461976x.

    Solved for the bulk value with an offset of 4.1; 0 in soil too dry for the relation.
    """
    above = permittivity(water) - 4.1
    if above <= 0.0:
        return 0.0
    return pore_ms_cm * above / (80.3 - 0.37 * (temperature_c - 20.0))


@njit
def supply(house: int, dt_s: float, hs: Array, hp: Array, ha: Array, zs: Array, zp: Array, za: Array,
           hf: Array, zf: Array) -> None:  # fmt: skip
    """Move water from the source through tank, pump and valves into pipes and onto the soil for ``dt_s`` [s].

    Source: docs/greenhouse-model.md, water supply.
    """
    if ha[house, c.A_SUPPLY] > 0.0:
        full = hp[house, c.P_TANK_L]
        asked = fraction(ha[house, c.A_FILL])
        if ha[house, c.A_FILL] < 0.0:  # a float valve opens more, the lower the water stands
            asked = fraction(
                (FLOAT_VALVE_SHUTS - hs[house, c.S_TANK_L] / full) / (FLOAT_VALVE_SHUTS - FLOAT_VALVE_OPENS)
            )
        filled = min(asked * hp[house, c.P_TANK_REFILL_L_S] * dt_s, max(full - hs[house, c.S_TANK_L], 0.0))
        hs[house, c.S_TANK_L] += filled
        hf[house, c.F_TANK_IN_L] += filled
    else:
        lost = min(TANK_LEAK_L_S * dt_s, hs[house, c.S_TANK_L])
        hs[house, c.S_TANK_L] -= lost
        hf[house, c.F_TANK_LOST_L] += lost
    demand = 0.0
    for zone in range(zp.shape[0]):
        if zp[zone, c.Q_HOUSE] == house:
            zs[zone, c.Z_VALVE] = travelled(
                zs[zone, c.Z_VALVE], fraction(za[zone, c.B_VALVE]), zp[zone, c.Q_VALVE_TRAVEL_S], dt_s
            )
            open_flow = 1.0 - fraction(za[zone, c.B_CLOG]) + BURST_FLOW_RATIO * fraction(za[zone, c.B_BURST])
            demand += zs[zone, c.Z_VALVE] * zp[zone, c.Q_FLOW_L_MIN] * open_flow
    wired = ha[house, c.A_PUMP] >= 0.0 or ha[house, c.A_PUMP] != ha[house, c.A_PUMP]
    running = fraction(ha[house, c.A_PUMP]) if wired else (1.0 if demand > 0.0 else 0.0)
    if ha[house, c.A_MASTER] >= 0.0 or ha[house, c.A_MASTER] != ha[house, c.A_MASTER]:
        passage = fraction(ha[house, c.A_MASTER])
    else:
        passage = 1.0
    capacity = running * passage * hp[house, c.P_PUMP_L_MIN]
    flow = min(demand, capacity, hs[house, c.S_TANK_L] / dt_s * 60.0)
    share = flow / demand if demand > 0.0 else 0.0
    load = flow / hp[house, c.P_PUMP_L_MIN]
    wet = 1.0 if hs[house, c.S_TANK_L] > 0.0 else 0.0
    hs[house, c.S_PRESSURE_KPA] = wet * running * hp[house, c.P_PUMP_KPA] * (1.0 - 0.4 * load * load)
    hf[house, c.F_ELECTRIC_J] += running * hp[house, c.P_PUMP_W] * (0.5 + 0.5 * load) * dt_s
    for zone in range(zp.shape[0]):
        if zp[zone, c.Q_HOUSE] == house:
            _pipe(zone, share, dt_s, zs, zp, za, zf)
    hs[house, c.S_TANK_L] -= flow * dt_s / 60.0
    hf[house, c.F_TANK_OUT_L] += flow * dt_s / 60.0


@njit
def _pipe(zone: int, share: float, dt_s: float, zs: Array, zp: Array, za: Array, zf: Array) -> None:
    rated = share * zs[zone, c.Z_VALVE] * zp[zone, c.Q_FLOW_L_MIN] * dt_s / 60.0
    burst = rated * BURST_FLOW_RATIO * fraction(za[zone, c.B_BURST])
    through = rated * (1.0 - fraction(za[zone, c.B_CLOG]))
    zs[zone, c.Z_FLOW_L_MIN] = (through + burst) * 60.0 / dt_s
    zs[zone, c.Z_METER_L] += through + burst
    zf[zone, c.G_METERED_L] += through + burst
    zf[zone, c.G_BURST_L] += burst
    held = zs[zone, c.Z_PIPE_L] + through
    drip = held * min(dt_s / zp[zone, c.Q_PIPE_DRAIN_S], 1.0)
    out = max(held - zp[zone, c.Q_PIPE_L], 0.0) if through > 0.0 else drip
    zs[zone, c.Z_PIPE_L] = held - out
    zf[zone, c.G_IRRIGATED_L] += out


@njit
def soak(zone: int, dt_s: float, water_l: float, water_ec: float, transpired_l: float, evaporated_l: float,
         zs: Array, zp: Array, zf: Array) -> None:  # fmt: skip
    """Give a zone ``water_l`` of strength ``water_ec``, take what evaporated and transpired [L], drain the rest.

    Source: docs/greenhouse-model.md, root zone; drainage above field capacity only.
    """
    bulk_l = zp[zone, c.Q_AREA_M2] * zp[zone, c.Q_WETTED_SHARE] * 1000.0
    top_l, low_l = bulk_l * zp[zone, c.Q_TOP_M], bulk_l * zp[zone, c.Q_LOW_M]
    zs[zone, c.Z_TOP] += water_l / top_l
    zs[zone, c.Z_SALT_TOP] += water_l * water_ec / top_l
    zf[zone, c.G_SALT_IN] += water_l * water_ec
    zs[zone, c.Z_TOP] -= evaporated_l / top_l
    zf[zone, c.G_EVAPORATED_L] += evaporated_l
    weight_top = zp[zone, c.Q_ROOT_TOP_SHARE] * available_share(zs[zone, c.Z_TOP], zp, zone)
    weight_low = (1.0 - zp[zone, c.Q_ROOT_TOP_SHARE]) * available_share(zs[zone, c.Z_LOW], zp, zone)
    if weight_top + weight_low > 0.0:
        top_part = transpired_l * weight_top / (weight_top + weight_low)
        _drink(zone, c.Z_TOP, c.Z_SALT_TOP, top_part, top_l, zs, zp, zf)
        _drink(zone, c.Z_LOW, c.Z_SALT_LOW, transpired_l - top_part, low_l, zs, zp, zf)
    if zs[zone, c.Z_TOP] > zp[zone, c.Q_SATURATED]:
        runoff = zs[zone, c.Z_TOP] - zp[zone, c.Q_SATURATED]
        salt = runoff * pore_ec(zs[zone, c.Z_SALT_TOP], zs[zone, c.Z_TOP])
        zs[zone, c.Z_TOP] -= runoff
        zs[zone, c.Z_SALT_TOP] -= salt
        zf[zone, c.G_RUNOFF_L] += runoff * top_l
        zf[zone, c.G_SALT_RUNOFF] += salt * top_l
    seep, salt = _percolate(zone, c.Z_TOP, c.Z_SALT_TOP, zp[zone, c.Q_TOP_M], dt_s, zs, zp)
    room = max(zp[zone, c.Q_SATURATED] - zs[zone, c.Z_LOW], 0.0) * low_l
    if seep * top_l > room:
        salt *= room / (seep * top_l)
        seep = room / top_l
    zs[zone, c.Z_TOP] -= seep
    zs[zone, c.Z_SALT_TOP] -= salt
    zs[zone, c.Z_LOW] += seep * top_l / low_l
    zs[zone, c.Z_SALT_LOW] += salt * top_l / low_l
    zf[zone, c.G_TOP_TO_LOW_L] += seep * top_l
    seep, salt = _percolate(zone, c.Z_LOW, c.Z_SALT_LOW, zp[zone, c.Q_LOW_M], dt_s, zs, zp)
    zs[zone, c.Z_LOW] -= seep
    zs[zone, c.Z_SALT_LOW] -= salt
    zf[zone, c.G_DRAINED_L] += seep * low_l
    zf[zone, c.G_SALT_DRAINED] += salt * low_l
    zf[zone, c.G_STRESS_S] += (1.0 - water_stress(zone, zs, zp)) * dt_s


@njit
def _drink(zone: int, water: int, salt: int, litres: float, layer_l: float, zs: Array, zp: Array, zf: Array) -> None:
    strength = min(pore_ec(zs[zone, salt], zs[zone, water]), zp[zone, c.Q_UPTAKE_MS_CM])
    zs[zone, water] -= litres / layer_l
    zs[zone, salt] -= litres * strength / layer_l
    zf[zone, c.G_UPTAKE_L] += litres
    zf[zone, c.G_SALT_UPTAKE] += litres * strength


@njit
def _percolate(
    zone: int, water: int, salt: int, depth_m: float, dt_s: float, zs: Array, zp: Array
) -> tuple[float, float]:
    """Return the water and salt [per m³ of layer] that leave a layer downwards: K Se² above field capacity."""
    above = zs[zone, water] - zp[zone, c.Q_FIELD_CAPACITY]
    if above <= 0.0:
        return 0.0, 0.0
    share = above / (zp[zone, c.Q_SATURATED] - zp[zone, c.Q_FIELD_CAPACITY])
    seep = min(zp[zone, c.Q_CONDUCTIVITY_MM_H] / 3.6e6 * share * share * dt_s / depth_m, above)
    return seep, seep * pore_ec(zs[zone, salt], zs[zone, water])


def warm_up() -> None:
    """Compile or load what looks at a zone's state."""
    bulk_ec(pore_ec(0.5, 0.3), 0.3, 20.0)
