# SPDX-License-Identifier: Apache-2.0
"""The typed shape of one catalogue entry: what a TOML file under ``drivers/catalog/`` may say.

The rule it keeps: an entry is data about one register map (clones with the same map share the entry); anything it
does not know is refused by name. Meaning is checked in ``drivers.catalogue_check``, bytes in ``drivers.decode``.
"""

from typing import Final, Literal

import msgspec

Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]
WordType = Literal["u16", "i16", "u8_high", "u8_low", "u32", "i32", "f32", "u64", "bit", "text"]
Protocol = Literal["modbus", "sdi12", "ascii", "binary"]
WORDS: Final[dict[str, int]] = {
    "u16": 1,
    "i16": 1,
    "u8_high": 1,
    "u8_low": 1,
    "u32": 2,
    "i32": 2,
    "f32": 2,
    "u64": 4,
    "bit": 1,
    "text": 1,
}


class CatalogueError(ValueError):
    """An entry breaks the rules of the catalogue. ``msgid`` is English and filled with ``fields``."""

    def __init__(self, file: str, line: int, msgid: str, **fields: str | float) -> None:
        self.file = file
        self.line = line
        self.msgid = msgid
        self.fields = fields
        super().__init__(f"{file}:{line}: {msgid.format(**fields)}")


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all tables of an entry."""


class Citation(Table, frozen=True):
    """Where a fact or frame stands: an address a person can open, and the page or section in it."""

    at: str
    page: str = ""
    what: str = ""


class Serial(Table, frozen=True):
    """How the instrument leaves the factory on the line."""

    baud: int = 9600
    format: Literal["8N1", "8E1", "8O1", "8N2", "7E1"] = "8N1"
    address: int = 1
    any_address: int | None = None  # answers to this one too, whatever its own (one slave on the line only)
    bauds: tuple[int, ...] = ()
    sdi12_address: str = "0"


class Plus(Table, frozen=True):
    """A second field added to the first, such as the fraction of a totaliser."""

    at: int
    type: WordType
    scale: float = 1.0


class Value(Table, frozen=True):
    """One physical value: where its bits are, what they mean, which of them mean "fault".

    ``at`` is the register address as sent on the wire (from 0), or the position (from 1) in a text reply.
    ``raw = (bits [sign by negative_from] * scale) + offset`` in ``unit``; with ``decimals_at`` the scale is
    ``10 ** -register``. ``low`` and ``high`` are the instrument's own range in ``unit``.
    """

    quantity: str
    at: int
    type: WordType = "u16"
    index: int = 0
    order: Order | None = None
    function: int = 0  # 0: the entry's
    scale: float = 1.0
    offset: float = 0.0
    decimals_at: int | None = None
    negative_from: int | None = None  # bits from here on mean -(bits - negative_from)
    mask: int | None = None
    plus: Plus | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    sentinels: tuple[float, ...] = ()  # bits (or text numbers) that mean "no value"
    key: str = ""  # the letters before the value in a keyed text reply (Vaisala's Ta=)
    estimate: bool = False  # computed by the device, not measured
    step: float = 0.0  # the smallest step of the value in its unit, where its type does not tell
    title: str = ""


class Block(Table, frozen=True):
    """One read request, given where the planned ones would not do; ``spare`` more registers may be read after it."""

    at: int
    count: int
    function: int = 0
    spare: int = 0


class Status(Table, frozen=True):
    """A register that tells of faults: when ``word & mask`` is non-zero (or equals ``equals``) it says ``means``."""

    at: int
    means: str
    function: int = 0
    mask: int = 0xFFFF
    equals: int | None = None
    quality: Literal["fault", "warmup", "note"] = "fault"


class Identity(Table, frozen=True):
    """A read whose answer tells this type from its look-alikes."""

    at: int
    count: int = 1
    function: int = 3
    equals: tuple[int, ...] = ()
    mask: int = 0xFFFF
    text: str = ""  # the beginning of the answer's bytes as ASCII


class Write(Table, frozen=True):
    """A write: one register (function 6) or several (function 16), or a coil (5); with the reason for it."""

    at: int
    words: tuple[int, ...] = ()
    function: Literal[5, 6, 16] = 6
    why: str = ""


class Forbidden(Table, frozen=True):
    """Registers that nobody may write, or not with ``words``, because something would be lost for good."""

    at: int
    why: str
    to: int | None = None
    words: tuple[int, ...] = ()


class Setting(Table, frozen=True):
    """A setting that lives in a register: the bus address, or the baud rate by its code."""

    at: int
    function: Literal[6, 16] = 6
    read_function: int = 3
    low: int = 1
    high: int = 247
    type: Literal["u16", "f32"] = "u16"
    codes: dict[str, int] = {}
    unlock: tuple[Write, ...] = ()
    save: tuple[Write, ...] = ()
    applies: Literal["at once", "power-cycle", "after save"] = "at once"
    broadcast: bool = False  # only a broadcast (or any_address) write sets it
    why_not: str = ""  # set by hand only: the reason


class Relay(Table, frozen=True):
    """A board of on/off outputs on coils; ``flash_on_at`` starts a pulse that the board itself ends."""

    outputs: int
    coil_at: int = 0
    flash_on_at: int | None = None
    flash_unit_ms: int = 100
    flash_most: int = 0x7FFF
    inputs: int = 0
    by_register: bool = False  # outputs are switched by writing holding registers (function 6)
    on_word: int = 1
    off_word: int = 0
    flash_by_register: bool = False
    flash_word_high: int = 0
    power_up: str = ""


class Drive(Table, frozen=True):
    """A variable-frequency drive: run, stop and set frequency; what it does when the line falls silent."""

    command_at: int
    run_word: int
    stop_word: int
    frequency_at: int
    frequency_scale: float  # Hz per bit
    most_hz: float = 50.0
    least_hz: float = 0.0
    actual_at: int | None = None
    actual_scale: float = 0.01
    fault_at: int | None = None
    function: Literal[6, 16] = 6
    silence_at: int | None = None  # time-out of the line, in silence_scale seconds per bit
    silence_scale: float = 0.1
    silence_action: Write | None = None
    parameters: str = ""  # the maker's parameters to set by hand


class Valve(Table, frozen=True):
    """A proportional valve or actuator: where it shall stand and where it stands."""

    set_at: int
    set_span: float  # bits at fully open
    set_zero: float = 0.0
    actual_at: int | None = None
    actual_span: float = 0.0
    function: Literal[6, 16] = 6
    silence_closes: bool = False
    stroke_s: float = 0.0


class Text(Table, frozen=True):
    """A line protocol: what to send, and how the answer's values are parted."""

    request: str  # {a} stands for the address
    ends: str = "\r\n"
    parted: Literal["signs", "commas", "keys"] = "signs"
    errors: tuple[str, ...] = ()
    checksum: Literal["", "sdi12", "winsen"] = ""
    reply_bytes: int = 0  # binary: the exact length
    measure_s: float = 0.0
    concurrent: bool = False
    startup: tuple[str, ...] = ()  # told each time the line opens
    temperature: str = ""  # tells for which water, {t} °C, values are reckoned; forgotten without power
    who: str = ""  # asks which model it is
    says: str = ""  # what the answer to ``who`` begins with


class Golden(Table, frozen=True):
    """One exchange that must decode to ``gives`` (canonical quantity name, ``.index`` for a further one).

    ``verified`` says that the reply's bytes stand in the ``cited`` page; a frame we composed is not verified.
    """

    reply: str
    request: str = ""
    gives: dict[str, float] = {}
    cited: Citation | None = None
    verified: bool = False
    text: bool = False
    does: str = ""  # for an order: what it does


class Variant(Table, frozen=True):
    """A family member with the same name and a slightly other map: only what differs."""

    name: str
    title: str
    order: Order | None = None
    shift: int = 0  # added to every value's address
    function: int | None = None
    serial: Serial | None = None
    scale: dict[str, float] = {}
    identity: Identity | None = None
    cited: Citation | None = None


class Entry(Table, frozen=True):
    """One device type. ``type`` is the name used in ``farm.toml`` and equals the file's name."""

    type: str
    title: str
    maker: str
    kind: Literal["sensor", "meter", "weather", "relay", "drive", "valve", "input"] = "sensor"
    protocol: Protocol = "modbus"
    driver: str = ""  # a Python class of drivers.registry, for the few that need code
    clones: tuple[str, ...] = ()
    sold_in_vietnam: bool = False
    function: int = 3
    order: Order = "ABCD"
    serial: Serial = Serial()
    min_interval_s: float = 1.0
    warm_up_s: float = 0.0
    power_on_s: float = 0.0
    gap_most: int = 0  # unused registers between two values that may be read through
    block_most: int = 64
    notes: tuple[str, ...] = ()
    source: tuple[Citation, ...] = ()
    value: tuple[Value, ...] = ()
    block: tuple[Block, ...] = ()
    status: tuple[Status, ...] = ()
    identity: tuple[Identity, ...] = ()
    startup: tuple[Write, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    address_setting: Setting | None = None
    baud_setting: Setting | None = None
    relay: Relay | None = None
    drive: Drive | None = None
    valve: Valve | None = None
    text: Text | None = None
    golden: tuple[Golden, ...] = ()
    variant: tuple[Variant, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether at least one frame of this entry stands in a cited page."""
        return any(frame.verified for frame in self.golden)
