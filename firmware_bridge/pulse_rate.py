# SPDX-License-Identifier: Apache-2.0
"""Flow from pulses: how much a minute, from a count and the time of its last pulse.

The rule it keeps: time is measured from pulse to pulse, never from report to report, so that a slow meter gives no
saw-tooth; without pulses the rate falls as the silence lengthens, and reaches 0.
"""

from typing import Final

STILL_S: Final = 60.0  # a pulse a minute is the slowest flow that is not called 0


class PulseRate:
    """One meter. ``per_pulse``: what a pulse stands for; times are seconds of one clock."""

    def __init__(self, per_pulse: float) -> None:
        self._per_pulse = per_pulse
        self._rate = 0.0
        self._pulse_at = float("-inf")
        self._heard_at = float("-inf")

    def take(self, pulses: int, pulse_at: float, now: float) -> float:
        """Take the pulses since the last report, the last of them at ``pulse_at``; give the rate a minute.

        At the first report, and when the board was reset, nothing is known of the time before: 0.
        """
        began, counted = self._pulse_at, pulses
        if pulse_at - began > STILL_S:
            # It stood still: when the first of these pulses began is not known, only that it was after the last look.
            began, counted = self._heard_at, pulses - 1
        if pulses > 0 and pulse_at > began:
            self._rate = 60.0 * self._per_pulse * counted / (pulse_at - began)
            self._pulse_at = pulse_at
        elif pulses <= 0 and self._rate > 0.0:
            silence_s = now - self._pulse_at
            slowest = 60.0 * self._per_pulse / silence_s if silence_s > 0.0 else self._rate
            self._rate = 0.0 if silence_s > STILL_S else min(self._rate, slowest)
        self._heard_at = now
        return self._rate
