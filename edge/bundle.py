# SPDX-License-Identifier: Apache-2.0
"""A support bundle: what another person needs to see why the farm did what it did, and to run it again.

The rule it keeps: secrets stay at home. Only named files go in; of a farm.toml every value that could be a secret is
replaced first, and so that the file still means the same to the engine. The log's rows go in as they are, bit for bit.
"""

import io
import json
import platform
import re
import sqlite3
import sys
import tarfile
import tempfile
import tomllib
from contextlib import closing
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from edge.alarm_desk import MEMORY_FILE
from edge.device_types import own_folder
from edge.exits import LOG_FILE
from edge.release import VERSION
from edge.replay import Span
from pages.words import N_, Told
from telemetry.history import LogReader
from telemetry.rows import RealDisk, open_for_reading, open_for_writing

MANIFEST: Final = "manifest.json"
REMOVED: Final = "removed"
BUNDLE_MAX: Final = 2_000_000_000
LIBRARIES: Final = ("msgspec", "numpy", "numba", "llvmlite", "zstandard", "pyserial", "starlette", "aiomqtt")
# Keys whose text is a secret wherever they stand; a file's name may stay (password_file, contacts_file).
_SECRET: Final = re.compile(r"(?i)(^|_)(password|passphrase|secret|token|pin|api_?key|private_?key)s?$")
_USERINFO: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]+@")
_BARE: Final = re.compile(r"^[A-Za-z0-9_-]+$")


class BadBundle(Told):
    """The file is no bundle of ours, or it is damaged; the text says what was seen."""


@dataclass(slots=True)
class Contents:
    """What went into a bundle."""

    path: Path
    boots: list[int] = field(default_factory=list)
    rows: int = 0
    stripped: int = 0


def strip_secrets(text: str) -> tuple[str, int]:
    """Write a TOML text anew without secrets and comments; gives it with the number of values replaced."""
    data, count = _stripped(tomllib.loads(text))
    return to_toml(data), count


def _stripped(value: Any, key: str = "") -> tuple[Any, int]:
    if isinstance(value, dict):
        found = {name: _stripped(inner, name) for name, inner in value.items()}
        return {name: inner for name, (inner, _) in found.items()}, sum(count for _, count in found.values())
    if _SECRET.search(key):
        return REMOVED, 1
    if isinstance(value, list):
        rows = [_stripped(inner, key) for inner in value]
        return [inner for inner, _ in rows], sum(count for _, count in rows)
    if isinstance(value, str):
        bare = _USERINFO.sub(rf"\g<scheme>{REMOVED}@", value)
        return bare, int(bare != value)
    return value, 0


def to_toml(data: dict[str, Any]) -> str:
    """Write tables as TOML 1.0: what stands in the file's tables, inline below the first level."""
    lines: list[str] = [f"{_key(name)} = {_value(one)}" for name, one in data.items() if not _is_table(one)]
    for name, one in data.items():
        for row in one if isinstance(one, list) and _is_table(one) else [one] if isinstance(one, dict) else []:
            lines.append(f"\n[[{_key(name)}]]" if isinstance(one, list) else f"\n[{_key(name)}]")
            lines += [f"{_key(key)} = {_value(inner)}" for key, inner in row.items()]
    return "\n".join(lines) + "\n"


def _is_table(one: Any) -> bool:
    return isinstance(one, dict) or (isinstance(one, list) and bool(one) and all(isinstance(i, dict) for i in one))


def _key(name: str) -> str:
    return name if _BARE.match(name) else _text(name)


def _text(text: str) -> str:
    """Write a basic string: JSON's escapes are TOML's, but TOML wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(one: Any) -> str:
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, str):
        return _text(one)
    if isinstance(one, list):
        return f"[{', '.join(map(_value, one))}]"
    if isinstance(one, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in one.items()) + "}"
    return str(one)  # int, float (inf and nan as TOML writes them), dates and times


def write(state: Path, out: Path, span: Span, health: dict[str, Any] | None = None) -> Contents:
    """Write the bundle of all boots that touch ``span`` to ``out`` (mode 0600). DiskError without a log, OSError."""
    contents = Contents(out)
    with tempfile.TemporaryDirectory(prefix="vuon-bundle-") as scratch:
        log = Path(scratch) / LOG_FILE
        _copy_log(state / LOG_FILE, log, span, contents)
        with closing(LogReader(log)) as reader:
            damage = {str(row): why for row, why in reader.check().items()}
        out.touch(mode=0o600)
        out.chmod(0o600)
        with tarfile.open(out, "w:gz") as tar:
            for epoch in contents.boots:
                contents.stripped += _add_boot(tar, state, epoch, damage)
            if (state / MEMORY_FILE).exists():
                _add(tar, MEMORY_FILE, (state / MEMORY_FILE).read_bytes())
            tar.add(log, LOG_FILE, filter=_plain)
            manifest = {
                "format": 1, "vuon": VERSION, "boots": contents.boots, "rows": contents.rows,
                "from_ms": span.from_ms, "to_ms": span.to_ms, "secrets_removed": contents.stripped,
                "machine": versions(), "damage": damage, "health": health,
            }  # fmt: skip
            _add(tar, MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return contents


def versions() -> dict[str, str]:
    """Say on what it runs: no host name, no user, no address."""
    found = {"python": sys.version.split()[0], "system": platform.system(), "kernel": platform.release(),
             "processor": platform.machine()}  # fmt: skip
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def unpack(bundle: Path, folder: Path) -> dict[str, Any]:
    """Unpack a bundle into an empty folder; gives its manifest. BadBundle when it is none or would write elsewhere."""
    try:
        with tarfile.open(bundle, "r:gz") as tar:
            members = tar.getmembers()
            if sum(member.size for member in members) > BUNDLE_MAX:
                raise BadBundle(N_("{file}: more than {most} bytes inside"), file=str(bundle), most=BUNDLE_MAX)
            tar.extractall(folder, members, filter="data")
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, tarfile.TarError, EOFError, ValueError) as error:
        raise BadBundle(N_("{file}: not a bundle, or damaged ({seen})"), file=str(bundle), seen=str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != 1:
        raise BadBundle(
            N_("{file}: a bundle of another version; seen: {seen}"), file=str(bundle), seen=repr(manifest.get("format"))
        )
    return manifest


def _copy_log(source: Path, target: Path, span: Span, contents: Contents) -> None:
    """Copy whole boots row by row: a replay begins where its boot began."""
    disk = RealDisk()
    with closing(open_for_reading(disk, source)) as old, closing(open_for_writing(disk, target)) as new:
        epochs = [
            int(epoch)
            for (epoch,) in old.execute(
                "SELECT epoch FROM batch WHERE source=0 GROUP BY epoch HAVING max(last_ms)>=? AND min(first_ms)<?",
                (span.from_ms, min(span.to_ms, 1 << 62)),
            )
        ]
        new.execute("BEGIN")
        for table in ("meta", "source", "boot", "dictionary"):
            _copy(old, new, table, "", ())
        for epoch in epochs:
            contents.rows += _copy(old, new, "batch", "WHERE source=0 AND epoch=? AND first_ms<?", (epoch, span.to_ms))
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        contents.boots = sorted(epochs)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, where: str, args: tuple[int, ...]) -> int:
    rows = 0
    columns = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(columns))
    for row in old.execute(f"SELECT {', '.join(columns)} FROM {table} {where}", args):  # noqa: S608 our own names
        new.execute(f"INSERT OR REPLACE INTO {table}({', '.join(columns)}) VALUES({marks})", row)
        rows += 1
    return rows


def _add_boot(tar: tarfile.TarFile, state: Path, epoch: int, damage: dict[str, str]) -> int:
    """Put one boot's folder in: its farm.toml without secrets, its own device types, the engine's memory.

    A farm.toml that is damaged stays out, for nobody knows what in it is secret; ``damage`` then says so.
    """
    folder = state / "boots" / f"{epoch:08d}"
    if not folder.is_dir():
        return 0
    name, stripped = f"boots/{epoch:08d}", 0
    try:
        text, stripped = strip_secrets((folder / "farm.toml").read_text(encoding="utf-8-sig"))
        _add(tar, f"{name}/farm.toml", text.encode())
    except (OSError, ValueError) as error:  # TOML's own error and that of the encoding are ValueErrors
        damage[f"{name}/farm.toml"] = str(error)
    for path in sorted(own_folder(folder / "farm.toml").glob("*.toml")):
        _add(tar, f"{name}/{path.relative_to(folder)}", path.read_bytes())
    if (folder / "engine.state").exists():
        _add(tar, f"{name}/engine.state", (folder / "engine.state").read_bytes())
    return stripped


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(data))


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made it, and when."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    info.mode = 0o600
    return info
