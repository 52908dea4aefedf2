# SPDX-License-Identifier: Apache-2.0
"""The agent's event loop outlives a descriptor that was closed behind its back."""

import asyncio
import os

from drivers.bus import fine_timer_loop
from drivers.patient_selector import PatientSelector


def test_a_socket_closed_by_someone_else_does_not_end_the_loop() -> None:
    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        (lost, lost_end), (kept, kept_end) = os.pipe(), os.pipe()
        heard: list[bytes] = []
        loop.add_reader(lost, heard.append, b"never")
        loop.add_reader(kept, lambda: heard.append(os.read(kept, 1)))
        os.close(lost)
        await asyncio.sleep(0)
        os.write(kept_end, b"x")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not loop.remove_reader(lost)
        loop.remove_reader(kept)
        for one in (lost_end, kept, kept_end):
            os.close(one)
        return heard

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        assert runner.run(main()) == [b"x"]


def test_only_the_lost_one_is_forgotten() -> None:
    selector = PatientSelector()
    (lost, lost_end), (kept, kept_end) = os.pipe(), os.pipe()
    for one in (lost, kept):
        selector.register(one, 1)
    os.close(lost)
    os.write(kept_end, b"x")
    assert selector.select(0.1) == []
    assert [key.fd for key, _ in selector.select(0.1)] == [kept]
    selector.close()
    for one in (lost_end, kept, kept_end):
        os.close(one)


def test_of_looks_without_waiting_every_second_one_is_left_out_and_a_wait_never() -> None:
    selector = PatientSelector()
    ready, end = os.pipe()
    selector.register(ready, 1)
    os.write(end, b"x")
    assert [bool(selector.select(0.0)) for _ in range(6)] == [False, True] * 3
    assert [bool(selector.select(wait)) for wait in (0.0, 5.0, None, 0.0, 0.0)] == [False, True, True, False, True]
    selector.close()
    for one in (ready, end):
        os.close(one)
