# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="import-not-found, no-any-return"
"""A real Home Assistant with its MQTT integration and nothing else; run by the Python that it is installed in.

Arguments: configuration folder, broker port, port of its own HTTP server. It reads one JSON request a line and
answers with one JSON line: {"ask": "states"}, {"ask": "devices"}, {"call": [domain, service, data]}.
"""

import asyncio
import json
import sys
from typing import Any

from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.const import __version__
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component


async def started(folder: str, broker_port: int, http_port: int) -> Any:
    hass = core.HomeAssistant(folder)
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    assert await async_setup_component(
        hass, "http", {"http": {"server_host": "127.0.0.1", "server_port": http_port}}
    )  # fmt: skip
    entry = config_entries.ConfigEntry(
        version=1,
        minor_version=1,
        domain="mqtt",
        title="broker",
        source="user",
        data={"broker": "127.0.0.1", "port": broker_port, "discovery": True, "discovery_prefix": "homeassistant"},
    )
    await hass.config_entries.async_add(entry)
    await hass.async_start()
    return hass


def states(hass: Any) -> list[dict[str, Any]]:
    registry = entity_registry.async_get(hass)
    told = []
    for entry in registry.entities.values():
        state = hass.states.get(entry.entity_id)
        told.append(
            {
                "unique_id": entry.unique_id,
                "entity_id": entry.entity_id,
                "domain": entry.domain,
                "name": entry.original_name,
                "unit": entry.unit_of_measurement,
                "device_class": entry.original_device_class,
                "state": state.state if state else None,
                "attributes": {name: str(value) for name, value in state.attributes.items()} if state else {},
            }
        )
    return told


def devices(hass: Any) -> list[dict[str, Any]]:
    registry = device_registry.async_get(hass)
    names = {device.id: sorted(str(each[1]) for each in device.identifiers) for device in registry.devices.values()}
    return [
        {"identifiers": names[device.id], "name": device.name, "via": names.get(device.via_device_id)}
        for device in registry.devices.values()
    ]


async def main() -> None:
    hass = await started(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"version": __version__}), flush=True)
    while line := await reader.readline():
        asked = json.loads(line)
        answer: Any = {"ok": True}
        if asked.get("ask") == "states":
            answer = states(hass)
        elif asked.get("ask") == "devices":
            answer = devices(hass)
        else:
            try:
                await hass.services.async_call(*asked["call"], blocking=True)
            except Exception as error:  # noqa: BLE001 whatever Home Assistant objects to is the answer
                answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await hass.async_stop(force=True)


asyncio.run(main())
