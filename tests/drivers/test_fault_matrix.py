# SPDX-License-Identifier: Apache-2.0
"""A hundred thousand disturbed exchanges over every kind of fault, and not one wrong value."""

import subprocess
import sys

import msgspec
import pytest

from drivers.sim.faults import KINDS, Disturbance, echoed
from drivers.sim.line import Emission, Exchange, plain
from drivers.sim.trial import Trial, Verdict

# Faulty exchanges, seed, byte by byte: in processes of their own, so that both cores of a small machine are of use.
PARTS = ((45_000, 11, False), (45_000, 13, False), (10_000, 12, True))
JUDGE = "import msgspec; from drivers.sim.trial import judged; print(msgspec.json.encode(judged{part}).decode())"


@pytest.mark.slow
def test_no_fault_of_a_hundred_thousand_makes_a_wrong_value() -> None:
    assert len(KINDS) >= 40
    assert sum(faulty for faulty, _, _ in PARTS) >= 100_000
    judges = [subprocess.Popen([sys.executable, "-c", JUDGE.format(part=p)], stdout=subprocess.PIPE) for p in PARTS]
    told = [judge.communicate()[0] for judge in judges]
    for (faulty, _, _), text in zip(PARTS, told, strict=True):
        verdict = msgspec.json.decode(text, type=Verdict)
        assert verdict.faulty >= faulty
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
