# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the boards of ``farm.toml``, and with water that hangs where nothing closes it by itself.

The rule it keeps: a valve, pump or doser closes without the host (a board's lease, a relay's own timer) or the farm
says in so many words why it need not. It only notes problems on the page.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from drivers.catalogue_schema import Entry
from edge.board_settings import Board
from edge.boards import board_config, pin_series
from edge.toml_reader import Page
from firmware_bridge.board_config import BoardConfigError
from firmware_bridge.board_types import BOARD_TYPES
from pages.words import N_
from telemetry.quantities import QUANTITIES
from telemetry.records import SERIES_PATTERN

if TYPE_CHECKING:
    from edge.config import Device, FarmConfig

WATER: Final = frozenset({"valve", "pump", "master_valve", "fill_valve", "backwash_valve", "doser", "fogger"})
NO_PIN: Final = N_("a {type} has no {what} {pin}; it has 0 to {last}")
NO_OUTPUT: Final = N_("there is no output called {name} on this board; it has: {known}")
BAD_SERIES: Final = N_("{seen} is no series of a {wanted}; write place/quantity, for instance {example}")
BOARD_PORT: Final = "board:"  # the port of a bus that is the SDI-12 pin of one of our boards
METERED: Final = ("water_volume", "rainfall")


def closes_by_itself(entry: Entry) -> bool:
    """Say whether hardware of this type ends an *on* without the host."""
    if entry.relay is not None:
        return entry.relay.flash_on_at is not None or entry.relay.flash_by_register
    if entry.valve is not None:
        return entry.valve.silence_closes
    return entry.drive is not None and entry.drive.silence_at is not None


def unleased_outputs(config: "FarmConfig", entry_of: Callable[["Device"], Entry | None]) -> dict[str, "Device"]:
    """Map every water output that nothing closes without the host to the device it hangs on."""
    kinds = {output.id: output.kind for output in config.control.outputs}
    found: dict[str, Device] = {}
    for device in config.devices:
        entry = entry_of(device)
        if entry is not None and device.outputs and not closes_by_itself(entry):
            found |= {output: device for output in device.outputs.values() if kinds.get(output) in WATER}
    return found


def check_unleased(config: "FarmConfig", page: Page, entry_of: Callable[["Device"], Entry | None]) -> None:
    """Note the water that would run on when the host dies."""
    for output, device in unleased_outputs(config, entry_of).items():
        if not device.unleased_reason.strip():
            channel = next(channel for channel, name in device.outputs.items() if name == output)
            page.wrong(f"{_path(page, 'device', device.name)}.outputs.{channel}",
                       "{output} is water, and a {type} does not close it when the host dies; hang it on a [[board]] "
                       "or on a relay board with its own timer, or give the device an unleased_reason",
                       output=output, type=device.type)  # fmt: skip


def check_board_lines(config: "FarmConfig", page: Page) -> None:
    """Note the buses that name the SDI-12 pin of a board that is not there, or want it to speak something else."""
    boards = [board.name for board in config.boards]
    for bus in config.buses:
        if not bus.port.startswith(BOARD_PORT):
            continue
        path, name = _path(page, "bus", bus.name), bus.port.removeprefix(BOARD_PORT)
        if name not in boards:
            page.wrong(f"{path}.port", "there is no board called {name}; known: {known}", name=name,
                       known=", ".join(sorted(boards)) or "none")  # fmt: skip
        if bus.kind != "sdi12-adapter":
            page.wrong(f"{path}.kind", "the line of a board speaks SDI-12; write kind = {kind}", kind='"sdi12-adapter"')


def check_boards(
    config: "FarmConfig", page: Page, places: list[str], wired: dict[str, str], series: dict[str, str]
) -> None:
    """Note all that is wrong with the boards; ``wired`` maps outputs to what they hang on, ``series`` to who gives."""
    for board in config.boards:
        path = _path(page, "board", board.name)
        before = len(page.problems)
        if board.place not in places:
            page.wrong(f"{path}.place", "there is no house, zone, line or station called {name}; known: {known}",
                       name=board.place, known=", ".join(sorted(places)))  # fmt: skip
        _pins(board, path, page)
        _outputs(config, board, path, page, wired)
        _inputs(board, path, page)
        _values(board, path, page, series)
        if len(page.problems) == before:
            try:
                board_config(board, config.control)
            except BoardConfigError as error:
                page.wrong(path, error.msgid, **error.fields)


def _path(page: Page, table: str, name: str) -> str:
    rows = page.data.get(table, [])
    return next((f"{table}[{i}]" for i, row in enumerate(rows) if row.get("name") == name), table)


def _pins(board: Board, path: str, page: Page) -> None:
    kind = BOARD_TYPES[board.type]
    used = [(f"outputs.{pin}", "output", pin, kind.outputs) for pin in board.outputs]
    used += [(f"counters[{i}].counter", "counter", str(row.counter), kind.counters)
             for i, row in enumerate(board.counters)]  # fmt: skip
    used += [(f"inputs[{i}].input", "input", str(row.input), kind.inputs) for i, row in enumerate(board.inputs)]
    used += [(f"analogue[{i}].channel", "channel", str(row.channel), kind.channels)
             for i, row in enumerate(board.analogue)]  # fmt: skip
    seen: set[tuple[str, str]] = set()
    for where, what, pin, room in used:
        if not pin.isdecimal() or str(int(pin)) != pin or int(pin) >= room:
            page.wrong(f"{path}.{where}", NO_PIN, type=board.type, what=what, pin=pin, last=room - 1)
        elif (what, pin) in seen:
            page.wrong(f"{path}.{where}", "{what} {pin} of this board is used twice", what=what, pin=pin)
        seen.add((what, pin))


def _outputs(config: "FarmConfig", board: Board, path: str, page: Page, wired: dict[str, str]) -> None:
    settings = {output.id: output for output in config.control.outputs}
    for pin, output in board.outputs.items():
        where = f"{path}.outputs.{pin}"
        one = settings.get(output)
        if one is None:
            page.wrong(where, "there is no output called {name}; known: {known}", name=output,
                       known=", ".join(sorted(settings)) or "none")  # fmt: skip
            continue
        other = wired.setdefault(output, f"{board.name} output {pin}")
        if other != f"{board.name} output {pin}":
            page.wrong(where, "{name} is already wired to {other}", name=output, other=other)
        if one.proportional:
            page.wrong(where, "{name} is proportional; the outputs of a board are on or off", name=output)
        if one.safe_level != 0.0:
            page.wrong(where, "{name} is safe when on; an output of a board is off when the board is", name=output)
        if one.max_on_s <= 0.0:
            page.wrong(where, "{name} hangs on a board and needs max_on_s above 0", name=output)
        if one.kind == "pump":
            _pump(config, board, one.place, where, page)


def _pump(config: "FarmConfig", board: Board, line: str, where: str, page: Page) -> None:
    valves = [zone.valve for zone in config.control.zones if zone.line == line]
    elsewhere = [valve for valve in valves if valve not in board.outputs.values()]
    if elsewhere or not valves:
        page.wrong(where, "a board runs a pump only while it sees one of its valves open: wire the line's valves to "
                   "the same board; elsewhere: {valves}", valves=", ".join(elsewhere) or "none")  # fmt: skip


def _inputs(board: Board, path: str, page: Page) -> None:
    here = list(board.outputs.values())
    known = ", ".join(sorted(here)) or "none"
    for i, entry in enumerate(board.inputs):
        for name in entry.blocks:
            if name not in here:
                page.wrong(f"{path}.inputs[{i}].blocks", NO_OUTPUT, name=name, known=known)
    for i, meter in enumerate(board.counters):
        for name in meter.guards:
            if name not in here:
                page.wrong(f"{path}.counters[{i}].guards", NO_OUTPUT, name=name, known=known)


def _values(board: Board, path: str, page: Page, series: dict[str, str]) -> None:
    told: list[tuple[str, str, tuple[str, ...]]] = [
        (f"counters[{i}].series", row.series, METERED) for i, row in enumerate(board.counters)
    ]
    told += [(f"counters[{i}].flow", row.flow, ("water_flow",)) for i, row in enumerate(board.counters)]
    told += [(f"inputs[{i}].series", row.series, ("switch",)) for i, row in enumerate(board.inputs)]
    told += [(f"analogue[{i}].series", row.series, ()) for i, row in enumerate(board.analogue)]
    for where, name, wanted in told:
        if not name:
            continue
        quantity = name.partition("/")[2].partition(".")[0]
        if not SERIES_PATTERN.match(name) or quantity not in (wanted or QUANTITIES):
            example = f"{board.place}/{wanted[0] if wanted else 'water_pressure'}"
            page.wrong(f"{path}.{where}", BAD_SERIES, seen=repr(name), wanted=where.partition("[")[0], example=example)
        _once(name, board, f"{path}.{where}", page, series)
    for pin in board.outputs:
        _once(pin_series(board, pin), board, f"{path}.outputs.{pin}", page, series)


def _once(name: str, board: Board, where: str, page: Page, series: dict[str, str]) -> None:
    other = series.setdefault(name, f"{board.name} ({where})")
    if other != f"{board.name} ({where})":
        page.wrong(where, "the series {series} already comes from {other}", series=name, other=other)
