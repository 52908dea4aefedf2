# SPDX-License-Identifier: Apache-2.0
"""The acting half of simulated devices: relay coils with timed pulses, a drive's motor, a valve's stem.

The rule it keeps: each moves only with the time it is given; the digital twin reads states, never registers.
"""

from dataclasses import dataclass, field
from math import inf

from drivers.catalogue_schema import Drive, Relay, Valve

ALL_COILS = 0x00FF
COIL_ON = 0xFF00
COIL_OFF = 0x0000
COIL_TOGGLE = 0x5500


@dataclass(slots=True)
class Coils:
    """The relays of one board; a pulse ends by itself at its time."""

    relay: Relay
    _on: list[bool] = field(init=False)
    _until: list[float] = field(init=False)  # when a pulse ends; inf = no pulse
    _after: list[bool] = field(init=False)  # the state after the pulse

    def __post_init__(self) -> None:
        self.power_up()

    def power_up(self) -> None:
        """Put all relays as after power-on: open, no pulse."""
        count = self.relay.outputs
        self._on = [False] * count
        self._until = [inf] * count
        self._after = [False] * count

    def states(self, now: float) -> tuple[bool, ...]:
        """Give which relays are pulled at ``now``."""
        for i, until in enumerate(self._until):
            if now >= until:
                self._on[i] = self._after[i]
                self._until[i] = inf
        return tuple(self._on)

    def set(self, channel: int, on: bool, now: float) -> None:
        """Switch one relay for good, ending any pulse."""
        self.states(now)
        self._on[channel] = on
        self._until[channel] = inf

    def pulse(self, channel: int, on: bool, units: int, now: float) -> None:
        """Put one relay ``on`` (or off) for ``units`` of the board's pulse unit, then back."""
        self.states(now)
        self._on[channel] = on
        self._after[channel] = not on
        self._until[channel] = now + units * self.relay.flash_unit_ms / 1000.0

    def write(self, address: int, word: int, now: float) -> bool:
        """Take a write of one coil (function 5); False = no such coil or word."""
        relay = self.relay
        if relay.flash_on_at is not None:
            for on, base in ((True, relay.flash_on_at), (False, relay.flash_on_at + 0x0200)):
                if base <= address < base + relay.outputs:
                    if not 1 <= word <= relay.flash_most:
                        return False
                    self.pulse(address - base, on, word, now)
                    return True
        if address == relay.coil_at + ALL_COILS:
            channels = range(relay.outputs)
        elif relay.coil_at <= address < relay.coil_at + relay.outputs:
            channels = range(address - relay.coil_at, address - relay.coil_at + 1)
        else:
            return False
        if word not in {COIL_ON, COIL_OFF, COIL_TOGGLE}:
            return False
        before = self.states(now)
        for channel in channels:
            self.set(channel, not before[channel] if word == COIL_TOGGLE else word == COIL_ON, now)
        return True


@dataclass(slots=True)
class Motor:
    """A drive and its pump: the frequency runs towards what was set, at ``ramp_hz_per_s``.

    It stops by itself ``silence_s`` after the last message, once it was told so (0: never).
    """

    drive: Drive
    ramp_hz_per_s: float = 10.0
    running: bool = False
    set_hz: float = 0.0
    silence_s: float = 0.0
    heard_s: float = 0.0
    _hz: float = 0.0
    _at_s: float = 0.0

    def command(self, word: int, now: float) -> None:
        """Take the command word."""
        self.hz(now)
        if word == self.drive.run_word:
            self.running = True
        elif word == self.drive.stop_word:
            self.running = False

    def heard(self, now: float) -> None:
        """A message came for the drive."""
        self.hz(now)
        self.heard_s = now

    def set_frequency(self, word: int, now: float) -> None:
        """Take the frequency word."""
        self.hz(now)
        self.set_hz = min(word * self.drive.frequency_scale, self.drive.most_hz)

    def hz(self, now: float) -> float:
        """Give the output frequency at ``now`` [Hz]."""
        silent_from_s = self.heard_s + self.silence_s
        if self.running and self.silence_s > 0.0 and now > silent_from_s:
            self._run_to(silent_from_s)
            self.running = False
        self._run_to(now)
        return self._hz

    def _run_to(self, now: float) -> None:
        goal = self.set_hz if self.running else 0.0
        step = self.ramp_hz_per_s * max(now - self._at_s, 0.0)
        self._hz = min(self._hz + step, goal) if goal > self._hz else max(self._hz - step, goal)
        self._at_s = max(self._at_s, now)


@dataclass(slots=True)
class Stem:
    """A proportional valve's stem: it takes ``stroke_s`` from shut to open."""

    valve: Valve
    goal: float = 0.0
    _position: float = 0.0
    _at_s: float = 0.0

    def set(self, word: int, now: float) -> None:
        """Take the set-point word."""
        self.position(now)
        self.goal = min(max((word - self.valve.set_zero) / self.valve.set_span, 0.0), 1.0)

    def position(self, now: float) -> float:
        """Give the position at ``now``, 0 shut to 1 open."""
        step = max(now - self._at_s, 0.0) / self.valve.stroke_s if self.valve.stroke_s > 0 else 1.0
        low, high = self._position - step, self._position + step
        self._position = min(max(self.goal, low), high)
        self._at_s = now
        return self._position
