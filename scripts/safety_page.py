# SPDX-License-Identifier: Apache-2.0
"""Writes docs/safety.md: each hazard with its layer, the bound promised, the bound measured, and the test.

    python -m scripts.safety_page                    write the page
    python -m scripts.safety_page --bench FILE       take over the JSON line that ended a run of bench-safety
    python -m scripts.safety_page --torture FILE...  the same of its torture, whose parts may be runs of their own
    python -m scripts.safety_page --firmware FILE    take over the table printed by tests/firmware/test_safety_table.py

The rule it keeps: a measured figure is measured anew (``safety_measures``) or stands in docs/measured, never here; a
test that is named exists.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts import safety_measures as m

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "safety.md"
BENCH: Final = ROOT / "docs" / "measured" / "bench-safety.json"
TORTURE: Final = ROOT / "docs" / "measured" / "torture-safety.json"
FIRMWARE: Final = ROOT / "docs" / "measured" / "firmware-safety.json"
NAN: Final = float("nan")
_ROW: Final = re.compile(r"^\| (.+?) \| ([0-9.]+) \| ([0-9.]+) \|$", re.MULTILINE)


class Row(NamedTuple):
    """One promise. ``measured``: a function, a fault of the firmware's table, a key of the bench, or "" (see test)."""

    number: str
    hazard: str
    layer: str
    seen: str
    does: str
    most: float
    unit: str
    measured: Callable[[], float] | str
    test: str
    ends: str


WATER: Final = "tests/controllers/test_hazards_water.py::"
DOSING: Final = "tests/controllers/test_hazards_dosing.py::"
CLIMATE: Final = "tests/controllers/test_hazards_climate.py::"
LIMITS: Final = "tests/controllers/test_hazards_limits.py::"
BOARD: Final = "tests/firmware_bridge/test_bridge.py::"
CHIP: Final = "tests/firmware/test_safety_table.py::"
DOORS: Final = "tests/system/test_bad_input.py::"
AGENT: Final = "tests/system/test_agent_torture.py::test_six_hours_of_the_whole_agent_under_faults_break_no_promise"
HOST: Final = f"{CHIP}test_a_host_that_dies_or_hangs_closes_everything"
FAULT: Final = f"{CHIP}test_a_fault_at_the_controller_closes_everything"

ROWS: Final = (
    Row("H1", "valve stuck open, leak", "L2", "flow > `leak_l_min` with all valves shut, 3 fresh samples",
        "line latched: pump, master, valves shut", 10.0, "s", m.leak,
        f"{WATER}test_h1_a_leak_shuts_the_line_within_10_s_and_stays_shut_until_a_person_resets", "person"),
    Row("H1", "relay welded", "L2", "feedback on while switched off for 5 s", "line latched", 10.0, "s", m.stuck_on,
        f"{WATER}test_h1_a_switch_that_stays_on_latches_its_line", "person"),
    Row("H1", "pipe burst", "L2", "flow > 1.3 × rated, 3 fresh samples after the fill delay", "line latched",
        10.0, "s", m.burst, AGENT, "person"),
    Row("H2", "open, but no flow", "L2", "flow < 0.5 × rated for `flow_judge_s` after the fill delay (20 s)",
        "valve shut, left out 1 h; the third in a row latches the line", 30.0, "s", m.no_flow,
        f"{WATER}test_h2_a_zone_without_flow_is_skipped_and_three_in_a_row_stop_the_line", "1 h; person"),
    Row("H3", "pump runs dry", "L2", "motor current", "pump off, locked 10 min; third time latched", 5.0, "s",
        m.dry_by("line/current", 0.2),
        f"{WATER}test_h3_a_pump_without_water_stops_within_5_s_and_is_locked_out_for_ten_minutes", "10 min; person"),
    Row("H3", "pump runs dry", "L2", "pressure", "the same", 5.0, "s", m.dry_by("line/water_pressure", 10.0),
        f"{WATER}test_h3_a_pump_without_water_stops_within_5_s_and_is_locked_out_for_ten_minutes", "10 min; person"),
    Row("H3", "pump runs dry", "L2", "flow gone in the middle of a run", "the same", 5.0, "s",
        m.dry_by("line/water_flow", 0.0),
        f"{WATER}test_h3_a_pump_without_water_stops_within_5_s_and_is_locked_out_for_ten_minutes", "10 min; person"),
    Row("H3", "pump runs dry", "L1", "no pulse of its meter", "pump locked out by the board alone", NAN, "", "",
        f"{BOARD}test_a_dry_pump_is_locked_out_and_freed_by_a_person", "person"),
    Row("H4", "pump against closed valves", "L2", "order of pump and valves, whatever is asked",
        "never reached; counted over an hour of orders at random", 0.0, "s", m.dead_head,
        f"{BOARD}test_a_pump_waits_for_its_valve_and_stops_before_it", "by itself"),
    Row("H4", "pump against closed valves", "L1", "the board's own interlock", "pump off", NAN, "", "",
        "tests/firmware/test_core.py::test_no_sequence_breaks_a_bound_on_the_real_image", "by itself"),
    Row("H5", "overdose", "L2", "caps per watering, hour and day", "dosing off", 110.0, "% of the cap", m.overdose,
        f"{DOSING}test_h5_doses_stop_at_the_caps_of_event_hour_and_day_and_never_pass_110_percent", "next hour, day"),
    Row("H5", "overdose", "L1", "the board's own caps and its meter", "doser refused", NAN, "", "",
        f"{BOARD}test_a_doser_keeps_its_caps_and_needs_flowing_water", "next hour, day"),
    Row("H5", "dosing without effect, probes that differ", "L2", "15 doses; > 0.3 apart for 10 s", "dosing latched",
        NAN, "", "", f"{DOSING}test_h5_fifteen_doses_without_effect_lock", "person"),
    Row("H5", "a dosing unit without effect, an empty tank", "L2", "15 windows that neither hold nor better EC and pH",
        "dosing latched", NAN, "", "", "tests/controllers/test_fertigation.py"
        "::test_an_empty_tank_is_not_hidden_by_the_other_one_and_locks_the_dosing", "person"),
    Row("H5", "salty water", "L2", "the intake's EC above the crop's class", "its valves shut, also for people",
        NAN, "", "", "tests/controllers/test_hydraulics.py"
        "::test_salt_shuts_the_intake_for_strategies_and_people_and_opens_after_minutes_of_good_water", "by itself"),
    Row("H6", "probe out of water, broken, stale", "L2", "EC < 0.2 with flow; any bad mark; no number",
        "no dosing; latched after 10 s out of water", 3.0, "s", m.probe_lost,
        f"{DOSING}test_h6_a_bad_probe_or_solution_stops_dosing_within_a_tick", "by itself; latched: person"),
    Row("H7", "heat", "L2", "half or more of the trusted thermometers > `heat_c`", "vents, fans, shade on, heater off",
        30.0, "s", m.heat, f"{CLIMATE}test_h7_two_of_three_hot_thermometers_open_everything_within_30_s", "1 K below"),
    Row("H7", "no thermometer", "L2", "none trusted for `blind_after_s`", "opened; shut when it is cold outside",
        30.0, "s", m.blind, f"{CLIMATE}test_h7_a_blind_house_opens_unless_it_is_cold_outside", "by itself"),
    Row("H8", "frost", "L2", "half or more < `frost_c`", "vents shut, fans off, heater on", 30.0, "s", m.frost,
        f"{CLIMATE}test_h8_frost_closes_and_heats_within_30_s", "1 K above"),
    Row("H9", "storm", "L2", "wind > `storm_m_s`", "vents to storm position, also against heat", 20.0, "s",
        m.storm(20.0), f"{CLIMATE}test_h9_a_storm_closes_the_vents_at_once_and_a_calm_opens_them_later",
        "under 80 % of it for `storm_clear_s`"),
    Row("H9", "wind meter silent", "L2", "no trusted wind for `wind_stale_s` (60 s)", "the same", 80.0, "s",
        m.storm(NAN), f"{CLIMATE}test_h9_a_silent_wind_meter_counts_as_a_storm_after_60_s", "by itself"),
    Row("H10", "tank overflows", "L2", "level mark", "fill valve shut", 30.0, "s",
        m.overflow("tank/water_level", 2.1), f"{WATER}test_h10_filling_stops_within_a_tick",
        "by itself"),
    Row("H10", "tank overflows", "L2", "float", "fill valve shut, latched", 1.0, "s", m.overflow("tank/switch", 1.0),
        f"{WATER}test_h10_filling_stops_within_a_tick", "person"),
    Row("H10", "tank overflows", "L1", "float on the board", "fill valve refused", NAN, "", "",
        f"{BOARD}test_a_full_tank_forbids_its_valve_only", "by itself"),
    Row("H11", "wrong calibration", "L2", "slope, jump > 15 %, one buffer twice, swapped buffers",
        "refused before it is active, the old one stays", NAN, "", "",
        "tests/drivers/calibration/test_session.py::test_swapped_buffers_are_refused_and_the_points_can_be_taken_again",
        "person"),
    Row("H12", "clock jump, dead RTC", "L2", "wall against monotonic clock", "a day's water not twice in 20 h", 0.0,
        "L too much", m.day_water, f"{LIMITS}test_h12_a_day_that_comes_too_soon_brings_no_more_water", "by itself"),
    Row("H12", "clock jumps by ten years", "L1", "leases by the board's own crystal", "all closed by the lease",
        2001.0, "ms", "wall clock jumps by +10 and -10 years",
        f"{CHIP}test_a_wall_clock_that_jumps_moves_no_closing", "by itself"),
    Row("H13", "DST", "L2", "local date and job, all zones of the tz database 2020-2037", "once, or late in the grace",
        0.0, "jobs twice or lost", "double_jobs",
        "tests/controllers/test_schedule.py::test_every_dst_transition_of_every_zone_2020_to_2037_doubles_and_loses_nothing",
        "by itself"),
    Row("H14", "late, endless, repeated order", "L2", "issuer, epoch, number, expiry", "no effect", 0.0, "s open",
        m.endless_order, f"{DOORS}test_hostile_sequences_of_orders_have_no_effect", "by itself"),
    Row("H15", "two masters", "L1", "epoch kept in the board", "the lower one is refused", NAN, "", "",
        f"{BOARD}test_of_two_hosts_only_the_one_with_the_higher_epoch_acts", "person"),
    Row("H16", "unsafe settings", "L2", "every field of farm.toml", "refused whole, each field named", 0.0,
        "unsafe files taken", "farm_files_unsafe",
        f"{DOORS}test_of_many_damaged_farm_files_none_unsafe_is_accepted_and_each_refusal_names_a_field",
        "before start"),
    Row("H17", "host killed", "L1", "no renewal", "every output closed", 1001.0, "ms", "host killed (kill -9)", HOST,
        "by itself"),
    Row("H17", "host frozen", "L1", "no renewal", "every output closed", 1001.0, "ms", "host frozen (SIGSTOP)", HOST,
        "by itself"),
    Row("H18", "controller hangs", "L1", "watchdog in hardware", "reset, outputs off", 300.0, "ms",
        "firmware: main loop hangs", FAULT, "by itself"),
    Row("H19", "controller reset or browns out", "L1", "pins are inputs before main()", "outputs off", 1.0, "ms",
        "controller reset", FAULT, "by itself"),
    Row("H20", "cable cut", "L1", "no renewal", "every output closed", 1001.0, "ms", "cable cut", FAULT, "by itself"),
    Row("H20", "noise on the line", "L1", "CRC32, length, number", "no frame taken", NAN, "", "",
        "tests/firmware/test_core.py::test_noise_is_never_taken_for_a_command", "by itself"),
    Row("H21", "network or broker away", "L2", "", "control goes on, the record waits", NAN, "", "",
        "tests/system/test_agent_uplink.py::"
        "test_a_killed_broker_changes_nothing_in_the_loop_and_no_value_is_lost", "by itself"),
    Row("H21", "broker killed in a run", "L1", "", "the run ends at its own time", 2000.0, "ms",
        "broker killed (kill -9): the run ends at its own time",
        f"{CHIP}test_a_broker_that_dies_neither_closes_nor_keeps_open", "by itself"),
    Row("H22", "power cut in a run", "L2", "snapshot", "all off after the start; the rest once", 0.0, "s on in 10 s",
        m.boot_hold, f"{LIMITS}test_h22_after_a_start_everything_is_off_while_leaks_are_looked_for", "by itself"),
    Row("H23", "disk full or broken", "L2", "the log refuses", "control goes on, alarm", NAN, "", "", AGENT,
        "by itself"),
    Row("H24", "update cut short", "L1", "signature and length of the image", "the next update repairs the chip", NAN,
        "", "", "tests/firmware/test_update_cuts.py::test_every_cut_update_is_repaired_by_the_next", "by itself"),
    Row("H25", "somebody at the plant", "L2", "maintenance with expiry (30 min at most); local hand before remote",
        "safe state except by local hand", 1.0, "s", m.maintenance,
        f"{LIMITS}test_h25_maintenance_keeps_a_place_safe_except_by_the_hand_there_and_ends_by_itself", "expiry"),
    Row("–", "mains loss", "L2", "voltage < `mains_min_v`", "machines off; back one after the other", 1.0, "s", m.mains,
        f"{LIMITS}test_mains_loss_switches_off_and_machines_come_back_one_after_the_other", "by itself"),
    Row("–", "on too long", "L2", "`max_on_s`, `min_off_s`, `daily_max_on_s`", "off; water needs a new wish", 3.0,
        "s beyond", m.longest_on, f"{LIMITS}test_longest_time_on_trips_and_water_needs_a_new_wish", "new wish"),
    Row("–", "emergency stop", "L2", "the switch", "everything off but the siren", 1.0, "s", m.emergency_stop,
        f"{LIMITS}test_the_emergency_stop_shuts_all_at_once_but_lets_the_siren_cry", "released"),
    Row("–", "stop chain opened or its wire cut", "L1", "contact", "everything off, latched", 10.0, "ms",
        "emergency stop pressed or its wire cut", FAULT, "person"),
)  # fmt: skip

TOP: Final = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
# Safety: what is promised when something breaks

This page is generated (`python -m scripts.safety_page`); a test fails when it is not up to date.

Four layers, each of which works when those above it do not: **L0** hardware (normally closed valves, float,
thermostat, fuse), **L1** microcontroller (leases, interlock, watchdog), **L2** agent, **L3** hub and alarms. The
agent's part is one total function (`controllers/kernels/safety.py` and its siblings `safety_lines`,
`safety_houses`, `interlock`): any float in any input, nothing raised, every output answered. It runs after everybody
who asks (engine, console, remote) and before the one gate of commands. Later rules win over earlier ones: hazard of
the house, storm, water line, limits of the output, maintenance, mains, start-up, emergency stop, interlock of pump and
valves.

Seconds of L2 are those of the agent at one tick a second and sensors that answer each second; a sensor's own period is
to be added. Milliseconds of L1 are from the real ATmega328P image in a simulator, with real processes as hosts. A dash
under *measured*: the test named judges it in another unit than time.

"""

END: Final = """
A hazard is told once when it begins and once when it ends, at the place where it is, so one broken pipe is one alarm.
Every decision that was bound by a limit stores the limit's name and the numbers behind it. Words and what to check:
`controllers/reason_texts.py`. In the tests that judge years and hours the judge looks at nature and at the pins, not
into the engine; a seed that once failed is kept (`tests/torture/agent_seeds.txt`) and lived again for ever. The mutants
that no test notices do the same as the original: the lower of two equal numbers, a look at a valve that rests, a first
value that is always overwritten.

## Not promised

- Without a flow meter there is no H1, H2 and no dosing; without a wind meter no H9 (a farm must then say so).
- A sensor that lies plausibly and is not marked is believed; caps, rest and longest times bound what it can do.
- The agent's seconds assume that the agent runs; when it hangs, leases end in the microcontroller (H17). On a relay
  board instead of a microcontroller the lease is the relay's own timer, up to 10 s.
- Mains are watched only where a meter or contact survives their loss; a silent meter proves nothing.
- An update of the agent itself is not rolled back by the program (H24 is the board's).
- In a storm with heat vents stay shut: structure before crop; fans run.
- The valve stuck open is not pulsed to free it; a person looks.
"""

FIGURES: Final = (
    ("greenhouse_years", "greenhouse-years of engine, safety and twin, minute by minute", ""),
    ("faults", "faults in them", ""),
    ("breaches", "promises broken in them", "0"),
    ("agent_sim_hours", "hours of the whole agent with bytes, firmware, disk and network on a virtual clock", ""),
    ("agent_faults", "faults in them", ""),
    ("agent_breaches", "promises broken in them", "0"),
    ("dst_transitions", "DST transitions, all zones of the tz database 2020-2037", ""),
    ("clock_jumps", "random clock jumps", ""),
    ("double_jobs", "jobs run twice", "0"),
    ("lost_jobs", "jobs lost beyond the stated policy", "0"),
    ("farm_files", "damaged farm.toml files", ""),
    ("farm_files_unsafe", "unsafe ones accepted", "0"),
    ("hostile_sequences", "hostile sequences of orders", ""),
    ("hostile_effects", "effects of them", "0"),
    ("branch_cov_pct", "branches of the safety core walked by its tests, %", "100"),
    ("mutants_total", "mutants of the safety core, each changed in one place", ""),
    ("mutants_tried", "of them tried", ""),
    ("mutation_pct", "of those noticed by its tests, %", "≥ 90"),
    ("mutants_by_record", "of those noticed only because worlds of exact limits no longer went as on record", ""),
    ("loop_p99_ms_stress", "lateness of a 10 Hz loop under processor, memory and disk stress, recommended, p99, ms",
     "< 20"),
    ("loop_p99_ms_naive", "the same without settings, ms", ""),
    ("why_ms", "`vuon why` on a year of data, ms", "< 50"),
)  # fmt: skip


def stored(path: Path) -> dict[str, Any]:
    """Give what was measured elsewhere and is kept; nothing where no run was kept."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


@cache
def measured(row: Row) -> float:
    """Measure a row or look it up; NaN where only a test judges it."""
    if callable(row.measured):
        return row.measured()
    faults = stored(FIRMWARE).get("faults", {})
    if row.measured in faults:
        return float(faults[row.measured][0])
    return float(stored(BENCH).get("result", {}).get(row.measured, NAN)) if row.measured else NAN


def render() -> str:
    """Make the page."""
    lines = ["| # | hazard | layer | seen by | what is done | promised | measured | ends by | test |", "|---" * 9 + "|"]
    for row in ROWS:
        found = measured(row)
        promised = f"≤ {row.most:g} {row.unit}" if math.isfinite(row.most) else "–"
        shown = f"{found:g} {row.unit}" if math.isfinite(found) else "–"
        file, _, name = row.test.partition("::")
        link = f"[{name}](../{file})"
        cells = (row.number, row.hazard, row.layer, row.seen, row.does, promised, shown, row.ends, link)
        lines.append(f"| {' | '.join(cells)} |")
    return f"{TOP}{chr(10).join(lines)}\n{_figures()}{END}"


def _figures() -> str:
    kept, long = stored(BENCH), stored(TORTURE)
    if not kept:
        return "\n"
    lines = ["", "## By numbers", "", f"`make bench-safety`: {kept['when']}.", ""]
    if long:
        lines[-1:] = ["", f"`make torture-safety`, in parts: {long['when']}.", ""]
    lines += ["| | bench | torture | goal |", "|---|---|---|---|"]
    for key, words, goal in FIGURES:
        cells = [f"{found[key]:,.10g}" if found.get(key) is not None else "–" for found in _results(kept, long)]
        if cells[0] != "–":
            lines.append(f"| {words} | {cells[0]} | {cells[1]} | {goal} |")
    return "\n".join(lines) + "\n"


def _results(*kept: dict[str, Any]) -> list[dict[str, float]]:
    return [each.get("result", {}) for each in kept]


def keep(place: Path, when: str, runs: list[Path]) -> None:
    """Keep what the last lines of runs say, put together."""
    result: dict[str, Any] = {}
    for run in runs:
        result |= json.loads(run.read_text(encoding="utf-8").strip().splitlines()[-1])
    place.write_text(json.dumps({"when": when, "result": result}, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, help="file whose last line is the bench's JSON")
    parser.add_argument("--torture", type=Path, nargs="+", help="files whose last lines are the JSON of its parts")
    parser.add_argument("--when", default="", help="machine, date and commit of that run")
    parser.add_argument("--firmware", type=Path, help="build/firmware/safety_table.md")
    given = parser.parse_args()
    if given.bench:
        keep(BENCH, given.when, [given.bench])
    if given.torture:
        keep(TORTURE, given.when, given.torture)
    if given.firmware:
        rows = _ROW.findall(given.firmware.read_text(encoding="utf-8"))
        faults = {what: [float(took), float(bound)] for what, took, bound in rows}
        told = "fault -> [all outputs safe after, bound], ms, on the ATmega328P image in a simulator"
        FIRMWARE.write_text(json.dumps({"what": told, "faults": faults}, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
