# SPDX-License-Identifier: Apache-2.0
"""The naive edge: a point is "accepted" when the client library took it into its queue (QoS 1).

Same arguments and the same list of what was accepted as ``tests.support.fleet``.
"""

import json
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main(folder: Path, url: str, edge: str, rate: float, series: int, first: int) -> None:
    """Publish until killed."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"naive-{edge}-{first}", clean_session=False)
    client.reconnect_delay_set(1, 2)
    client.connect_async("127.0.0.1", int(url.rpartition(":")[2]), keepalive=5)
    client.loop_start()
    accepted = (folder / "accepted").open("a", encoding="ascii")
    number = int((folder / "number").read_text()) if (folder / "number").exists() else first
    while True:
        (folder / "number").write_text(str(number + 1))
        now_ns = time.time_ns()
        for at in range(series):
            point = {"edge": edge, "place": f"zone-{at}", "v": number, "t": now_ns}
            client.publish(f"naive/{edge}/zone-{at}", json.dumps(point), qos=1)
        accepted.write(f"1 1 {number} {now_ns // 1_000_000}\n")
        accepted.flush()
        number += 1
        time.sleep(1 / rate)


if __name__ == "__main__":
    _, where, broker, _, name, pace, width, begin = sys.argv
    main(Path(where), broker, name, float(pace), int(width), int(begin))
