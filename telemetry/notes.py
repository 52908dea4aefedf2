# SPDX-License-Identifier: Apache-2.0
"""The small messages between hub and edge: acknowledgements, questions, and what the edge says of itself.

The rule it keeps: msgpack of frozen structs, bounded in size and count, unknown fields refused; an edge believes
them only as far as they cost it a resend.
"""

from typing import Final, TypeVar

import msgspec

from telemetry.records import FarmProfile

RANGES_MAX: Final = 64
BOOTS_MAX: Final = 64
NOTE_MAX: Final = 256_000


class NoteError(ValueError):
    """The bytes are no note of this kind."""


class Spans(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Batch numbers of one boot as inclusive ranges."""

    epoch: int
    nonce: int
    ranges: list[tuple[int, int]]


class AckNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hub to edge: ``stored`` is readable in the store; ``held`` is in the hub's hands for ``hold_s``.

    ``refused`` was put among the dead letters for a reason the hub's operator must look at; do not send it again.
    """

    stored: list[Spans] = []
    held: list[Spans] = []
    hold_s: float = 0.0
    refused: list[Spans] = []


class AskNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hub to edge: send these dictionaries, these batches once more, or the profile.

    ``fresh`` says that the hub has just come up: whatever is on its way may be gone.
    """

    dictionaries: list[int] = []
    replay: list[Spans] = []
    profile: bool = False
    fresh: bool = False


_Note = TypeVar("_Note", AckNote, AskNote, FarmProfile)
_encoder = msgspec.msgpack.Encoder()
_decoders: Final[dict[type, msgspec.msgpack.Decoder[AckNote | AskNote | FarmProfile]]] = {
    kind: msgspec.msgpack.Decoder(kind) for kind in (AckNote, AskNote, FarmProfile)
}


def write_note(note: AckNote | AskNote | FarmProfile) -> bytes:
    """Write a note."""
    return _encoder.encode(note)


def read_note(kind: type[_Note], payload: bytes) -> _Note:
    """Read a note of a kind. NoteError if it is none, too large, or holds ranges that run backwards."""
    if len(payload) > NOTE_MAX:
        raise NoteError(f"note of {len(payload)} bytes, at most {NOTE_MAX}")
    try:
        note = _decoders[kind].decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoteError(f"{kind.__name__}: {error}") from error
    spans = note.stored + note.held + note.refused if isinstance(note, AckNote) else []
    spans = spans + note.replay if isinstance(note, AskNote) else spans
    if len(spans) > 4 * BOOTS_MAX or any(len(span.ranges) > RANGES_MAX for span in spans):
        raise NoteError(f"{kind.__name__}: too many ranges")
    if any(not 0 < low <= high < 1 << 32 for span in spans for low, high in span.ranges):
        raise NoteError(f"{kind.__name__}: a range runs backwards or leaves 32 bits")
    if not isinstance(note, kind):
        raise NoteError(f"not a {kind.__name__}")
    return note
