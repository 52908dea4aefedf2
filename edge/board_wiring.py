# SPDX-License-Identifier: Apache-2.0
"""Puts the boards of a farm together: their lines' host side, what they deliver, what they switch.

The rule it keeps: a board is a source and a bank like any other; what stands behind its port is the wiring's choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from controllers.settings import OutputSettings
from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.ports import Source, StreamOpener
from drivers.serial_port import is_pty
from edge.agent import Agent, OutputBank
from edge.board_settings import Board
from edge.boards import KeptEpoch, board_config, host_id, measured_series, pin_series, wish_s
from edge.config import SIMULATED, Bus, FarmConfig
from edge.config_boards import BOARD_PORT, unleased_outputs
from edge.pipeline import SeriesPlan, still_s
from edge.world import BootClock, World
from firmware_bridge.bridge import Bridge
from firmware_bridge.mcu_devices import McuOutputs, McuSource
from firmware_bridge.sdi12_line import BoardSdi12
from telemetry.quantities import quantity

BOARD_LINE: Final = LineSettings(baud=115200)


def _played(board: Board) -> bool:
    return board.port == SIMULATED or is_pty(board.port)


def board_plans(config: FarmConfig) -> list[SeriesPlan]:
    """Say what the pipeline must know of each series that a board delivers."""
    plans = []
    for board in config.boards:
        played = _played(board)
        for series in (*measured_series(board), *(pin_series(board, pin) for pin in board.outputs)):
            kind = quantity(series.partition("/")[2].partition(".")[0])
            plans.append(SeriesPlan(series, board.name, kind, kind.unit, board.period_s, still_s(kind), played))
    return plans


def bridges_of(config: FarmConfig, openers: Callable[[Board], StreamOpener], world: World) -> dict[str, Bridge]:
    """Make the host's side of every board."""
    host = host_id(world.seed)
    bridges = {}
    for board in config.boards:
        told = board_config(board, config.control)
        if _played(board):  # by the linux build, whatever stands for it in the field
            told = replace(told, kind="")
        bridges[board.name] = Bridge(openers(board), told, KeptEpoch(world.state, board.name), host_id=host)
    return bridges


def through_boards(
    openers: Callable[[Bus | Board], StreamOpener], bridges: Mapping[str, Bridge]
) -> Callable[[Bus], StreamOpener]:
    """Give the openers of buses of which some are the SDI-12 pin of a board (``port = "board:NAME"``)."""

    def opener(bus: Bus) -> StreamOpener:
        if bus.port.startswith(BOARD_PORT):
            return BoardSdi12(bridges[bus.port.removeprefix(BOARD_PORT)])
        return openers(bus)

    return opener


def board_parts(
    config: FarmConfig, bridges: Mapping[str, Bridge], boot: BootClock
) -> tuple[dict[str, Source], list[OutputBank]]:
    """Make a source and a bank of outputs of each board."""
    settings: dict[str, OutputSettings] = {output.id: output for output in config.control.outputs}
    sources: dict[str, Source] = {}
    banks = []
    for board in config.boards:
        bridge = bridges[board.name]
        pins = {output: pin_series(board, pin) for pin, output in board.outputs.items()}
        sources[board.name] = McuSource(bridge, boot.to_ms, pins)
        wires = {output: (output, settings[output]) for output in board.outputs.values()}
        banks.append(OutputBank(board.name, McuOutputs(bridge, wish_s(config.farm.tick_s)), wires))
    return sources, banks


def release(config: FarmConfig, bridges: Mapping[str, Bridge], place: str) -> None:
    """Let the boards at ``place`` release what they latched: a person has looked there."""
    settings = {output.id: output for output in config.control.outputs}
    for board in config.boards:
        here = {"farm", board.name, board.place, *board.outputs.values()}
        here |= {settings[output].place for output in board.outputs.values()}
        if place in here:
            bridges[board.name].somebody_looked()


def tell_unleased(config: FarmConfig, catalogue: Catalogue, agent: Agent, mono_ms: int) -> None:
    """Let an alarm stand for every water output that nothing closes when this host dies, with the reason given."""
    found = unleased_outputs(config, lambda device: catalogue.entry(device.type, device.variant))
    for output, device in found.items():
        fields: dict[str, str | float | int | bool] = {"device": device.name, "reason": device.unleased_reason}
        agent.alarms.put("output.unleased", output, "warning", mono_ms, fields)
