# SPDX-License-Identifier: Apache-2.0
"""What several tests of the edge stand on."""

from collections.abc import Iterator

import pytest

from tests.support.ntfy import NtfyServer, serving


@pytest.fixture
def ntfy() -> Iterator[NtfyServer]:
    with serving() as server:
        yield server
