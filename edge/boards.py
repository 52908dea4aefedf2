# SPDX-License-Identifier: Apache-2.0
"""What a farm's boards are told: the pins of [[board]] with the limits of [[output]], [[line]] and [limits].

The rule it keeps: the board's own limits lie just outside those of the control loop, so that a healthy agent never
meets them and a sick one cannot pass them. BoardConfigError names what cannot be.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controllers.settings import ControlSettings, OutputSettings
from drivers.whole_file import write_whole
from edge.board_settings import Board, BoardAnalogue, BoardCounter
from firmware_bridge.board_config import (
    DAY_S,
    Analogue,
    BoardConfig,
    BoardConfigError,
    Counter,
    Doser,
    Input,
    Pump,
    Valve,
)
from firmware_bridge.board_types import BOARD_TYPES
from pages.words import N_
from telemetry.quantities import quantity

if TYPE_CHECKING:
    from edge.config import FarmConfig

# Valves of a line, beside those of its zones, through which its pump may push water.
OUTLETS: Final[frozenset[str]] = frozenset({"backwash_valve"})
SLACK_S: Final = 2.0  # the board lets an output on so much longer than the agent, and on again so much sooner
LEAD_SHARE: Final = 0.5  # of the control loop's lead between valve and pump
MIN_OFF_MOST_S: Final = 65.0  # what fits into the board's message; a longer rest is the agent's alone
LOCKOUT_MOST_S: Final = 65_000.0
FLOW_WINDOW_S: Final = 3.0  # a doser stops so long after the last pulse of its meter
SUM_OF: Final = 16  # the board averages sixteen conversions
COUNTS: Final = 1023.0
REFERENCE_V: Final = 5.0
BAD_IN_A_ROW: Final = 5


def board_config(board: Board, control: ControlSettings) -> BoardConfig:
    """Give what ``board`` must know; BoardConfigError when it cannot be so."""
    settings = {output.id: output for output in control.outputs}
    numbers = {settings[output].id: int(pin) for pin, output in board.outputs.items()}
    here = [settings[output] for output in board.outputs.values()]
    meters = {guarded: f"counter-{entry.counter}" for entry in board.counters for guarded in entry.guards}
    limits = control.limits
    kind = BOARD_TYPES[board.type]
    config = BoardConfig(
        name=board.name,
        kind=board.type,
        valves=tuple(
            Valve(
                name=one.id,
                output=numbers[one.id],
                max_on_s=_max_on_s(one),
                lease_s=board.lease_s,
                min_off_s=_min_off_s(one),
            )
            for one in here
            if one.kind not in {"pump", "doser"}
        ),
        pumps=tuple(
            Pump(
                name=one.id,
                output=numbers[one.id],
                max_on_s=_max_on_s(one),
                lease_s=board.lease_s,
                min_off_s=_min_off_s(one),
                valves=pump_valves(one, board, control),
                open_lead_s=limits.valve_lead_s * LEAD_SHARE,
                counter=meters.get(one.id, ""),
                dry_run_s=board.dry_run_s,
                tries=limits.dry_run_tries,
                lockout_s=round(min(limits.dry_run_lockout_s, LOCKOUT_MOST_S)),
            )
            for one in here
            if one.kind == "pump"
        ),
        dosers=tuple(_doser(one, numbers[one.id], board, meters) for one in here if one.kind == "doser"),
        inputs=tuple(
            Input(
                name=f"input-{entry.input}",
                input=entry.input,
                blocks=entry.blocks,
                active_high=entry.active_high,
                latches=entry.latches,
                debounce_ms=entry.debounce_ms,
                series=entry.series,
            )
            for entry in board.inputs
        ),
        counters=tuple(_counter(entry) for entry in board.counters),
        analogue=tuple(_analogue(entry) for entry in board.analogue),
        report_s=board.period_s,
    )
    if len(config.pumps) > kind.pumps or len(config.dosers) > kind.dosers:
        raise BoardConfigError(
            N_("{board}: a {type} has room for {pumps} pumps and {dosers} dosers"),
            board=board.name,
            type=board.type,
            pumps=kind.pumps,
            dosers=kind.dosers,
        )
    config.crc  # noqa: B018 every number must fit into its message
    return config


def _max_on_s(one: OutputSettings) -> float:
    return min(one.max_on_s + SLACK_S, DAY_S)


def _min_off_s(one: OutputSettings) -> float:
    return min(max(0.0, one.min_off_s - SLACK_S), MIN_OFF_MOST_S)


def pump_valves(pump: OutputSettings, board: Board, control: ControlSettings) -> tuple[str, ...]:
    """Name the valves of this board of which one must be open before ``pump`` runs."""
    wired = set(board.outputs.values())
    valves = [zone.valve for zone in control.zones if zone.line == pump.place]
    valves += [one.id for one in control.outputs if one.kind in OUTLETS and one.place == pump.place]
    return tuple(valve for valve in valves if valve in wired)


def _doser(one: OutputSettings, output: int, board: Board, meters: dict[str, str]) -> Doser:
    if one.id not in meters:
        raise BoardConfigError(N_("{name}: a doser needs a counter of its board that guards it"), name=one.id)
    return Doser(
        name=one.id,
        output=output,
        counter=meters[one.id],
        rate_ml_s=one.ml_per_s,
        event_ml=one.event_max_ml,
        hour_ml=one.hour_max_ml,
        day_ml=one.day_max_ml,
        max_on_s=_max_on_s(one),
        lease_s=board.lease_s,
        min_off_s=_min_off_s(one),
        flow_window_s=FLOW_WINDOW_S,
    )


def _counter(entry: BoardCounter) -> Counter:
    return Counter(
        name=f"counter-{entry.counter}",
        counter=entry.counter,
        min_interval_us=round(entry.bounce_ms * 1000.0),
        series=entry.series,
        rate_series=entry.flow,
        per_pulse=entry.per_pulse,
        unit=unit_of(entry.series) if entry.series else "",
    )


def _analogue(entry: BoardAnalogue) -> Analogue:
    if entry.full_v == entry.zero_v:
        raise BoardConfigError(N_("analogue {channel}: zero_v and full_v are the same"), channel=entry.channel)
    per_volt = (entry.full - entry.zero) / (entry.full_v - entry.zero_v)
    return Analogue(
        name=f"analogue-{entry.channel}",
        channel=entry.channel,
        limit_low=round(entry.least_v / REFERENCE_V * COUNTS * SUM_OF),
        limit_high=round(entry.most_v / REFERENCE_V * COUNTS * SUM_OF),
        bad_limit=BAD_IN_A_ROW if entry.stops_all else 0,
        shuts_down=entry.stops_all,
        series=entry.series,
        factor=per_volt * REFERENCE_V / COUNTS,
        offset=entry.zero - per_volt * entry.zero_v,
        unit=unit_of(entry.series),
    )


def unit_of(series: str) -> str:
    """Give the canonical unit of a series' quantity; KeyError when there is no such quantity."""
    return quantity(series.partition("/")[2].partition(".")[0]).unit


def board_feedback(config: "FarmConfig") -> dict[str, str]:
    """Map each output on a board to the series that tells how its pin stands."""
    return {output: pin_series(board, pin) for board in config.boards for pin, output in board.outputs.items()}


def pin_series(board: Board, pin: str) -> str:
    """Name the series of one output pin."""
    return f"{board.place}/switch.{pin}" if pin != "0" else f"{board.place}/switch"


def measured_series(board: Board) -> dict[str, str]:
    """Map every series that ``board`` measures to the key of its row that names it."""
    told = {row.series: f"counters[{i}].series" for i, row in enumerate(board.counters)}
    told |= {row.flow: f"counters[{i}].flow" for i, row in enumerate(board.counters)}
    told |= {row.series: f"inputs[{i}].series" for i, row in enumerate(board.inputs)}
    told |= {row.series: f"analogue[{i}].series" for i, row in enumerate(board.analogue)}
    told.pop("", None)
    return told


class KeptEpoch:
    """Where the agent keeps the last epoch it claimed on a board (``firmware_bridge.bridge.Epochs``)."""

    def __init__(self, state: Path, board: str) -> None:
        self._path = state / "boards" / f"{board}.epoch"

    def last(self) -> int:
        """Give the last claimed epoch; 0 when none is on file or the file is damaged: the board knows its own."""
        try:
            return max(0, int(self._path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            return 0

    def keep(self, epoch: int) -> None:
        """Remember ``epoch`` for good before it is used."""
        write_whole(self._path, str(epoch).encode("ascii"))


def host_id(seed: int | None) -> int:
    """Give this process's identity to the boards: by chance, or from the seed of a run that repeats; never 0."""
    number = int.from_bytes(os.urandom(4), "little") if seed is None else seed & 0xFFFFFFFF
    return number or 1


def wish_s(tick_s: float) -> float:
    """Give how long one affirmed wish stands on the host: three ticks, and at least 3 s."""
    return max(3.0, 3.0 * tick_s)
