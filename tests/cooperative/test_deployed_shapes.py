# SPDX-License-Identifier: Apache-2.0
"""The shapes in deploy/ are configurations that the hub takes; what cannot work in them is said by name and line."""

from pathlib import Path

import pytest

from cooperative.config import ConfigError, HubConfig, load_config
from cooperative.hub import open_broker
from telemetry.jetstream import JetStreamBroker
from telemetry.mqtt_hub import HubMqttBroker
from telemetry.ports import BrokerError, Message

DEPLOY = Path(__file__).resolve().parents[2] / "deploy/hub"


def config(tmp_path: Path, store: str = "", top: str = "", broker: str = "mqtt://127.0.0.1:1883") -> HubConfig:
    path = tmp_path / "hub.toml"
    path.write_text(f'name = "hub-1"\ntitle = "t"\n{top}\n[broker]\nurl = "{broker}"\n{store}\n', encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize("name", sorted(path.name for path in DEPLOY.glob("*.toml")))
def test_each_shape_is_a_configuration_that_works(name: str) -> None:
    assert load_config(DEPLOY / name).members


def test_the_address_alone_chooses_between_mqtt_and_the_cluster() -> None:
    nation = load_config(DEPLOY / "nation-bridge.toml")
    assert nation.cluster
    bare = {"password_file": ""}
    plain = [type(nation.cluster)(url=each.url, **bare) for each in (nation.broker, nation.cluster)]
    assert [type(open_broker(each)) for each in plain] == [HubMqttBroker, JetStreamBroker]
    cluster = open_broker(plain[1])
    assert isinstance(cluster, JetStreamBroker)
    assert cluster.servers() == [f"tls://nats-{at}.example:4222" for at in (1, 2, 3)]


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ('[store]\nkind = "sharded"', "`replicas` is 2; there are 0"),
        ('[store]\nkind = "influx"\nurl = "http://a"\n[[store.shards]]\nname = "a"', "only a store of kind"),
        ('[store]\nkind = "sharded"\nreplicas = 1\n[[store.shards]]\nname = "A b"', "`A b`"),
        ('[store]\nkind = "sharded"\n[[store.shards]]\nname = "a"\n[[store.shards]]\nname = "a"', "a name of its own"),
        ('[store]\nkind = "sharded"\nreplicas = 1\n[[store.shards]]\nname = "a"\nkind = "sharded"', "sharded itself"),
        ('[store]\nkind = "sharded"\nreplicas = 1\n[[store.shards]]\nname = "a"\nkind = "victoria"', "`url` of the"),
        ('[cluster]\nurl = "mqtt://a"', "`cluster`"),
    ],
)
def test_shards_that_cannot_work_are_refused_with_what_to_write(tmp_path: Path, store: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(tmp_path, store)


def test_embedded_shards_have_one_writer(tmp_path: Path) -> None:
    store = '[store]\nkind = "sharded"\nreplicas = 1\n[[store.shards]]\nname = "a"'
    assert config(tmp_path, store).store.shards[0].kind == "embedded"
    with pytest.raises(ConfigError, match="one writer"):
        config(tmp_path, store, "workers = 2")


@pytest.mark.parametrize("url", ["http://127.0.0.1:4222", "nats://", "nats://127.0.0.1:9"])
async def test_a_cluster_that_is_not_there_says_so(url: str) -> None:
    with pytest.raises(BrokerError):
        async with JetStreamBroker(url).connect("a"):
            pass


async def test_a_cluster_takes_no_will() -> None:
    with pytest.raises(BrokerError, match="no will"):
        async with JetStreamBroker("nats://127.0.0.1:9").connect("a", Message("a/b", b"gone")):
            pass
