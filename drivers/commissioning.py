# SPDX-License-Identifier: Apache-2.0
"""What a technician does before a farm runs: find devices, tell what they are, give them their addresses.

The rule it keeps: searching only reads. Writing happens in ``readdress`` alone, by the maker's rules of the
catalogue, after the new address was found free, and never where it would destroy a factory calibration.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from drivers.catalogue_schema import Entry, Setting, Write
from drivers.decode import Measured, number_to_words, plan_blocks
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read, words
from drivers.polling import registers_of, write_request
from drivers.ports import StreamOpener
from drivers.probe import Heard, Probe
from drivers.registry import read_registers
from telemetry.records import Quality

OpenAt = Callable[[LineSettings], StreamOpener]
Told = Callable[[LineSettings, int, int], None]  # progress: the setting, the address, how many found so far

# The settings that instruments leave the factory with, the commonest first.
FACTORY_SETTINGS: Final = (
    LineSettings(9600),
    LineSettings(4800),
    LineSettings(19200, "E"),
    LineSettings(19200),
    LineSettings(2400),
    LineSettings(9600, "E"),
    LineSettings(38400),
    LineSettings(115200),
)
ADDRESSES: Final = range(1, 248)
# Few devices refuse function 3 in silence; those that do live at these addresses when new.
ALSO_INPUT_REGISTERS: Final = frozenset(range(1, 17))
GARBLED_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """Someone at an address: a device, or several that answer at once and spoil each other's bytes."""

    address: int
    settings: LineSettings
    state: Literal["device", "several"]
    latency_s: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A type that a device may be. ``identity``: its identity probe answered as only this type does."""

    entry: Entry
    identity: bool
    evidence: int
    measured: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: done, power-cycle (take its power off and on, then confirm), refused, failed.

    ``reason`` is a message id; ``detail`` the maker's words where there are some.
    """

    state: Literal["done", "power-cycle", "refused", "failed"]
    reason: str = ""
    detail: str = ""


async def scan(
    open_at: OpenAt,
    *,
    settings: Sequence[LineSettings] = FACTORY_SETTINGS,
    addresses: Iterable[int] = ADDRESSES,
    within_s: float = 0.08,
    told: Told | None = None,
) -> list[Found]:
    """Ask every address at every setting. Only reads; raises LineDown when the port cannot be used.

    At 9600 baud one setting takes about 25 s for all 247 addresses with the default ``within_s``.
    """
    wanted = list(addresses)
    found: list[Found] = []
    for setting in settings:
        async with Probe(open_at(setting), setting, within_s) as probe:
            for address in wanted:
                if told is not None:
                    told(setting, address, len(found))
                one = await _look(probe, address)
                if one is not None:
                    found.append(one)
    return found


async def _look(probe: Probe, address: int) -> Found | None:
    heard = await probe.ask(read(address, 3, 0, 1))
    if heard.kind == "timeout" and address in ALSO_INPUT_REGISTERS:
        heard = await probe.ask(read(address, 4, 0, 1))
    if heard.alive:
        return Found(address, probe.settings, "device", heard.latency_s)
    if not heard.garbled:
        return None
    for count in range(2, 2 + GARBLED_TRIES):
        again = await probe.ask(read(address, 3, 0, count))
        if again.alive:
            return Found(address, probe.settings, "device", again.latency_s)
        if not again.garbled:
            return None  # once rubbish, then silence: noise, not a device
    return Found(address, probe.settings, "several", float("nan"))


class _Memory:
    """Asks each question of one device once."""

    def __init__(self, probe: Probe, address: int) -> None:
        self.probe = probe
        self.address = address
        self._known: dict[tuple[int, int, int], Heard] = {}

    async def read(self, function: int, at: int, count: int) -> Heard:
        key = (function, at, count)
        if key not in self._known:
            self._known[key] = await self.probe.ask_twice(read(self.address, function, at, count))
        return self._known[key]


async def identify(probe: Probe, address: int, entries: Iterable[Entry]) -> list[Candidate]:
    """Give the types that the device at ``address`` may be, the likeliest first. Only reads.

    A type is likely when its identity probe fits, all its registers can be read, and every value is inside the
    instrument's own range; values other than zero count as evidence.
    """
    memory = _Memory(probe, address)
    candidates: list[Candidate] = []
    for entry in entries:
        if entry.protocol != "modbus" or not entry.value:
            continue
        identity = await _identity(memory, entry)
        if identity is None:
            continue
        measured = await _all_values(memory, entry)
        if measured is None:
            continue
        evidence = sum(1 for m in measured if m.raw != 0.0)
        candidates.append(Candidate(entry, identity, evidence, measured))
    factory = probe.settings.baud

    def rank(c: Candidate) -> tuple[bool, int, bool, bool, str]:
        return (not c.identity, -c.evidence, c.entry.serial.baud != factory, not c.entry.verified, c.entry.type)

    return sorted(candidates, key=rank)


async def _identity(memory: _Memory, entry: Entry) -> bool | None:
    """True: it proves the type; False: nothing speaks against it; None: it is another type."""
    proved = False
    for identity in entry.identity:
        heard = await memory.read(identity.function, identity.at, identity.count)
        if heard.kind != "reply":
            return None
        got = words(heard.payload)
        if identity.equals:
            if any((a ^ b) & identity.mask for a, b in zip(got, identity.equals, strict=False)):
                return None
            proved = True
        if identity.text:
            if not heard.payload.startswith(identity.text.encode("ascii")):
                return None
            proved = True
    return proved


async def _all_values(memory: _Memory, entry: Entry) -> tuple[Measured, ...] | None:
    registers: dict[tuple[int, int], int] = {}
    for block in plan_blocks(entry):
        heard = await memory.read(block.function, block.start, block.count)
        if heard.kind != "reply":
            return None
        registers.update(registers_of(block, heard.payload))
    measured = read_registers(entry, registers)
    bad = Quality.RANGE | Quality.SENTINEL | Quality.COMM
    return None if any(m.quality & bad for m in measured) else measured


def check_write(entry: Entry, at: int, values: Sequence[int]) -> str:
    """Say why writing ``values`` from register ``at`` on may not be done; '' when it may."""
    for forbidden in entry.forbidden:
        last = forbidden.to if forbidden.to is not None else forbidden.at
        for register, value in enumerate(values, start=at):
            if forbidden.at <= register <= last and (not forbidden.words or value in forbidden.words):
                return forbidden.why
    return ""


def _address_words(setting: Setting, address: int) -> tuple[int, ...]:
    return tuple(number_to_words(float(address), setting.type, "ABCD"))


def _refusal(entry: Entry, old: int, new: int, *, alone: bool) -> Outcome | None:
    setting = entry.address_setting
    if setting is None:
        return Outcome("refused", "commission.no_address_setting")
    if setting.why_not:
        return Outcome("refused", "commission.address_by_hand", setting.why_not)
    if not setting.low <= new <= setting.high:
        return Outcome("refused", "commission.address_out_of_range", f"{setting.low}-{setting.high}")
    if new == old:
        return Outcome("refused", "commission.same_address")
    why = check_write(entry, setting.at, _address_words(setting, new))
    if why:
        return Outcome("refused", "commission.forbidden_write", why)
    if setting.broadcast and not alone:
        return Outcome("refused", "commission.must_be_alone")
    return None


async def readdress(probe: Probe, entry: Entry, old: int, new: int, *, alone: bool = False) -> Outcome:
    """Give the device at ``old`` the address ``new`` by its maker's rules.

    ``alone``: the person says that no other device is on the line; needed where the maker wants a broadcast.
    After "power-cycle" take its power off and on and call ``confirm``.
    """
    refused = _refusal(entry, old, new, alone=alone)
    if refused is not None or entry.address_setting is None:
        return refused or Outcome("refused", "commission.no_address_setting")
    setting = entry.address_setting
    if not (await probe.ask_twice(read(old, setting.read_function, setting.at, _size(setting)))).alive:
        return Outcome("failed", "commission.nobody_at_old")
    taken = await probe.ask_twice(read(new, 3, 0, 1))
    if taken.alive or taken.garbled:
        return Outcome("refused", "commission.address_taken", str(new))
    change = Write(at=setting.at, words=_address_words(setting, new), function=setting.function)
    for write in setting.unlock:
        if not await _written(probe, old, write):
            return Outcome("failed", "commission.write_refused", f"register {write.at}")
    accepted = await _written(probe, 0 if setting.broadcast else old, change)
    if not accepted and setting.applies != "at once":
        return Outcome("failed", "commission.write_refused", f"register {setting.at}")
    for write in setting.save:
        # A device that has moved already answers from its new address.
        if not await _written(probe, old, write) and not await _written(probe, new, write):
            return Outcome("failed", "commission.write_refused", f"register {write.at}")
    if setting.applies == "power-cycle":
        return Outcome("power-cycle", "commission.power_cycle")
    return await confirm(probe, new)


def _size(setting: Setting) -> int:
    return len(_address_words(setting, 1))


async def _written(probe: Probe, unit: int, write: Write) -> bool:
    request = write_request(unit, write)
    heard = await probe.ask(request, within_s=3.0 * probe.within_s)
    if not heard.alive and unit != 0:
        heard = await probe.ask(request, within_s=3.0 * probe.within_s)  # the same again changes nothing further
    return heard.kind == "reply"


async def confirm(probe: Probe, address: int) -> Outcome:
    """Look for the device at its new address."""
    heard = await probe.ask_twice(read(address, 3, 0, 1))
    if not heard.alive:
        heard = await probe.ask_twice(read(address, 4, 0, 1))
    return Outcome("done") if heard.alive else Outcome("failed", "commission.not_at_new", str(address))


async def replace(
    probe: Probe, entry: Entry, at: int, address: int, entries: Iterable[Entry], *, alone: bool = False
) -> Outcome:
    """Let the new device at ``at`` take the place of a dead one that had ``address``.

    Refused when it is of another type than ``entry``; ``detail`` then names what it may be of ``entries``. A type
    without values (a relay board) is taken at the person's word. Call again with ``at == address`` after a power cycle.
    """
    there = await confirm(probe, at)
    if there.state != "done":
        return Outcome("failed", "commission.nobody_at", str(at))
    if entry.value and not await identify(probe, at, [entry]):
        likely = await identify(probe, at, entries)
        return Outcome("refused", "commission.another_type", ", ".join(c.entry.type for c in likely[:3]) or "?")
    return there if at == address else await readdress(probe, entry, at, address, alone=alone)
