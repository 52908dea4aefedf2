# SPDX-License-Identifier: Apache-2.0
"""A hub process for tests and benches: ``python -m tests.support.hub HUB_TOML [WORKER|bridge]``, until it is killed."""

import asyncio
import sys
from pathlib import Path

from cooperative.config import load_config
from cooperative.hub import run_bridge, run_hub

if __name__ == "__main__":
    config, role = load_config(Path(sys.argv[1])), sys.argv[2] if len(sys.argv) > 2 else "0"
    asyncio.run(run_bridge(config) if role == "bridge" else run_hub(config, int(role)))
