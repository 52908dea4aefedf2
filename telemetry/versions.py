# SPDX-License-Identifier: Apache-2.0
"""A span of one series seen through another calibration, as a file on its way to the hub's store.

The rule it keeps: what was stored stays; the version lies beside it under a name of its own (the edge's, and the first
digits of the record's hash). It is cut at whole hours and sealed by them, so the same hour of the same record is the
same batch, whoever sends it again, and a store takes it twice without a change.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.envelope import EDGE_PATTERN, Batch, EnvelopeError, Header, Opener, Packer
from telemetry.records import SERIES_PATTERN, CalibrationSummary, Sample

SCHEMA: Final = "vuon-version/1"
HOUR_MS: Final = 3_600_000
FILE_MAX: Final = 256 * 2**20
HASH_DIGITS: Final = 8
EDGE_MAX: Final = 32


class BadVersion(ValueError):
    """The file holds no version that may be stored."""


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content. ``batches`` are envelopes, one an hour."""

    schema: str
    edge: str
    calibration: CalibrationSummary
    batches: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """The edge's name under which the version is stored."""
        digits = self.calibration.content_hash[:HASH_DIGITS]
        return f"{self.edge[: EDGE_MAX - HASH_DIGITS - 1]}-{digits}"


def whole_hours(from_ms: int, to_ms: int, now_ms: int) -> tuple[int, int]:
    """Widen a span to the whole hours that it touches, as far as they are over."""
    end_ms = min(-(-to_ms // HOUR_MS), now_ms // HOUR_MS)
    return from_ms // HOUR_MS * HOUR_MS, end_ms * HOUR_MS


def make_version(
    edge: str, calibration: CalibrationSummary, wall_ms: NDArray[np.int64], raw: NDArray[np.float64],
    value: NDArray[np.float64], quality: NDArray[np.int64],
) -> Version:  # fmt: skip
    """Seal the rows (times rising) hour by hour."""
    empty = Version(SCHEMA, edge, calibration, ())
    nonce = int(calibration.content_hash[HASH_DIGITS : 2 * HASH_DIGITS], 16)
    hours = wall_ms // HOUR_MS
    batches = []
    for hour in np.unique(hours).tolist():
        rows = np.flatnonzero(hours == hour)
        begin_ms = hour * HOUR_MS
        samples = [
            Sample(
                calibration.series, int(wall_ms[row]) - begin_ms, float(raw[row]), float(value[row]), int(quality[row]),
                calibration.id, calibration.expanded_uncertainty,
            )
            for row in rows.tolist()
        ]  # fmt: skip
        header = Header(empty.name, 1, nonce, hour, 0, 0, begin_ms, True, len(samples))
        batches.append(Packer().pack(header, samples))
    return msgspec.structs.replace(empty, batches=tuple(batches))


def write_version(version: Version) -> bytes:
    """Give the file's bytes."""
    return msgspec.msgpack.encode(version)


def read_version(data: bytes) -> Version:
    """Read a file. BadVersion says what is wrong with it."""
    if len(data) > FILE_MAX:
        raise BadVersion(f"it is longer than {FILE_MAX} bytes")
    try:
        version = msgspec.msgpack.decode(data, type=Version)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadVersion(f"no file of vuon recalibrate: {error}") from error
    if version.schema != SCHEMA:
        raise BadVersion(f"it has schema {version.schema!r}; this program reads {SCHEMA}")
    if not EDGE_PATTERN.match(version.name) or not SERIES_PATTERN.match(version.calibration.series):
        raise BadVersion(f"{version.name!r} or {version.calibration.series!r} is no name")
    for _ in batches_of(version):
        pass
    return version


def batches_of(version: Version) -> Iterator[Batch]:
    """Open the batches one by one. BadVersion for one that is damaged or holds anything else."""
    opener = Opener()
    for data in version.batches:
        try:
            batch = opener.open(data)
            samples = batch.samples()
            others = batch.header.total - len(samples.value)
        except (EnvelopeError, ValueError) as error:
            raise BadVersion(f"a batch is damaged: {error}") from error
        held = {samples.names[i] for i in np.unique(samples.series).tolist()}
        if batch.header.edge != version.name or held != {version.calibration.series} or others:
            raise BadVersion(f"a batch is not of {version.calibration.series} under {version.name}")
        yield batch
