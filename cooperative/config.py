# SPDX-License-Identifier: Apache-2.0
"""The hub's configuration: ``hub.toml``, read once, checked whole, refused by name and line.

The rule it keeps: an unknown key, a wrong type or a value that cannot work stops the hub before it starts;
secrets stand in files of their own, never here.
"""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final, Literal

import msgspec

from pages.words import N_, Told, Words, error_text
from telemetry.envelope import EDGE_PATTERN

WORKERS_MAX: Final = 32
MQTT: Final = ("mqtt://", "mqtts://")
NATS: Final = ("nats://", "tls://")


class ConfigError(ValueError):
    """The configuration cannot be used; the message says which key, which line, and what to write."""

    def __init__(self, where: str, problem: Exception) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem

    def said(self, say: Words) -> str:
        """Say it in a language."""
        return f"{self.where}: {error_text(self.problem, say)}"


class BrokerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages come from."""

    url: str = "mqtt://127.0.0.1:1883"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where points go. ``influx`` is InfluxDB 1 and 2, ``influx3`` InfluxDB 3; ``sharded`` is several of these.

    A shard's ``name`` says which farms live there: keep it when the shard moves to another address.
    """

    kind: Literal["embedded", "influx", "influx3", "victoria", "sharded"] = "embedded"
    name: str = ""
    url: str = ""
    bucket: str = "vuon"
    org: str = "-"
    token_file: str = ""
    query_url: str = ""
    replicas: int = 2
    shards: tuple["StoreConfig", ...] = ()


class MemberConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the cooperative and the edges on his farms."""

    name: str
    title: str
    edges: tuple[str, ...]


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``hub.toml``. ``cluster`` is where ``vuon-hub bridge`` takes the broker's messages."""

    name: str
    title: str
    state: str = "var/hub"
    timezone: str = "Asia/Ho_Chi_Minh"
    workers: int = 1
    broker: BrokerConfig = BrokerConfig()
    cluster: BrokerConfig | None = None
    store: StoreConfig = StoreConfig()
    members: tuple[MemberConfig, ...] = ()


def load_config(path: Path) -> HubConfig:
    """Read ``hub.toml``. ConfigError for whatever is wrong in it; paths in it are relative to its folder."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            str(path), Told(N_("{seen:t}; give the path of hub.toml"), seen=error.strerror or str(error))
        ) from error
    except UnicodeDecodeError as error:
        line, seen = error.object[: error.start].count(b"\n") + 1, f"0x{error.object[error.start]:02X}"
        raise ConfigError(
            f"{path}:{line}", Told(N_("byte {seen} is not UTF-8; save the file with the encoding UTF-8"), seen=seen)
        ) from error
    try:
        config = msgspec.convert(tomllib.loads(text), HubConfig)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), Told(N_("not TOML: {seen}"), seen=str(error))) from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}{_line(text, str(error))}", error) from error
    for problem in problems(config):
        raise ConfigError(f"{path}{_line(text, str(problem))}", problem)
    return msgspec.structs.replace(config, state=str(path.parent / config.state))


def problems(config: HubConfig) -> list[Told]:
    """Say what in a configuration of the right shape cannot work."""
    found: list[Told] = []
    names = [config.name, *(member.name for member in config.members)]
    edges = [edge for member in config.members for edge in member.edges]
    found += [
        Told(N_("`{name}`: use a-z, 0-9 and '-', beginning with a letter, at most 32 characters"), name=name)
        for name in names + edges
        if not EDGE_PATTERN.fullmatch(name)
    ]
    for several in (edges, names[1:]):
        found += [
            Told(N_("`{name}` is there twice"), name=name)
            for name, times in sorted(Counter(several).items())
            if times > 1
        ]
    if not 1 <= config.workers <= WORKERS_MAX:
        found.append(Told(N_("`workers` is {seen}; 1 to {most} are possible"), seen=config.workers, most=WORKERS_MAX))
    stores = config.store.shards if config.store.kind == "sharded" else (config.store,)
    if any(store.kind == "embedded" for store in stores) and config.workers > 1:
        found.append(Told(N_("`workers`: the embedded store has one writer; use 1, or another store")))
    found += _shard_problems(config.store)
    found += [
        Told(N_("`url` of the {kind} store is {seen}; write http://host:port"), kind=store.kind, seen=repr(store.url))
        for store in stores
        if store.kind not in {"embedded", "sharded"} and not store.url.startswith(("http://", "https://"))
    ]
    if not config.broker.url.startswith((*MQTT, *NATS)):
        found.append(
            Told(
                N_("`url` of the broker is {seen}; write mqtt://host:1883 or mqtts://host:8883"),
                seen=repr(config.broker.url),
            )
        )
    if config.cluster and not (config.cluster.url.startswith(NATS) and config.broker.url.startswith(MQTT)):
        found.append(
            Told(N_("`cluster`: write nats://host:4222,host:4222,host:4222 there and the MQTT broker under `broker`"))
        )
    return found


def _shard_problems(store: StoreConfig) -> list[Told]:
    names = [shard.name for shard in store.shards]
    if store.kind != "sharded":
        return [Told(N_('`shards`: only a store of kind "sharded" has them'))] if names else []
    found = [
        Told(N_("`{name}`: use a-z, 0-9 and '-', beginning with a letter, at most 32 characters"), name=name)
        for name in names
        if not EDGE_PATTERN.fullmatch(name)
    ]
    if len(set(names)) < len(names):
        found.append(Told(N_("`shards`: each needs a name of its own")))
    if any(shard.kind == "sharded" for shard in store.shards):
        found.append(Told(N_("`shards`: a shard cannot be sharded itself")))
    if not 1 <= store.replicas <= len(names):
        found.append(Told(N_("`replicas` is {seen}; there are {count} shards"), seen=store.replicas, count=len(names)))
    return found


def read_secret(file: str) -> str:
    """Read a secret from its file ("" = there is none). ConfigError if it cannot be read."""
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            file, Told(N_("{seen:t}; this user must be able to read the secret"), seen=error.strerror or str(error))
        ) from error


def _line(text: str, message: str) -> str:
    """Find the line that a message speaks of by the name in its backticks."""
    match = re.search(r"`([^`$]+)`", message)
    if match:
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"(^|[\s\[\".]){re.escape(match.group(1))}([\s\]\"=.]|$)", line):
                return f":{number}"
    return ""
