# SPDX-License-Identifier: Apache-2.0
"""What every page of the console stands on: settings, live board, history, people, words and templates.

The rule it keeps: everything a request needs is in one object given to the application; there is no global.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jinja2
from itsdangerous import BadSignature, Signer
from starlette.requests import Request
from starlette.responses import HTMLResponse

from edge.calibrating import CalibrationDesk
from edge.config import FarmConfig
from edge.console.board import Agent, Board, Shot
from edge.console.day_book import DayBook
from edge.console.day_memory import DayMemory
from edge.console.farm_view import FarmPages
from edge.console.sentences import ReasonWords
from edge.console.views import FarmView
from edge.live import Health, LiveState, Tile
from edge.login_guard import LoginGuard
from edge.users import ROLE_TITLES, Role, User, Users
from pages.numbers import LANGUAGES, Language
from pages.words import Field, Words, words
from telemetry.quantities import QUANTITIES

FOLDER: Final = Path(__file__).parent
SESSION_COOKIE: Final = "vuon_session"
LANGUAGE_COOKIE: Final = "vuon_language"
LOOK_COOKIE: Final = "vuon_look"
LOOKS: Final = ("auto", "light", "dark")
ORDERS_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two times of a request, never mixed: wall seconds for sessions and tokens, monotonic for waiting."""

    wall_s: Callable[[], float]
    mono_s: Callable[[], float]


def version_of(folder: Path) -> str:
    """Give a short hash of the files that browsers may keep, so that a new release is fetched and an old one not."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def template_environment(extra: tuple[Path, ...] = ()) -> jinja2.Environment:
    """Give the environment of all console templates; ``extra`` folders may add pages that use its layout."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([FOLDER / "templates", *extra]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["version"] = version_of(FOLDER / "static")
    return environment


@dataclass(slots=True)
class Desk:
    """One farm's console."""

    config: FarmConfig
    agent: Agent
    board: Board
    memory: DayMemory
    book: DayBook
    users: Users
    reasons: Mapping[str, ReasonWords]
    clocks: Clocks
    calibration: CalibrationDesk | None = None
    guard: LoginGuard = field(default_factory=LoginGuard)
    templates: jinja2.Environment = field(default_factory=template_environment)
    orders_seen: dict[str, None] = field(default_factory=dict)
    _pages: dict[Language, FarmPages] = field(default_factory=dict)

    def language(self, request: Request) -> Language:
        """Give the reader's language: Vietnamese unless English was chosen."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "vi")
        return next((language for language in LANGUAGES if language == chosen), "vi")

    def pages(self, language: Language) -> FarmPages:
        """Give what makes views in ``language``."""
        if language not in self._pages:
            self._pages[language] = FarmPages(self.config, self.memory, self.book, self.reasons, words(language))
        return self._pages[language]

    def state(self, shot: Shot) -> LiveState:
        """Give the live state, or before any came what the record and the settings tell."""
        return shot.state or self._remembered()

    def farm(self, shot: Shot, language: Language) -> FarmView:
        """Give the farm as ``shot`` shows it."""
        connection = "never" if shot.state is None else ""
        return self.pages(language).farm(
            self.state(shot), self.board.age_s(shot) if shot.state else 0.0, away=shot.away, connection=connection
        )

    def _remembered(self) -> LiveState:
        now_ms = round(self.clocks.wall_s() * 1000)
        tiles = [
            Tile(name, name.partition("/")[0], quantity, QUANTITIES[quantity].unit, value, quality,
                 (now_ms - at) / 1000, 10.0)
            for name, (at, value, quality) in self.book.latest.items()
            if (quantity := name.partition("/")[2].partition(".")[0]) in QUANTITIES
        ]  # fmt: skip
        return LiveState(
            self.config.farm.edge, self.config.farm.title, 0, 0, now_ms, clock_ok=True, tiles=tuple(tiles),
            outputs=(), alarms=(), health=NO_HEALTH,
        )  # fmt: skip

    # -- who asks

    def session_key(self, request: Request) -> str:
        """Give the session's key from a cookie that we signed; "" for none or a forged one."""
        try:
            return Signer(self.users.secret, salt="session").unsign(request.cookies.get(SESSION_COOKIE, "")).decode()
        except (BadSignature, UnicodeDecodeError):
            return ""

    def signed(self, key: str) -> str:
        """Sign a session's key for its cookie."""
        return Signer(self.users.secret, salt="session").sign(key).decode()

    def person(self, request: Request) -> User | None:
        """Give who is logged in."""
        key = self.session_key(request)
        return self.users.session_user(key, self.clocks.wall_s()) if key else None

    def first_time(self, order: str) -> bool:
        """Say whether an order's number is new; a form sent twice is carried out once."""
        if not order or order in self.orders_seen:
            return False
        self.orders_seen[order] = None
        while len(self.orders_seen) > ORDERS_REMEMBERED:
            del self.orders_seen[next(iter(self.orders_seen))]
        return True

    # -- pages

    def render(self, request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Make a page from ``template``."""
        return HTMLResponse(self.text(request, template, **context), status)

    def text(self, request: Request, template: str, **context: Any) -> str:
        """Give a page's text; the layout knows the reader's language, look, person and place."""
        person = context.pop("person", None) or self.person(request)
        look = request.cookies.get(LOOK_COOKIE, "auto")
        language = self.language(request)
        return self.templates.get_template(template).render(
            **word_context(words(language)),
            look=look if look in LOOKS else "auto",
            person=person,
            role_title=words(language).text(ROLE_TITLES[person.rank]) if person else "",
            may_operate=bool(person and person.rank >= Role.OPERATOR),
            may_service=bool(person and person.rank >= Role.TECHNICIAN),
            path=request.url.path,
            farm_title=self.config.farm.title,
            has_calibrations=self.calibration is not None,
            **context,
        )


def word_context(language_words: Words) -> dict[str, Any]:
    """Give the words that every template may use: ``_`` for a text, ``say`` for one with fields."""

    def say(msgid: str, **fields: Field) -> str:
        return language_words.say(msgid, fields)

    return {"_": language_words.text, "say": say, "language": language_words.language}


NO_HEALTH: Final = Health(
    uptime_s=0.0, ticks=0, overruns=0, tick_p99_ms=0.0, compiled=True, points=0, decisions=0, commands=0, acks=0,
    stored_rows=0, unsent_rows=0, disk_ok=True, uplink="off", rss_mb=0.0, version="",
)  # fmt: skip
