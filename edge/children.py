# SPDX-License-Identifier: Apache-2.0
"""What a child process of ours does first: it agrees to end with its parent, so that nothing runs on unseen."""

import ctypes
import os
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Have the kernel stop this child when its parent dies (prctl(2)); for ``preexec_fn``, before any thread."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.setpgrp()
