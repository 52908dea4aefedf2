# SPDX-License-Identifier: Apache-2.0
"""A wrong entry is refused whole, with the file and the line that a technician must look at."""

from pathlib import Path

import pytest

from drivers.catalogue import Catalogue, apply_variant, parse_entry
from drivers.catalogue_schema import CatalogueError
from drivers.toml_lines import find_line

GOOD = """\
type = "probe"
title = "A probe"
maker = "test"
notes = ["for the test"]
serial = { baud = 9600 }

[[value]]
quantity = "soil_moisture"
at = 0
scale = 0.1

[[value]]
quantity = "soil_ec"
at = 2
unit = "µS/cm"

[[golden]]
request = "01 03 00 00 00 03 05 CB"
reply = "01 03 06 01 EF 01 44 00 04 B5 59"
gives = { soil_moisture = 49.5, soil_ec = 0.004 }
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('maker = "test"', 'makr = "test"', 3, "unknown key 'makr'"),
        ("scale = 0.1", "scal = 0.1", 10, "unknown key 'scal'"),
        ("scale = 0.1", "scale = 0", 10, "scale 0"),
        ("scale = 0.1", 'scale = "0.1"', 10, "Expected `float`"),
        ("at = 2", "at = 0", 14, "lie over each other at register 0"),
        ("at = 2", "at = -1", 14, "does not fit the 65,536 registers"),
        ("at = 2", 'at = 65535\ntype = "u32"', 14, "does not fit the 65,536 registers"),
        ("at = 2", 'at = 2\ntype = "u24"', 15, "Invalid enum value 'u24'"),
        ('quantity = "soil_ec"', 'quantity = "soil_sugar"', 13, "unknown quantity 'soil_sugar'"),
        ('quantity = "soil_ec"', 'quantity = "soil_moisture"', 12, "soil_moisture is given twice"),
        ('unit = "µS/cm"', 'unit = "µS/m"', 15, "does not lead to soil_ec"),
        ('unit = "µS/cm"', 'unit = "µS/cm"\nlow = 5.0\nhigh = 1.0', 16, "low 5.0 is not below high 1.0"),
        ('unit = "µS/cm"', 'unit = "µS/cm"\nfunction = 6', 16, "function 6 does not read"),
        ('unit = "µS/cm"', 'unit = "µS/cm"\nmask = 0', 16, "a mask needs a 16-bit type"),
        ('unit = "µS/cm"', 'unit = "µS/cm"\ntype = "i16"\nnegative_from = 10000', 17, "needs an unsigned type"),
        ("B5 59", "B5 58", 17, "its CRC is b5 59"),
        ("01 03 06 01 EF", "02 03 06 01 EF", 17, "its CRC is"),
        ("soil_moisture = 49.5", "soil_moisture = 49.6", 17, "gives soil_moisture = 49.5, not 49.6"),
        ("soil_moisture = 49.5", "soil_ph = 7.0", 17, "gives no soil_ph"),
        ("00 00 00 03 05 CB", "00 00 00 02 C4 0B", 17, "the request asks for 4"),
        ("01 03 00 00 00 03 05 CB", "01 06 00 00 00 03 C9 CB", 17, "not a read"),
        ("01 EF", "01 EZ", 17, "not hexadecimal"),
        ("gives =", "verified = true\ngives =", 20, "a verified frame needs cited"),
        ('type = "probe"', 'type = "prob"', 1, "must be the file's name 'probe'"),
        ('maker = "test"', 'maker = "test"\nkind = "relay"', 4, "kind relay needs a [relay] table"),
        ('maker = "test"', 'maker = "test"\ndriver = "magic"', 4, "unknown driver 'magic'"),
        ('maker = "test"', 'maker = "test"\nprotocol = "sdi12"', 4, "needs a [text] table"),
        ('maker = "test"', 'maker = "test', 3, "not TOML"),
        ("serial = { baud = 9600 }", "block = [{ at = 0, count = 200 }]", 5, "a read of 200 registers"),
        ("serial = { baud = 9600 }", "block = [{ at = 0, count = 2 }]", 14, "in none of the blocks"),
        (
            "serial = { baud = 9600 }",
            'startup = [{ at = 9, words = [1] }]\nforbidden = [{ at = 8, to = 9, why = "ruins it" }]',
            5,
            "start-up writes register 9, which is forbidden: ruins it",
        ),
        (
            'maker = "test"',
            'maker = "test"\ntext = { request = "R", temperature = "T,20" }',
            4,
            "'T,20' has no {t} where the temperature goes",
        ),
    ],
)
def test_a_wrong_entry_is_refused_with_file_and_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogueError) as caught:
        parse_entry(GOOD.replace(old, new, 1), "farm/devices/probe.toml")
    assert caught.value.file == "farm/devices/probe.toml"
    assert words in str(caught.value)
    assert caught.value.line == line, str(caught.value)


def test_the_good_entry_is_good() -> None:
    assert parse_entry(GOOD, "probe.toml").type == "probe"


def test_an_unknown_type_and_variant_name_the_near_ones() -> None:
    catalogue = Catalogue()
    with pytest.raises(KeyError, match="xy-md02"):
        catalogue.entry("xy-md03")
    with pytest.raises(KeyError, match="ph-hundredths"):
        catalogue.entry("sn-3002-7in1", "ph-thousandths")


def test_a_variant_changes_only_what_it_says() -> None:
    entry = Catalogue().entry("sn-3002-7in1")
    varied = apply_variant(entry, "ph-hundredths")
    scales = {v.quantity: v.scale for v in varied.value}
    assert scales["soil_ph"] == 0.01
    assert scales["soil_moisture"] == 0.1
    assert varied.serial == entry.serial
    assert not varied.verified, "a variant has no frame of its own"


def test_lines_are_found_in_inline_and_nested_tables() -> None:
    text = 'a = 1\nb = { c = 2 }\n[t]\nx = 1\n[[v]]\ny = 1\n[[v]]\n"z.w" = 2\ny = 3\n'
    assert [find_line(text, p) for p in ("a", "b.c", "t.x", "v[0].y", "v[1].y", "v[1].none", "nothing")] == [
        1,
        2,
        4,
        6,
        9,
        7,
        1,
    ]


def test_an_entry_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "probe.toml").write_bytes(GOOD.replace('maker = "test"', 'maker = "Đà Lạt"').encode("utf-16-le"))
    with pytest.raises(CatalogueError, match="is not UTF-8"):
        Catalogue([tmp_path]).entry("probe")
    (tmp_path / "probe.toml").write_bytes(GOOD.replace('maker = "test"', 'maker = "Café"').encode("latin-1"))
    with pytest.raises(CatalogueError, match="byte 0xE9 is not UTF-8") as caught:
        Catalogue([tmp_path]).entry("probe")
    assert caught.value.line == GOOD[: GOOD.index('maker = "test"')].count("\n") + 1
