# SPDX-License-Identifier: Apache-2.0
"""The messages this host speaks, and the comparison with those a board carries.

The rule it keeps: host and board agree when the whole format texts of all messages the host needs are equal;
numbers are the board's own. What differs is named, message by message, before anything is commanded.
"""

from collections.abc import Sequence
from typing import Final

from firmware_bridge.codec import CodecError, Format, parse_format
from firmware_bridge.frame import crc16

PROTOCOL: Final = 1

# The first four are fixed for ever: with them a host of any age can ask a board of any age for its dictionary.
EXPECTED: Final[tuple[str, ...]] = (
    "hello host=I",
    "identity protocol=B messages=B dictionary_crc=H about=*",
    "get_dictionary message=B offset=B",
    "dictionary message=B length=B text=*",
    "refused call=B reason=B detail=I",
    "done call=B",
    "get_boot",
    "boot count=I cause=B epoch=I uptime_ms=I config_crc=I configured=B shutdown=B",
    "claim epoch=I host=I",
    "get_clock",
    "clock us=I ms=I",
    "config_begin epoch=I changeover_ms=H",
    "config_output output=B kind=B group=B lease_max_ms=H min_off_ms=H max_on_ms=I",
    (
        "config_pump output=B counter=B tries=B valves=H open_lead_ms=H close_lead_ms=H dry_run_ms=H lockout_s=H "
        "adc=B current_min=H"
    ),
    "config_doser output=B counter=B rate_ul_s=H flow_window_ms=H event_ul=I hour_ul=I day_ul=I",
    "config_input input=B flags=B debounce_ms=B blocks=H",
    "config_counter counter=B min_interval_us=H",
    "config_adc channel=B limit_low=H limit_high=H bad_limit=B action=B",
    "config_end epoch=I crc=I",
    "lease outputs=H epoch=I lease_ms=H expires_ms=I",
    "leased outputs=H refused=H",
    "release outputs=H epoch=I",
    "dose output=B epoch=I dose_id=I volume_ul=I lease_ms=H expires_ms=I",
    "get_dose output=B",
    "dosed output=B state=B dose_id=I done_ul=I hour_ul=I day_ul=I",
    "emergency_stop",
    "clear_shutdown epoch=I reason=B",
    "clear_lockout epoch=I outputs=H",
    "get_output output=B",
    "output output=B on=B block=B lease_left_ms=H on_ms=I off_ms=I",
    "set_report period_ms=H",
    "report ms=I us=I on=H leased=H inputs=B shutdown=B",
    "counter counter=B count=I at_us=I",
    "adc channel=B raw=H in_range=B at_us=I",
    "started count=I cause=B",
    "sdi12_send flags=B text=*",
    "sdi12_read offset=B",
    "sdi12_text state=B length=B at_us=I text=*",
)


class DictionaryMismatch(Exception):
    """They broke the rules: the board speaks other messages than this host. Each line names one difference."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


class Dictionary:
    """A board's messages: numbers, names and formats."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(line.strip() for line in lines)
        try:
            self.formats: tuple[Format, ...] = tuple(parse_format(line) for line in lines)
        except (CodecError, ValueError) as bad:
            raise DictionaryMismatch([f"the board's dictionary cannot be read: {bad}"]) from bad
        self.numbers = {form.name: number for number, form in enumerate(self.formats)}

    def number(self, name: str) -> int:
        """Give the number of the message ``name``."""
        return self.numbers[name]

    def format(self, name: str) -> Format:
        """Give the format of the message ``name``."""
        return self.formats[self.numbers[name]]

    def check(self, expected: Sequence[str] = EXPECTED) -> None:
        """Raise DictionaryMismatch unless every expected format is here, letter by letter."""
        found = {form.name: form.text for form in self.formats}
        lines: list[str] = []
        for line in expected:
            name = line.split()[0]
            if name not in found:
                lines.append(f"the board has no message {name!r}")
            elif found[name] != line:
                lines.append(f"{name}: the board says {found[name]!r}, this host {line!r}")
        if lines:
            raise DictionaryMismatch(lines)


def dictionary_crc(lines: Sequence[str]) -> int:
    """Give the CRC-16 by which a board names its dictionary; ``lines`` as the board sent them."""
    return crc16("".join(f"{line}\n" for line in lines).encode("ascii"))


# Enough to ask for the rest: the fixed messages stand at the same numbers on every board.
FIXED: Final = Dictionary(EXPECTED[:6])
