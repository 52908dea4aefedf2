# SPDX-License-Identifier: Apache-2.0
"""The hub's configuration: ``hub.toml``, read once, checked whole, refused by name and line.

The rule it keeps: an unknown key, a wrong type or a value that cannot work stops the hub before it starts;
secrets stand in files of their own, never here.
"""

import re
import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from telemetry.envelope import EDGE_PATTERN

WORKERS_MAX: Final = 32


class ConfigError(ValueError):
    """The configuration cannot be used; the message says which key, which line, and what to write."""


class BrokerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages come from."""

    url: str = "mqtt://127.0.0.1:1883"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where points go. ``influx`` is InfluxDB 1 and 2, ``influx3`` InfluxDB 3."""

    kind: Literal["embedded", "influx", "influx3", "victoria"] = "embedded"
    url: str = ""
    bucket: str = "vuon"
    org: str = "-"
    token_file: str = ""
    query_url: str = ""


class MemberConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the cooperative and the edges on his farms."""

    name: str
    title: str
    edges: tuple[str, ...]


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``hub.toml``."""

    name: str
    title: str
    state: str = "var/hub"
    timezone: str = "Asia/Ho_Chi_Minh"
    workers: int = 1
    broker: BrokerConfig = BrokerConfig()
    store: StoreConfig = StoreConfig()
    members: tuple[MemberConfig, ...] = ()


def load_config(path: Path) -> HubConfig:
    """Read ``hub.toml``. ConfigError for whatever is wrong in it; paths in it are relative to its folder."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give the path of hub.toml") from error
    try:
        config = msgspec.convert(tomllib.loads(text), HubConfig)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}{_line(text, str(error))}: {error}") from error
    for problem in problems(config):
        raise ConfigError(f"{path}{_line(text, problem)}: {problem}")
    return msgspec.structs.replace(config, state=str(path.parent / config.state))


def problems(config: HubConfig) -> list[str]:
    """Say what in a configuration of the right shape cannot work."""
    found: list[str] = []
    names = [config.name, *(member.name for member in config.members)]
    edges = [edge for member in config.members for edge in member.edges]
    found += [
        f"`{name}`: use a-z, 0-9 and '-', beginning with a letter, at most 32 characters"
        for name in names + edges
        if not EDGE_PATTERN.fullmatch(name)
    ]
    found += [f"`{name}` is there twice" for name in sorted({each for each in edges if edges.count(each) > 1})]
    members = names[1:]
    found += [f"`{name}` is there twice" for name in sorted({each for each in members if members.count(each) > 1})]
    if not 1 <= config.workers <= WORKERS_MAX:
        found.append(f"`workers` is {config.workers}; 1 to {WORKERS_MAX} are possible")
    if config.store.kind == "embedded" and config.workers > 1:
        found.append("`workers`: the embedded store has one writer; use 1, or another store")
    if config.store.kind != "embedded" and not config.store.url.startswith(("http://", "https://")):
        found.append(f"`url` of the {config.store.kind} store is {config.store.url!r}; write http://host:port")
    if not config.broker.url.startswith(("mqtt://", "mqtts://")):
        found.append(f"`url` of the broker is {config.broker.url!r}; write mqtt://host:1883 or mqtts://host:8883")
    return found


def read_secret(file: str) -> str:
    """Read a secret from its file ("" = there is none). ConfigError if it cannot be read."""
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; this user must be able to read the secret") from error


def _line(text: str, message: str) -> str:
    """Find the line that a message speaks of by the name in its backticks."""
    match = re.search(r"`([^`$]+)`", message)
    if match:
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"(^|[\s\[\".]){re.escape(match.group(1))}([\s\]\"=.]|$)", line):
                return f":{number}"
    return ""
