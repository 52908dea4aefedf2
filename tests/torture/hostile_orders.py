# SPDX-License-Identifier: Apache-2.0
"""Hostile sequences of orders at the farm's gate: replayed, reordered, expired, of an old epoch, of a wrong role (H14).

    python -m tests.torture.hostile_orders --count 100000

The rule it keeps: what may have an effect is counted here by a model of its own (a handful of sentences, ``may``); an
order that may not must leave overrides, maintenance, resets and the record as they were.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controllers.settings import OutputSettings, SafetyLimits
from edge.config_exchange import Issuer
from edge.orders import Orders
from edge.remote_orders import Heard, Judge
from edge.seen_orders import Giver
from telemetry.records import AnyRecord
from telemetry.remote_orders import Order, OrderRefused, public_text, sign
from tests.torture.asked import count_and_seed

START_MS: Final = 1_795_316_712_000
OURS: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGE: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ISSUER: Final = Issuer("htx-1", public_text(OURS.public_key()), "operator", ("valve-1", "valve-2"))
OUTPUTS: Final = {
    "valve-1": OutputSettings("valve-1", "valve", "zone-1", max_on_s=600.0),
    "valve-2": OutputSettings("valve-2", "valve", "zone-2", max_on_s=600.0),
    "pump-1": OutputSettings("pump-1", "pump", "line-1", max_on_s=600.0),
}
ATTACKS: Final = (
    "replayed", "reordered", "expired", "future", "endless", "old epoch", "wrong role", "wrong output", "wrong farm",
    "wrong issuer", "strange key", "damaged", "half open", "too long", "local viewer", "local replay",
    "local old epoch", "local unknown", "local endless", "local no number",
)  # fmt: skip


class Verdict(NamedTuple):
    """What became of the sequences: ``effects`` tells of orders that acted and might not, or the other way round."""

    sequences: int
    orders: int
    heard: int
    attacks: Counter[str]
    effects: list[str]


class Gate:
    """The farm's two ears, from afar and from the console, before one set of orders."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.records: list[AnyRecord] = []
        self.heard = Heard({})
        self._judge = Judge("anh-ba", "da-lat-1", (ISSUER,))
        limits = SafetyLimits(override_max_s=3600.0)
        self.orders = Orders(OUTPUTS, {"zone-1/soil_moisture"}, limits, lambda: self.now_ms - START_MS, self._record)

    def _record(self, records: Sequence[AnyRecord]) -> None:
        self.records.extend(records)

    def state(self) -> tuple[object, ...]:
        """Give all that an order can change."""
        held = tuple(sorted((name, one.level, one.until_ms) for name, one in self.orders.overrides.items()))
        return held, tuple(self.orders.maintenance), tuple(self.orders.locks), len(self.records)

    def afar(self, payload: bytes) -> None:
        """Take bytes as the uplink does."""
        try:
            issuer, order = self._judge.verify(payload)
            self._judge.allow(issuer, order, self.heard, self.now_ms, clock_ok=True)
        except OrderRefused:
            return
        self.heard = self.heard.after(order)
        giver = Giver(order.person, order.role, "remote", order.issuer, order.epoch, order.seq)
        if order.call == "hold":
            self.orders.hold(order.output, order.level, order.seconds, giver)
        else:
            self.orders.stop(order.output, giver)


class Attacker:
    """Sends good orders and, between them, bad ones; remembers what went over the line."""

    def __init__(self, gate: Gate, dice: random.Random) -> None:
        self._gate = gate
        self._dice = dice
        self._sent: list[bytes] = []
        self._kept_back: list[bytes] = []
        self._late: list[bytes] = []  # kept back, and a later one has been delivered since
        self._seq = 0
        self._local = 0
        self.surprises: list[str] = []

    def good(self, **changes: object) -> Order:
        """Make an order that may act now."""
        now = self._gate.now_ms
        self._seq += 1
        plain = Order(
            "htx-1", 7, self._seq, "anh-ba", "da-lat-1", now - 500, now + 20_000, "lan", "operator", "hold",
            self._dice.choice(("valve-1", "valve-2")), level=1.0, seconds=float(self._dice.randrange(1, 600)),
        )  # fmt: skip
        return msgspec.structs.replace(plain, **changes)

    def honest(self) -> bool:
        """Give a good order; sometimes one that never arrives (somebody keeps it back). True when it was delivered."""
        payload = sign(self.good(), OURS)
        if self._dice.random() < 0.3:
            self._kept_back.append(payload)
            return False
        self._sent.append(payload)
        self._late, self._kept_back = [*self._late, *self._kept_back], []
        self._gate.afar(payload)
        return True

    def attack(self, kind: str) -> bool:
        """Do one bad thing; False when there was nothing to do it with."""
        if kind.startswith("local"):
            return self._local_attack(kind)
        gate, dice = self._gate, self._dice
        now = gate.now_ms
        if kind == "replayed" and self._sent:
            gate.afar(dice.choice(self._sent))
            return True
        if kind == "reordered" and self._late:
            gate.afar(self._late.pop(0))
            return True
        bad: dict[str, dict[str, object]] = {
            "expired": {"issued_ms": now - 30_000, "expires_ms": now - dice.randrange(0, 9_000)},
            "future": {"issued_ms": now + 61_000, "expires_ms": now + 62_000},
            "endless": {"expires_ms": now + 10**9},
            "old epoch": {"epoch": dice.randrange(1, 7)},
            "wrong role": {"role": dice.choice(("technician", "admin"))},
            "wrong output": {"output": dice.choice(("pump-1", "valve-9"))},
            "wrong farm": {"edge": "da-lat-2"} if dice.random() < 0.5 else {"member": "anh-tu"},
            "wrong issuer": {"issuer": "htx-2"},
            "strange key": {},
            "damaged": {},
            "half open": {"level": 0.5},
            "too long": {"seconds": 700.0},
        }
        if kind not in bad or (kind == "old epoch" and not self._sent):
            return False
        payload = bytearray(sign(self.good(**bad[kind]), STRANGE if kind == "strange key" else OURS))
        if kind == "damaged":
            payload[dice.randrange(len(payload))] ^= 1 << dice.randrange(8)
        gate.afar(bytes(payload))
        return True

    def _local_attack(self, kind: str) -> bool:
        orders = self._gate.orders
        self._local += 1
        phone = Giver("lan", "operator", "manual", "phone", 3, self._local)
        if kind == "local replay":
            orders.hold("valve-1", 1.0, 60.0, phone)
            before = self._gate.state()
            orders.hold("valve-1", 0.0, 500.0, phone)
            orders.stop("valve-1", phone)
            return before == self._gate.state() or self._told("an order with a number heard before acted")
        if kind == "local old epoch":
            orders.hold("valve-2", 1.0, 60.0, phone)
            before = self._gate.state()
            orders.hold("valve-2", 0.0, 60.0, Giver("lan", "operator", "manual", "phone", 2, 10_000 + self._local))
            return before == self._gate.state() or self._told("an order of an old epoch acted")
        match kind:
            case "local viewer":
                role = self._dice.choice(("viewer", "", "root", "Operator"))
                orders.hold("valve-1", 1.0, 60.0, Giver("eve", role))
                orders.work_at("zone-1", 60.0, Giver("eve", "operator"))
                orders.reset("zone-1", Giver("eve", role))
            case "local unknown":
                orders.hold("moon", 1.0, 60.0, phone)
            case "local endless":
                orders.hold("valve-1", 1.0, self._dice.choice((float("inf"), float("nan"), 1e9, -1.0, 0.0)), phone)
            case _:
                orders.hold("valve-1", self._dice.choice((float("nan"), float("inf"), -1.0, 2.0, 0.5)), 60.0, phone)
        return True

    def _told(self, what: str) -> bool:
        self.surprises.append(what)
        return True


def _sequence(dice: random.Random, counted: Counter[str], effects: list[str]) -> tuple[int, int]:
    """Play one sequence; give how many orders it had and how many good ones were heard."""
    gate = Gate()
    attacker = Attacker(gate, dice)
    orders = heard = 0
    for _ in range(dice.randrange(4, 9)):
        gate.now_ms += dice.randrange(0, 4_000)
        orders += 1
        before = gate.state()
        if dice.random() < 0.35:
            delivered = attacker.honest()
            heard += delivered
            if (gate.state() != before) is not delivered:
                effects.append("a good order that arrived did not act, or one that did not arrive did")
            continue
        kind = dice.choice(ATTACKS)
        if attacker.attack(kind):
            counted[kind] += 1
            if kind not in {"local replay", "local old epoch"} and gate.state() != before:
                effects.append(f"{kind}: {before} became {gate.state()}")
    effects += attacker.surprises
    return orders, heard


def try_sequences(count: int, seed: int) -> Verdict:
    """Play ``count`` sequences against a new gate each."""
    dice = random.Random(seed)
    counted: Counter[str] = Counter()
    effects: list[str] = []
    orders = heard = 0
    for _ in range(count):
        more, good = _sequence(dice, counted, effects)
        orders, heard = orders + more, heard + good
    return Verdict(count, orders, heard, counted, effects)


def main() -> int:
    """Play many sequences and tell."""
    verdict = try_sequences(*count_and_seed(__doc__, 100_000))
    for told in verdict.effects[:20]:
        print(told, file=sys.stderr)
    print(json.dumps(verdict._asdict() | {"effects": len(verdict.effects)}))
    return 1 if verdict.effects else 0


if __name__ == "__main__":
    sys.exit(main())
