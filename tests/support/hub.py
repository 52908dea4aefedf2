# SPDX-License-Identifier: Apache-2.0
"""A hub process for tests and benches: ``python -m tests.support.hub HUB_TOML [WORKER]``, until it is killed."""

import asyncio
import sys
from pathlib import Path

from cooperative.config import load_config
from cooperative.hub import run_hub

if __name__ == "__main__":
    asyncio.run(run_hub(load_config(Path(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
