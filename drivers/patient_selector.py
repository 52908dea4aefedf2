# SPDX-License-Identifier: Apache-2.0
"""A selector on select(2) that outlives a descriptor closed behind its back.

The rule it keeps: one lost descriptor costs nobody else anything. epoll forgets such a one by itself; select(2) refuses
to wait for all the others (EBADF), and the agent would end because a network library closed a socket in another thread.
"""

import errno
import os
import selectors


class PatientSelector(selectors.SelectSelector):
    """A ``selectors.SelectSelector`` that forgets what is no longer open."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as selectors do; when a descriptor is gone, forget it and give nothing this time."""
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
