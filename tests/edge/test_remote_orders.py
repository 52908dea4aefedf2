# SPDX-License-Identifier: Apache-2.0
"""Orders from afar: whatever is not signed, fresh, next and for this farm is refused, with its reason written down."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import remote_orders as words
from edge.config import parse
from edge.config_exchange import Issuer
from edge.live import Outcome
from edge.order_taking import HEARD_FILE, STRANGE_MAX, OrderTaking
from edge.remote_orders import Heard, Judge
from edge.toml_reader import SettingsRefused
from telemetry.records import AnyRecord, Event
from telemetry.remote_orders import Order, OrderAnswer, OrderRefused, digest, public_text, read_answer, sign
from tests.support.waiting import until

NOW = 1_795_316_712_000
HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ISSUER = Issuer("htx-1", public_text(HUB.public_key()), "operator", ("valve-1", "valve-2"))
NOBODY = Heard({})


def order(**changes: Any) -> Order:
    plain = Order(
        "htx-1", 7, 5, "anh-ba", "da-lat-1", NOW - 1000, NOW + 30_000, "Chị Lan", "operator", "hold", "valve-1",
        level=1.0, seconds=300.0,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def judge(payload: bytes, heard: Heard = NOBODY, wall_ms: int = NOW, *, clock_ok: bool = True) -> Order:
    one = Judge("anh-ba", "da-lat-1", (ISSUER,))
    issuer, found = one.verify(payload)
    one.allow(issuer, found, heard, wall_ms, clock_ok=clock_ok)
    return found


def refusal(payload: bytes, heard: Heard = NOBODY, wall_ms: int = NOW, *, clock_ok: bool = True) -> str:
    with pytest.raises(OrderRefused) as caught:
        judge(payload, heard, wall_ms, clock_ok=clock_ok)
    return caught.value.code


def test_an_order_in_order_is_heard() -> None:
    assert judge(sign(order(), HUB), Heard({"htx-1": (7, 4)})) == order()
    assert judge(sign(order(epoch=8, seq=1), HUB), Heard({"htx-1": (7, 400)})).epoch == 8


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"edge": "da-lat-2"}, words.OTHER_EDGE),
        ({"member": "anh-tu"}, words.OTHER_EDGE),
        ({"issuer": "htx-2"}, words.WRONG_ISSUER),
        ({"expires_ms": NOW}, words.EXPIRED),
        ({"issued_ms": NOW + 61_000, "expires_ms": NOW + 90_000}, words.FROM_FUTURE),
        ({"expires_ms": NOW + 300_000}, words.TOO_LONG),
        ({"issued_ms": NOW + 30_000}, words.TOO_LONG),
        ({"epoch": 6, "seq": 99}, words.OLD_EPOCH),
        ({"seq": 4}, words.NOT_NEXT),
        ({"seq": 3}, words.NOT_NEXT),
        ({"role": "technician"}, words.ROLE_TOO_HIGH),
        ({"role": "admin"}, words.ROLE_TOO_HIGH),
        ({"output": "pump-1"}, words.NOT_THIS_OUTPUT),
        ({"call": "stop", "output": "pump-1"}, words.NOT_THIS_OUTPUT),
    ],
)
def test_what_may_not_be_heard_says_why(changes: dict[str, Any], reason: str) -> None:
    assert refusal(sign(order(**changes), HUB), Heard({"htx-1": (7, 4)})) == reason


def test_a_farm_that_does_not_know_the_time_hears_nobody() -> None:
    assert refusal(sign(order(), HUB), clock_ok=False) == words.NO_CLOCK


def test_a_key_that_the_farm_does_not_name_and_a_forged_signature_are_refused() -> None:
    assert refusal(sign(order(), OTHER)) == words.UNREADABLE[3]
    one, two = msgspec.msgpack.decode(sign(order(), HUB)), msgspec.msgpack.decode(sign(order(seq=6), HUB))
    assert refusal(msgspec.msgpack.encode([1, one[1], one[2], two[3]])) == words.UNREADABLE[4]
    assert refusal(msgspec.msgpack.encode([2, *one[1:]])) == words.UNREADABLE[2]
    assert refusal(b"\x00" * 5000) == words.UNREADABLE[0]
    # the same bytes signed without our domain are another thing, whoever signed them
    assert refusal(msgspec.msgpack.encode([1, one[1], one[2], HUB.sign(one[2])])) == words.UNREADABLE[4]


def test_no_change_of_any_byte_gets_through() -> None:
    """Five thousand changed, cut, spliced and repeated payloads: not one is heard."""
    chance = random.Random(20261122)
    good = sign(order(), HUB)
    bodies = [good, sign(order(edge="da-lat-2"), HUB), sign(order(seq=9, expires_ms=NOW), HUB)]
    heard = Heard({"htx-1": (7, 5)})
    reasons: dict[str, int] = {}
    for _ in range(5_000):
        payload = bytearray(chance.choice(bodies))
        match chance.randrange(5):
            case 0:
                payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
            case 1:
                del payload[chance.randrange(len(payload)) :]
            case 2:
                at = chance.randrange(len(payload))
                payload[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 3:
                other = chance.choice(bodies)
                at = chance.randrange(len(payload))
                payload[at:] = other[at:]
        reason = refusal(bytes(payload), heard)
        reasons[reason] = reasons.get(reason, 0) + 1
    assert set(reasons) <= {*words.UNREADABLE, words.OTHER_EDGE, words.EXPIRED, words.NOT_NEXT}
    assert reasons[words.NOT_NEXT] > 250


class Farm:
    """What an agent is to OrderTaking: a clock, a record and a desk."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.on_disk_before_acting: list[bool] = []
        self.boot = SimpleNamespace(mono_ms=lambda: 1000, wall=lambda: (NOW, True))
        self.desk = self
        self.file = Path()

    def record(self, records: Sequence[AnyRecord]) -> None:
        self.records += records

    async def order(self, call: str, args: dict[str, Any], origin: str) -> Outcome:
        self.asked.append((call, args, origin))
        self.on_disk_before_acting.append(
            msgspec.json.decode(self.file.read_bytes()) == {"htx-1": [args["epoch"], args["seq"]]}
        )
        if args["seq"] == 99:
            raise TimeoutError
        if args.get("output") == "valve-2":
            return Outcome("refused", "the tank is empty", {"level": 0.1})
        return Outcome("done", command="c-1")

    def events(self, kind: str) -> list[Event]:
        return [record for record in self.records if isinstance(record, Event) and record.kind == kind]


async def played(folder: Path, farm: Farm, payloads: Sequence[bytes]) -> list[OrderAnswer]:
    """Give the answers to payloads that come one after the other."""
    farm.file = folder / HEARD_FILE
    answers: list[OrderAnswer] = []
    taking = OrderTaking(
        Judge("anh-ba", "da-lat-1", (ISSUER,)), folder, lambda data: answers.append(read_answer(data)), lambda: 5.0
    )
    ear = asyncio.create_task(taking.run(farm))  # type: ignore[arg-type]
    try:
        for payload in payloads:
            count = len(answers)
            await taking.take(payload)
            await until(lambda count=count: len(answers) > count, "the answer", 5.0)  # type: ignore[misc]
            await asyncio.sleep(0)
    finally:
        ear.cancel()
        await asyncio.gather(ear, return_exceptions=True)
    return answers


async def test_an_order_is_written_down_before_it_acts_and_answered_with_what_became_of_it(tmp_path: Path) -> None:
    farm = Farm()
    done, refused = await played(
        tmp_path, farm, [sign(order(), HUB), sign(order(seq=6, output="valve-2"), HUB)]
    )  # fmt: skip
    assert farm.asked[0] == (
        "hold",
        {"output": "valve-1", "level": 1.0, "seconds": 300.0, "person": "Chị Lan (htx-1)", "role": "operator",
         "issuer": "htx-1", "epoch": 7, "seq": 5},
        "remote",
    )  # fmt: skip
    assert farm.on_disk_before_acting == [True, True]
    assert (done.outcome, done.command, done.order) == ("done", "c-1", digest(sign(order(), HUB)))
    assert (refused.outcome, refused.detail, refused.fields) == ("refused", "the tank is empty", {"level": 0.1})
    told = farm.events("order.remote")
    assert [event.fields["outcome"] for event in told] == ["done", "refused"]
    assert told[1].person == "Chị Lan"
    assert told[1].fields["reason"] == "the tank is empty"


async def test_a_loop_that_is_silent_is_an_answer_too(tmp_path: Path) -> None:
    farm = Farm()
    (answer,) = await played(tmp_path, farm, [sign(order(seq=99), HUB)])
    assert (answer.outcome, answer.detail) == ("failed", words.LOOP_SILENT)
    assert farm.events("order.remote")[0].fields["outcome"] == "failed"


async def test_the_same_bytes_again_are_answered_and_not_done_again(tmp_path: Path) -> None:
    farm = Farm()
    payload = sign(order(), HUB)
    answers = await played(tmp_path, farm, [payload, payload, payload])
    assert [answer.outcome for answer in answers] == ["done", "done", "done"]
    assert len(farm.asked) == 1
    assert [event.fields["reason"] for event in farm.events("order.refused")] == [words.REPEATED]


async def test_after_a_restart_an_order_is_not_heard_again(tmp_path: Path) -> None:
    await played(tmp_path, Farm(), [sign(order(), HUB)])
    farm = Farm()
    (answer,) = await played(tmp_path, farm, [sign(order(), HUB)])
    assert (answer.outcome, answer.detail) == ("refused", words.NOT_NEXT)
    assert farm.asked == []
    assert farm.events("order.remote")[0].fields["reason"] == words.NOT_NEXT


async def test_a_flood_of_strange_orders_does_not_flood_the_log(tmp_path: Path) -> None:
    farm = Farm()
    answers = await played(tmp_path, farm, [sign(order(seq=at), OTHER) for at in range(1, 51)])
    assert {answer.outcome for answer in answers} == {"refused"}
    assert len(farm.events("order.refused")) == STRANGE_MAX
    assert farm.asked == []


async def test_no_more_than_a_few_orders_wait(tmp_path: Path) -> None:
    answers: list[OrderAnswer] = []
    taking = OrderTaking(
        Judge("anh-ba", "da-lat-1", (ISSUER,)), tmp_path, lambda data: answers.append(read_answer(data)), lambda: 5.0
    )
    for seq in range(1, 30):
        await taking.take(sign(order(seq=seq), HUB))
    assert {answer.detail for answer in answers} == {words.TOO_MANY}
    assert len(answers) == 29 - 16


FARM = (Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml").read_text(encoding="utf-8")
UPLINK = '\n[uplink]\nhost = "127.0.0.1"\nmember = "anh-ba"\n'


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(SettingsRefused) as caught:
        parse(FARM + text)
    return [(problem.path, problem.text()) for problem in caught.value.problems]


def test_an_issuer_of_farm_toml_is_checked() -> None:
    issuer = f'\n[[issuer]]\nname = "htx-1"\nkey = "{ISSUER.key}"\noutputs = ["pepper-1-vent"]\n'
    assert parse(FARM + UPLINK + issuer).exchange.issuers[0].outputs == ("pepper-1-vent",)
    assert problems(issuer) == [("issuer[0]", "orders from afar come through the hub: write [uplink]")]
    ((path, text),) = problems(UPLINK + issuer.replace(ISSUER.key, "ed25519:AAAA"))
    assert path == "issuer[0].key"
    assert "vuon-hub command key" in text
    ((path, _),) = problems(UPLINK + issuer.replace("pepper-1-vent", "pump-9"))
    assert path == "issuer[0].outputs"
    assert {path for path, _ in problems(UPLINK + issuer + issuer)} == {"issuer[1].name", "issuer[1].key"}
    ((path, _),) = problems(UPLINK + issuer + 'role = "owner"\n')
    assert path == "issuer[0].role"
