# SPDX-License-Identifier: Apache-2.0
"""How often and from which seed: the two words that every counted trial takes on the command line."""

import argparse


def count_and_seed(purpose: str | None, usual_count: int) -> tuple[int, int]:
    """Read ``--count`` and ``--seed``; the same two give the same trials on every machine."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=usual_count)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return given.count, given.seed
