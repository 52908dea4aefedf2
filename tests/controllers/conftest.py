# SPDX-License-Identifier: Apache-2.0
"""Makes rigs for the tests of the controllers."""

import msgspec
import pytest

from controllers.settings import SafetyLimits
from tests.controllers.farm_rig import FARM, Rig, RigMaker


@pytest.fixture
def rig() -> RigMaker:
    """Make rigs: ``rig()`` is past the start-up hold with the farm's own limits; ``limits=`` changes some."""

    def make(*, started: bool = True, limits: dict[str, object] | None = None, **more: object) -> Rig:
        settings = FARM
        if limits:
            settings = msgspec.structs.replace(FARM, limits=msgspec.convert(limits, SafetyLimits))
        made = Rig(**({"settings": settings} | more))  # type: ignore[arg-type]
        if started:
            made.run(60)
        return made

    return make
