# SPDX-License-Identifier: Apache-2.0
"""A selector on select(2) that outlives a descriptor closed behind its back, and looks no more often than it must.

The rule it keeps: one lost descriptor costs nobody else anything. epoll forgets such a one by itself; select(2) refuses
to wait for all the others (EBADF), and the agent would end because a network library closed a socket in another thread.
A loop that has something ready asks "and now?" without waiting, once for each timer that woke a task: every second of
such looks is left out, never two in a row, so bytes wait for one round of callbacks at the most.
"""

import errno
import os
import selectors


class PatientSelector(selectors.SelectSelector):
    """A ``selectors.SelectSelector`` that forgets what is no longer open."""

    _left_out = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as selectors do; when a descriptor is gone, forget it and give nothing this time."""
        self._left_out = timeout is not None and timeout <= 0.0 and not self._left_out
        if self._left_out:
            return []
        try:
            return super().select(timeout)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            for key in list(self.get_map().values()):
                try:
                    os.fstat(key.fd)
                except OSError:
                    self.unregister(key.fd)
            return []
