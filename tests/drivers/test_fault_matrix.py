# SPDX-License-Identifier: Apache-2.0
"""A hundred thousand disturbed exchanges over every kind of fault, and not one wrong value."""

import pytest

from drivers.sim.faults import KINDS, Disturbance, echoed
from drivers.sim.line import Emission, Exchange, plain
from drivers.sim.trial import Trial, Verdict

SHARE = 0.8


def _judged(faulty: int, seed: int, *, byte_by_byte: bool) -> Verdict:
    disturbance = Disturbance(SHARE)
    trial = Trial(disturbance, seed=seed, byte_by_byte=byte_by_byte)
    return trial.run(faulty, disturbance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "faulty", "byte_by_byte"), [(11, 90_000, False), (12, 10_000, True)], ids=["pieces", "byte by byte"]
)
def test_no_fault_makes_a_wrong_value(seed: int, faulty: int, byte_by_byte: bool) -> None:
    verdict = _judged(faulty, seed, byte_by_byte=byte_by_byte)
    assert len(KINDS) >= 40
    assert min(verdict.by_kind.values()) > faulty / len(KINDS) / 2
    assert verdict.wrong == []
    assert verdict.answers > verdict.requests * 0.15, "what can be read is read"
    assert verdict.writes_done > 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_alone_is_survived(kind: str) -> None:
    disturbance = Disturbance(0.3, {kind: KINDS[kind]})
    verdict = Trial(disturbance, seed=5).run(60, disturbance)
    assert verdict.wrong == []
    assert verdict.answers > verdict.requests * 0.3
    assert verdict.writes_done > 0


def test_the_judge_sees_a_wrong_value() -> None:
    def lying(exchange: Exchange) -> list[Emission]:
        exchange.ask()  # asked twice: the values heard are not those of the last asking
        answer = plain(exchange)
        exchange.ask()
        return answer

    disturbance = Disturbance(1.0, {"lying": lying})
    assert Trial(disturbance, seed=1).run(20, disturbance).wrong


def test_an_adapter_that_echoes_comes_and_goes_unharmed() -> None:
    quiet = Disturbance(0.05)
    heard = {"echo": False}

    def line(exchange: Exchange) -> list[Emission]:
        if exchange.line.requests % 400 == 0:
            heard["echo"] = not heard["echo"]
        return echoed(exchange, quiet) if heard["echo"] else quiet(exchange)

    trial = Trial(line, seed=3)
    verdict = trial.run(400, quiet)
    assert verdict.wrong == []
    assert verdict.answers > verdict.requests * 0.7
    assert verdict.writes_done > 0.6 * trial.now_s / 0.4
