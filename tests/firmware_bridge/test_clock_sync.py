# SPDX-License-Identifier: Apache-2.0
"""The board's clock in host time: offset, drift, wrap and slow exchanges."""

import random

import pytest

from firmware_bridge.clock_sync import WRAP_US, ClockSync


def filled(rate: float, seconds: int, start_us: int = 5_000_000, late_share: float = 0.0) -> ClockSync:
    chance = random.Random(3)
    clock = ClockSync()
    for second in range(0, seconds, 2):
        host = 1000.0 + second
        delay = 0.006 + chance.random() * 0.002
        late = 0.4 if chance.random() < late_share else 0.0
        board = start_us + round(second * 1e6 * rate)
        clock.exchange(host - delay / 2 - late, host + delay / 2, board % WRAP_US)
    return clock


@pytest.mark.parametrize("rate", [1.0, 1.005, 0.995])
def test_finds_a_resonators_error(rate: float) -> None:
    clock = filled(rate, 600)
    assert clock.rate == pytest.approx(1 / rate, abs=2e-5)
    assert clock.host_time(5_000_000 + round(590e6 * rate)) == pytest.approx(1590.0, abs=0.002)


def test_slow_exchanges_do_not_pull_the_line() -> None:
    clock = filled(1.0, 600, late_share=0.3)
    assert clock.host_time(5_000_000 + 500_000_000) == pytest.approx(1500.0, abs=0.003)


def test_goes_on_through_the_wrap_of_32_bits() -> None:
    clock = filled(1.0, 600, start_us=WRAP_US - 300_000_000)
    assert clock.host_time((WRAP_US - 300_000_000 + 590_000_000) % WRAP_US) == pytest.approx(1590.0, abs=0.002)
    assert clock.host_time(WRAP_US - 1_000_000) == pytest.approx(1299.0, abs=0.002)


def test_one_exchange_is_enough_to_begin() -> None:
    clock = ClockSync()
    assert not clock.ready
    clock.exchange(10.0, 10.01, 2_000_000)
    assert clock.ready
    assert clock.host_time(3_000_000) == pytest.approx(11.005)


def test_board_time_is_the_inverse() -> None:
    clock = filled(1.003, 300)
    assert clock.host_time(round(clock.board_us(1290.0))) == pytest.approx(1290.0, abs=1e-5)


def test_a_restart_forgets() -> None:
    clock = filled(1.005, 300)
    clock.reset()
    assert not clock.ready
    assert clock.rate == 1.0
