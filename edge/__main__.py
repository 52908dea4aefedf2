# SPDX-License-Identifier: Apache-2.0
"""``python -m edge`` is ``vuon``."""

from edge.cli import main

main(prog_name="vuon")
