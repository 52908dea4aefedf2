# SPDX-License-Identifier: Apache-2.0
"""What a child process of ours does first: it agrees to end with its parent, so that nothing runs on unseen."""

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> Callable[[], None]:
    """Give the ``preexec_fn`` by which the kernel stops a child when this process dies: prctl(2), before any thread."""
    parent = os.getpid()

    def agree() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.setpgrp()
        if os.getppid() != parent:  # it died before the agreement was made
            os._exit(1)

    return agree
