# SPDX-License-Identifier: Apache-2.0
"""The version of this program.

The rule it keeps: it stands here once; a test compares it with pyproject.toml.
"""

from typing import Final

VERSION: Final = "0.1.0"
