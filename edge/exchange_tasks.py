# SPDX-License-Identifier: Apache-2.0
"""Which tasks beside control speak to programs that are not ours, as farm.toml asks.

The rule it keeps: none of them runs unless its table stands in the file.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from edge.config import FarmConfig
from edge.pipeline import SeriesPlan

if TYPE_CHECKING:
    from edge.agent import Agent


def exchange_tasks(
    config: FarmConfig, plans: Sequence[SeriesPlan]
) -> dict[str, Callable[["Agent"], Coroutine[Any, Any, None]]]:
    """Give the tasks by name."""
    exchange = config.exchange
    tasks: dict[str, Callable[[Agent], Coroutine[Any, Any, None]]] = {}
    if exchange.broker is None:
        return tasks
    # Loaded only where they are asked for: an agent without them starts sooner.
    from edge.exchange_face import face_of
    from edge.mirror_link import MirrorLink, local_broker

    if exchange.mirror is not None or exchange.home_assistant is not None:
        language = exchange.home_assistant.language if exchange.home_assistant is not None else "vi"
        tasks["mirror"] = MirrorLink(exchange, face_of(config, plans, language), local_broker(exchange.broker)).run
    if exchange.sparkplug is not None:
        from edge.sparkplug_link import SparkplugLink

        face = face_of(config, plans, "en")
        tasks["sparkplug"] = SparkplugLink(exchange.sparkplug, face, local_broker(exchange.broker)).run
    return tasks
