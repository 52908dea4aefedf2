# SPDX-License-Identifier: Apache-2.0
"""Judges orders from afar before anything acts on them: who signed, for whom, how fresh, never twice.

The rule it keeps: no I/O and no clock of its own. An order is heard once, in the order of its numbers, from an
issuer that farm.toml names, for this edge, within its life, as far as the issuer's role and outputs reach; and only
while the wall clock is known to be right, for else nobody can say whether it is still alive.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.config_exchange import Issuer
from edge.users import ROLES
from pages.words import N_
from telemetry.remote_orders import Order, OrderAnswer, OrderRefused, digest, fingerprint, open_order, read_public

LIFE_MAX_MS: Final = 300_000
AHEAD_MAX_MS: Final = 60_000
ANSWERS_KEPT: Final = 256

NO_CLOCK: Final = N_("the farm does not know the time, so it cannot tell whether the order is still alive")
OTHER_EDGE: Final = N_("the order is for another farm")
WRONG_ISSUER: Final = N_("the order names an issuer that is not the owner of its key")
EXPIRED: Final = N_("the order came too late")
FROM_FUTURE: Final = N_("the order comes from the future; compare the clocks")
TOO_LONG: Final = N_("the order lives too long")
OLD_EPOCH: Final = N_("the order is of an earlier counting of its issuer")
NOT_NEXT: Final = N_("an order with this or a later number was heard before")
ROLE_TOO_HIGH: Final = N_("the issuer may not give orders of this role")
NOT_THIS_OUTPUT: Final = N_("the issuer may not command this output")
TOO_MANY: Final = N_("too many orders wait; give it again in a moment")
LOOP_SILENT: Final = N_("the control loop did not answer in time")
REPEATED: Final = N_("the same order came again; it was answered as before")
# What telemetry.remote_orders finds, and tells in these words.
UNREADABLE: Final = (
    N_("the order is too large"),
    N_("these bytes are no order"),
    N_("the order is of a version that is not known here"),
    N_("the order is signed with a key that farm.toml does not name"),
    N_("the order's signature is wrong"),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last numbers heard of each issuer: (epoch, seq)."""

    last: Mapping[str, tuple[int, int]]

    def after(self, order: Order) -> "Heard":
        """Give the same with this order heard too."""
        return Heard({**self.last, order.issuer: (order.epoch, order.seq)})


class Judge:
    """Says of each order's bytes whether they may be acted on."""

    def __init__(self, member: str, edge: str, issuers: Sequence[Issuer]) -> None:
        """Take the farm's names and the issuers of farm.toml; their keys were checked with the file."""
        self._member = member
        self._edge = edge
        self._keys = {fingerprint(key): key for key in (read_public(issuer.key) for issuer in issuers)}
        self._issuers = {fingerprint(read_public(issuer.key)): issuer for issuer in issuers}

    def verify(self, payload: bytes) -> tuple[Issuer, Order]:
        """Give who signed, and the order; OrderRefused when nobody whom farm.toml names did."""
        key, order = open_order(payload, self._keys)
        return self._issuers[key], order

    def allow(self, issuer: Issuer, order: Order, heard: Heard, wall_ms: int, *, clock_ok: bool) -> None:
        """Return when a verified order may be acted on now; OrderRefused says why not."""
        if order.issuer != issuer.name:
            raise OrderRefused(WRONG_ISSUER, f"{order.issuer}, key of {issuer.name}")
        if (order.member, order.edge) != (self._member, self._edge):
            raise OrderRefused(OTHER_EDGE, f"{order.member}/{order.edge}")
        if not clock_ok:
            raise OrderRefused(NO_CLOCK)
        if not 0 < order.expires_ms - order.issued_ms <= LIFE_MAX_MS:
            raise OrderRefused(TOO_LONG, f"{(order.expires_ms - order.issued_ms) / 1000:g} s")
        if order.issued_ms > wall_ms + AHEAD_MAX_MS:
            raise OrderRefused(FROM_FUTURE, f"{(order.issued_ms - wall_ms) / 1000:.0f} s")
        if order.expires_ms <= wall_ms:
            raise OrderRefused(EXPIRED, f"{(wall_ms - order.expires_ms) / 1000:.0f} s")
        epoch, seq = heard.last.get(order.issuer, (0, 0))
        if order.epoch < epoch:
            raise OrderRefused(OLD_EPOCH, f"{order.epoch} after {epoch}")
        if order.epoch == epoch and order.seq <= seq:
            raise OrderRefused(NOT_NEXT, f"{order.seq} after {seq}")
        if ROLES[order.role] > ROLES[issuer.role]:
            raise OrderRefused(ROLE_TOO_HIGH, f"{order.role}, {issuer.role}")
        if order.call in {"hold", "stop"} and issuer.outputs and order.output not in issuer.outputs:
            raise OrderRefused(NOT_THIS_OUTPUT, order.output)


class Answers:
    """What was answered lately, by the digest of the order's bytes; None while it is being carried out."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, OrderAnswer | None] = OrderedDict()

    def known(self, payload: bytes) -> bool:
        """Say whether exactly these bytes came before."""
        return digest(payload) in self._kept

    def given(self, payload: bytes) -> OrderAnswer | None:
        """Give what was answered to exactly these bytes; None when nothing was yet."""
        return self._kept.get(digest(payload))

    def has(self, name: bytes) -> bool:
        """Say whether the bytes of this digest are remembered."""
        return name in self._kept

    def begin(self, payload: bytes) -> None:
        """Note that an order is being carried out."""
        self._keep(digest(payload), None)

    def end(self, answer: OrderAnswer) -> None:
        """Note an answer; the oldest are forgotten."""
        self._keep(answer.order, answer)

    def _keep(self, name: bytes, answer: OrderAnswer | None) -> None:
        self._kept[name] = answer
        self._kept.move_to_end(name)
        if len(self._kept) > ANSWERS_KEPT:
            self._kept.popitem(last=False)
