# SPDX-License-Identifier: Apache-2.0
"""Which command starts an SDI-12 sensor's measurement.

The rule it keeps: the entry says which measurement, the sensor's version whether with a CRC; concurrent where it can.
"""

from drivers import sdi12_words
from drivers.catalogue_schema import Entry
from drivers.sdi12_words import Command


def start_of(entry: Entry, address: str, *, crc: bool = False) -> Command:
    """Give the command for the sensor of this type at ``address``."""
    text = entry.text
    body = text.request.replace("{a}", "").rstrip("!") if text is not None else "M"
    group = int(body[-1]) if body[-1:].isdigit() else 0
    if body[:1] == "C" or (text is not None and text.concurrent):
        return sdi12_words.concurrent(address, group, crc=crc)
    if body[:1] == "R":
        return sdi12_words.continuous(address, group, crc=crc)
    return sdi12_words.measure(address, group, crc=crc)
