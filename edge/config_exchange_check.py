# SPDX-License-Identifier: Apache-2.0
"""What types cannot say about the tables of ``edge.config_exchange``: keys, outputs that are not there, no broker.

The rule it keeps: it only notes problems on the page.
"""

from typing import TYPE_CHECKING

from edge.toml_reader import Page

if TYPE_CHECKING:
    from edge.config import FarmConfig


def check_exchange(config: "FarmConfig", page: Page) -> None:
    """Note what is wrong with issuers and with what needs a broker."""
    _issuers(config, page)
    exchange = config.exchange
    for name, wanted in (
        ("json_mirror", exchange.mirror),
        ("home_assistant", exchange.home_assistant),
        ("sparkplug", exchange.sparkplug),
    ):
        if wanted is not None and "local_broker" not in page.data:
            page.wrong(name, "[{name}] needs a broker: write [local_broker] with its host", name=name)
    for table in ("home_assistant", "sparkplug"):
        asked = exchange.home_assistant if table == "home_assistant" else exchange.sparkplug
        if asked is not None and asked.hold_s > config.control.limits.override_max_s:
            page.wrong(
                f"{table}.hold_s",
                "a hold lasts at most {most} s (limits.override_max_s)",
                most=config.control.limits.override_max_s,
            )


def _issuers(config: "FarmConfig", page: Page) -> None:
    if not config.exchange.issuers:
        return
    from telemetry.remote_orders import read_public  # cryptography loads only where there is a key

    outputs = {output.id for output in config.control.outputs}
    names: set[str] = set()
    keys: set[str] = set()
    for at, issuer in enumerate(config.exchange.issuers):
        path = f"issuer[{at}]"
        if issuer.name in names:
            page.wrong(f"{path}.name", "{name} is there twice", name=issuer.name)
        if issuer.key in keys:
            page.wrong(f"{path}.key", "this key is there twice; who signed could not be told")
        names.add(issuer.name)
        keys.add(issuer.key)
        try:
            read_public(issuer.key)
        except ValueError as error:
            page.wrong(f"{path}.key", "{said}", said=str(error))
        for output in issuer.outputs:
            if output not in outputs:
                page.wrong(f"{path}.outputs", "there is no output called {name}", name=output)
    if "uplink" not in page.data:
        page.wrong("issuer[0]", "orders from afar come through the hub: write [uplink]")
