# SPDX-License-Identifier: Apache-2.0
"""A year of a farm's sealed journal and its newest day unsealed, written in seconds: for questions about the past."""

from pathlib import Path

from edge.exits import LOG_FILE
from telemetry.codec import Others
from telemetry.log import PROFILES, Log
from telemetry.records import Ack, Command, Decision, Event, Input
from telemetry.rows import RealDisk, open_for_writing
from telemetry.sealing import write_journal

HOUR_MS = 3_600_000
HOURS = 365 * 24
OUTPUTS = tuple(f"pepper-{house}-{name}" for house in (1, 2) for name in
                ("valve-1", "valve-2", "pump", "vent", "fan", "heater", "fogger", "shade"))  # fmt: skip
INPUTS = (Input("temperature_c", 26.42), Input("temperature_low_c", 21.0), Input("temperature_high_c", 27.0))


def an_hour(began_ms: int) -> list[tuple[int, Others]]:
    """Give an hour of a farm of two houses: every quarter of an hour all decisions, a fan in pulses, some orders."""
    told: list[tuple[int, Others]] = []
    for quarter in range(4):
        at = began_ms + quarter * HOUR_MS // 4
        told += [
            (at, Decision(name, name[:8], at - began_ms, "climate.in_band", 0.0, "climate", INPUTS)) for name in OUTPUTS
        ]
    for pulse in range(12):
        at = began_ms + 60_000 + pulse * 300_000
        for step, code in ((0, "climate.cooling"), (90_000, "climate.between_pulses")):
            decision = Decision("pepper-1-fan", "pepper-1", at, code, float(step == 0), "climate", INPUTS)
            command = Command(f"1-{at + step}", "pepper-1-fan", at, float(step == 0), 10_000, at, "auto")
            told += [
                (at + step, decision),
                (at + step, command),
                (at + step, Ack(command.id, "pepper-1-fan", at, "done")),
            ]
    told.append((began_ms + 600_000, Event("order.hold", "pepper-1-vent", 0, person="lan",
                                           fields={"level": 1.0, "until_ms": 1, "origin": "manual"})))  # fmt: skip
    return sorted(told, key=lambda one: one[0])


def write_year(state: Path, end_ms: int, hours: int = HOURS) -> None:
    """Write a log whose journal ends at ``end_ms``."""
    Log.open(state / LOG_FILE, "demo", profile=PROFILES["safe"]).close()
    connection = open_for_writing(RealDisk(), state / LOG_FILE)
    connection.execute("BEGIN")
    pattern = an_hour(0)
    for hour in range(hours):
        began_ms = end_ms - (hours - hour) * HOUR_MS
        told = [(at + began_ms, record) for at, record in pattern]
        row = (told[0][0], told[-1][0], write_journal(told))
        connection.execute("INSERT INTO journal(source, first_ms, last_ms, data) VALUES(0, ?, ?, ?)", row)
    connection.execute("COMMIT")
    connection.close()
