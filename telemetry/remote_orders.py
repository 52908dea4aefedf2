# SPDX-License-Identifier: Apache-2.0
"""Orders from afar as bytes: signed by whoever issues them, and the answer that comes back.

The rule it keeps: nothing of an order is read before its signature (Ed25519, RFC 8032) has been verified with a key
that the farm's owner wrote down; an order names its one edge, counts on (epoch, seq) and dies by itself.
"""

import base64
import binascii
import hashlib
import re
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta

VERSION: Final = 1
ORDER_MAX: Final = 2_048
ANSWER_MAX: Final = 4_096
SIGNATURE_BYTES: Final = 64
KEY_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 8
DIGEST_BYTES: Final = 16
KEY_TEXT: Final = re.compile(r"^ed25519:[A-Za-z0-9+/]{43}=$")
# What is signed begins with this, so that no other signed thing of ours can ever be taken for an order.
_DOMAIN: Final = b"vuon order 1\0"

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
NameOrNone = Annotated[str, Meta(pattern=r"^([a-z][a-z0-9-]{0,31})?$")]
Person = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[int, Meta(ge=1, lt=1 << 48)]
WallMs = Annotated[int, Meta(ge=0, lt=1 << 48)]
Call = Literal["hold", "stop", "maintain", "reset"]
PersonsRole = Literal["operator", "technician", "admin"]


class OrderRefused(ValueError):
    """The bytes are no order that may be heard; ``code`` is a message id."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order. ``hold`` and ``stop`` name an ``output``, ``maintain`` and ``reset`` a ``place``.

    ``seq`` grows within (issuer, epoch); times are UTC, ms since 1970; ``role`` is that of ``person`` there.
    """

    issuer: Name
    epoch: Number
    seq: Number
    member: Name
    edge: Name
    issued_ms: WallMs
    expires_ms: WallMs
    person: Person
    role: PersonsRole
    call: Call
    output: NameOrNone = ""
    place: NameOrNone = ""
    level: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    seconds: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 0.0


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    key: Annotated[bytes, Meta(min_length=FINGERPRINT_BYTES, max_length=FINGERPRINT_BYTES)]
    body: Annotated[bytes, Meta(max_length=ORDER_MAX)]
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class OrderAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of the order whose bytes have this digest: done, refused, failed; ``detail`` is a message id."""

    order: Annotated[bytes, Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
    outcome: Annotated[str, Meta(max_length=32)]
    detail: Annotated[str, Meta(max_length=400)] = ""
    fields: dict[str, str | float | int | bool] = {}
    command: Annotated[str, Meta(max_length=64)] = ""
    at_ms: WallMs = 0


_encoder = msgspec.msgpack.Encoder()
_signed = msgspec.msgpack.Decoder(_Signed)
_order = msgspec.msgpack.Decoder(Order)
_answer = msgspec.msgpack.Decoder(OrderAnswer)


def public_text(key: Ed25519PublicKey) -> str:
    """Write a public key as it stands in farm.toml."""
    return "ed25519:" + base64.b64encode(key.public_bytes_raw()).decode("ascii")


def read_public(text: str) -> Ed25519PublicKey:
    """Read a public key. ValueError if it is none."""
    if not KEY_TEXT.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no key; it is ed25519: and 44 characters, from: vuon-hub command key")
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.partition(":")[2], validate=True))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def fingerprint(key: Ed25519PublicKey) -> bytes:
    """Name a key in a few bytes; which key it is decides nothing, the signature does."""
    return hashlib.sha256(key.public_bytes_raw()).digest()[:FINGERPRINT_BYTES]


def digest(payload: bytes) -> bytes:
    """Name an order's bytes, for the answer."""
    return hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def sign(order: Order, key: Ed25519PrivateKey) -> bytes:
    """Write an order and sign it. OrderRefused if what it says could not be read again."""
    body = _encoder.encode(order)
    try:
        _order.decode(body)
    except msgspec.ValidationError as error:
        raise OrderRefused("these bytes are no order", str(error)) from None
    return _encoder.encode(_Signed(VERSION, fingerprint(key.public_key()), body, key.sign(_DOMAIN + body)))


def open_order(payload: bytes, keys: dict[bytes, Ed25519PublicKey]) -> tuple[bytes, Order]:
    """Verify an order and read it; give the fingerprint of the key that signed it. OrderRefused says why not."""
    if len(payload) > ORDER_MAX:
        raise OrderRefused("the order is too large", f"{len(payload)} bytes, at most {ORDER_MAX}")
    try:
        signed = _signed.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderRefused("these bytes are no order", str(error)) from None
    if signed.version != VERSION:
        raise OrderRefused("the order is of a version that is not known here", str(signed.version))
    key = keys.get(signed.key)
    if key is None:
        raise OrderRefused("the order is signed with a key that farm.toml does not name", signed.key.hex())
    try:
        key.verify(signed.signature, _DOMAIN + signed.body)
    except InvalidSignature:
        raise OrderRefused("the order's signature is wrong", signed.key.hex()) from None
    try:
        return signed.key, _order.decode(signed.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderRefused("these bytes are no order", str(error)) from None


def write_answer(answer: OrderAnswer) -> bytes:
    """Write an answer."""
    return _encoder.encode(answer)


def read_answer(payload: bytes) -> OrderAnswer:
    """Read an answer. OrderRefused if it is none."""
    if len(payload) > ANSWER_MAX:
        raise OrderRefused("these bytes are no answer", f"{len(payload)} bytes")
    try:
        return _answer.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderRefused("these bytes are no answer", str(error)) from None
