# SPDX-License-Identifier: Apache-2.0
"""A first farm.toml from what answered on the lines."""

import pytest

from controllers.climate_bands import CROP_BANDS
from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from edge.config import parse
from edge.farm_draft import Place, Seen, draft
from pages.words import words

CATALOGUE = Catalogue()
AIR = CATALOGUE.entry("xy-md02")
SOIL = CATALOGUE.entry("sn-3002-thc-s")
PORT = "/dev/serial/by-id/usb-FTDI_A"
SLOW, NORMAL = LineSettings(4800), LineSettings(9600)
PLACE = Place("vuon-nha", 'Vườn "nhà"', 11.94, 108.44, "house-1", 1000.0, "sweet pepper")


def test_twins_get_names_and_numbers_of_their_own() -> None:
    text = draft(PLACE, [Seen(PORT, i, NORMAL, (SOIL,)) for i in (1, 2, 3)], words("en"))
    config = parse(text)
    assert [(d.name, d.address, d.index) for d in config.devices] == [
        ("sn-3002-thc-s", 1, 0),
        ("sn-3002-thc-s-2", 2, 1),
        ("sn-3002-thc-s-3", 3, 2),
    ]
    assert config.farm.title == 'Vườn "nhà"'


def test_every_port_is_a_bus_with_the_settings_of_most_of_its_devices() -> None:
    text = draft(
        PLACE,
        [
            Seen(PORT, 1, SLOW, (SOIL,)),
            Seen(PORT, 2, NORMAL, (AIR,)),
            Seen(PORT, 3, SLOW, (SOIL,)),
            Seen("/dev/ttyUSB7", 1, NORMAL, (AIR,)),
        ],
        words("en"),
    )
    config = parse(text)
    assert [(b.name, b.port, b.baud_bd) for b in config.buses] == [
        ("line-1", PORT, 4800),
        ("line-2", "/dev/ttyUSB7", 9600),
    ]
    assert [(d.bus, d.type) for d in config.devices] == [
        ("line-1", "sn-3002-thc-s"),
        ("line-1", "sn-3002-thc-s"),
        ("line-2", "xy-md02"),
    ]
    assert f"# {PORT} address 2: it talks 9600 8N1, this line 4800 8N1" in text


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(PORT, 7, NORMAL), "no type of the catalogue fits"),
        (Seen(PORT, 7, NORMAL, several=True), "several devices answer at once"),
    ],
)
def test_what_could_not_be_told_is_a_remark_and_no_device(seen: Seen, said: str) -> None:
    text = draft(PLACE, [seen], words("en"))
    assert parse(text).devices == ()
    assert f"# {PORT} address 7: {said}" in text


def test_a_doubt_stands_beside_the_device() -> None:
    text = draft(PLACE, [Seen(PORT, 1, NORMAL, (AIR, SOIL))], words("en"))
    assert "# It may also be: sn-3002-thc-s. Compare its values." in text


@pytest.mark.parametrize("crop", CROP_BANDS)
def test_the_start_of_every_crop_is_accepted(crop: str) -> None:
    place = Place("f", "F", 0.0, 0.0, "h", 1.0, crop)
    assert parse(draft(place, [], words("en"))).control.houses[0].crop == crop


def test_a_farm_with_two_of_every_type_is_accepted() -> None:
    types = [e for e in CATALOGUE.entries() if e.protocol == "modbus"]
    seen = [Seen(PORT, i, NORMAL, (entry,)) for i, entry in enumerate([*types, *types], start=1)]
    assert len(parse(draft(PLACE, seen, words("en"))).devices) == 2 * len(types) > 100


def test_the_comments_of_a_draft_are_in_the_language_of_the_run() -> None:
    text = draft(PLACE, [Seen(PORT, 7, NORMAL)], words("vi"))
    assert f"# {PORT} địa chỉ 7: không loại nào trong danh mục phù hợp" in text
    assert "# Giới hạn không khí cho" in text
