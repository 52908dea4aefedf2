# SPDX-License-Identifier: Apache-2.0
"""Guessing gets slower and slower, and the farmer is never shut out for long."""

from edge.login_guard import FORGET_S, LONGEST_WAIT_S, MAX_REMEMBERED, LoginGuard

KEYS = ("name:lan", "from:10.0.0.7")


def test_the_wait_doubles_after_five_tries_and_has_an_end() -> None:
    guard = LoginGuard()
    waits: list[float] = []
    now = 0.0
    for _ in range(20):
        waits.append(guard.wait_s(KEYS, now))
        now += waits[-1]
        guard.failed(KEYS, now)
    assert waits[:8] == [0, 0, 0, 0, 0, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT_S


def test_a_thousand_tries_take_more_than_a_week() -> None:
    guard = LoginGuard()
    now = 0.0
    for _ in range(1000):
        now += guard.wait_s(KEYS, now)
        guard.failed(KEYS, now)
    assert now > 7 * 86400


def test_either_key_alone_slows_down() -> None:
    guard = LoginGuard()
    for n in range(6):
        guard.failed((f"name:{n}", "from:10.0.0.7"), 0.0)
    assert guard.wait_s(("name:other", "from:10.0.0.7"), 0.0) > 0
    assert guard.wait_s(("name:0", "from:10.0.0.8"), 0.0) == 0


def test_the_right_password_and_an_hour_forget() -> None:
    guard = LoginGuard()
    for _ in range(8):
        guard.failed(KEYS, 0.0)
    guard.failed(KEYS, FORGET_S + 1)
    assert guard.wait_s(KEYS, FORGET_S + 1) == 0
    for _ in range(8):
        guard.failed(KEYS, FORGET_S + 1)
    guard.passed(KEYS)
    assert guard.wait_s(KEYS, FORGET_S + 1) == 0


def test_many_addresses_do_not_fill_the_memory() -> None:
    guard = LoginGuard()
    for n in range(3 * MAX_REMEMBERED):
        guard.failed((f"from:{n}",), 0.0)
    assert len(guard._tries) == MAX_REMEMBERED
