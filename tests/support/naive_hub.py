# SPDX-License-Identifier: Apache-2.0
"""The naive hub, as most peers do it: one message a point, written in the callback, trusting the broker's PUBACK."""

import asyncio
import json
import logging
import sys
from pathlib import Path

import aiomqtt
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from cooperative.config import load_config


async def run(path: Path) -> None:
    """Serve until killed."""
    config = load_config(path)
    port = int(config.broker.url.rpartition(":")[2])
    writer = InfluxDBClient(config.store.url, "-", org="-").write_api(write_options=SYNCHRONOUS)
    while True:
        try:
            async with aiomqtt.Client("127.0.0.1", port, identifier="naive", clean_session=False) as client:
                await client.subscribe("naive/#", qos=1)
                async for message in client.messages:
                    point = json.loads(message.payload)
                    line = f"co2,edge={point['edge']},place={point['place']} v={point['v']} {point['t']}"
                    await asyncio.to_thread(writer.write, "vuon", "-", line)
        except aiomqtt.MqttError:
            await asyncio.sleep(0.5)
        except Exception:  # the naive hub logs and goes on, as they do
            logging.getLogger(__name__).exception("a point was not written")


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
