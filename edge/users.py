# SPDX-License-Identifier: Apache-2.0
"""Who may do what at the farm: people, roles, passwords, one-time tokens and sessions.

The rule it keeps: nobody exists until the first person comes with a one-time token made on the machine itself;
what is stored cannot be used to log in (scrypt of passwords, SHA-256 of tokens and session keys); files are 0600 and
replaced whole. Time is an argument: ``now_s`` is wall time, so a token or a session ends also across restarts.
"""

import enum
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from pages.words import N_, Told

TOKEN_LIFE_S: Final = 15 * 60
SESSION_IDLE_S: Final = 12 * 3600  # a farmer's day; a technician's laptop left open ends with it
SESSION_LIFE_S: Final = 30 * 24 * 3600
SESSION_TOUCH_S: Final = 600  # how often being active is written down
PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 200
MAX_USERS: Final = 100
MAX_SESSIONS: Final = 200
MAX_TOKENS: Final = 20
NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
# RFC 7914: N = 2^15, r = 8, p = 1 takes 32 MB and a quarter of a second here, a second on a Pi 4.
_SCRYPT: Final = {"n": 2**15, "r": 8, "p": 1}
# The first that anyone tries at a farm's door; long enough to pass the length rule.
_COMMON: Final = frozenset(
    (
        *("1234567890", "0123456789", "0987654321", "password12", "password123", "matkhau123", "matkhau1234"),
        *("qwertyuiop", "1q2w3e4r5t", "abcd123456", "123456789a", "nongnghiep", "vietnam123", "hoptacxa123"),
        *("admin12345", "administrator"),
    )
)


class Role(enum.IntEnum):
    """Each role may do what the ones below it may."""

    VIEWER = 1
    OPERATOR = 2
    TECHNICIAN = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The name in files, commands and the agent's calls."""
        return self.name.lower()


ROLES: Final = {role.word: role for role in Role}
ROLE_TITLES: Final = {
    Role.VIEWER: N_("Viewer"),
    Role.OPERATOR: N_("Operator"),
    Role.TECHNICIAN: N_("Technician"),
    Role.ADMIN: N_("Administrator"),
}


class UserError(Told, ValueError):
    """Something asked of the user list is not allowed; the text is a message id for a person."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person. An empty ``password`` means that only one-time tokens let this person in."""

    name: str
    role: str
    password: str = ""
    salt: str = ""

    @property
    def rank(self) -> Role:
        """The role as a number that compares."""
        return ROLES[self.role]


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-time way in. ``name`` empty: the one who comes chooses name and password (the first administrator)."""

    digest: str
    role: str
    expires_s: float
    name: str = ""


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One logged-in browser."""

    digest: str
    name: str
    began_s: float
    seen_s: float


class _Book(msgspec.Struct, forbid_unknown_fields=True):
    """The file as it stands on disk."""

    secret: str
    users: dict[str, User] = {}
    tokens: list[Token] = []
    sessions: dict[str, Session] = {}
    schema: int = 1


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _scrypt(password: str, salt: str) -> str:
    # NFC: the same Vietnamese letters typed on two phones must be the same password.
    text = unicodedata.normalize("NFC", password).encode()
    return hashlib.scrypt(text, salt=bytes.fromhex(salt), maxmem=64 * 2**20, dklen=32, **_SCRYPT).hex()


def check_password(password: str, name: str) -> None:
    """Raise UserError when ``password`` is too short, too long, too common or the name itself."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise UserError(N_("The password needs 10 to 200 characters. Four plain words make a good one."))
    folded = password.casefold()
    if folded in _COMMON or len(set(folded)) < 4 or folded.strip("0123456789") == name:
        raise UserError(N_("That password is among the first that a stranger would try. Choose another."))


class Users:
    """The people of one farm, kept in one 0600 file that console and command line share.

    Every call reads the file anew when it changed; every change holds a lock beside it, so none is lost.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._book = _Book(secret=secrets.token_hex(32))
        self._read()

    def _read(self) -> _Book:
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            return self._book
        stamp = (seen.st_mtime_ns, seen.st_ino)
        if stamp != self._stamp:
            try:
                self._book = msgspec.json.decode(self._path.read_bytes(), type=_Book)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UserError(
                    N_("{file}: not a list of users ({seen}); restore it from a backup"),
                    file=str(self._path),
                    seen=str(error),
                ) from error
            self._stamp = stamp
        return self._book

    @contextmanager
    def _changing(self) -> Iterator[_Book]:
        """Hold the lock, read what others wrote, and write the file when the block ends without an error."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # held for milliseconds; ends with the file
            yield self._read()
            self._write()

    def _write(self) -> None:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".users-")  # 0600 from the start
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(self._book), indent=1))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:  # whatever happened, the half-written file goes; then it is raised on
            Path(name).unlink(missing_ok=True)
            raise
        seen = self._path.stat()
        self._stamp = (seen.st_mtime_ns, seen.st_ino)

    @property
    def secret(self) -> str:
        """The key that signs this farm's cookies; made once, kept in the file."""
        self._read()
        if self._stamp is None:
            with self._changing():
                pass  # the file is made with the key that this object was born with
        return self._book.secret

    def people(self) -> list[User]:
        """Give everyone, by name."""
        return sorted(self._read().users.values(), key=lambda user: user.name)

    def find(self, name: str) -> User | None:
        """Give the person called ``name``."""
        return self._read().users.get(name)

    def add(self, name: str, role: Role, password: str = "") -> User:
        """Add a person; without a password only one-time tokens let them in."""
        user = self._made(name, role, password)
        with self._changing() as book:
            self._put(book, user)
        return user

    def _made(self, name: str, role: Role, password: str) -> User:
        if not NAME_PATTERN.fullmatch(name):
            raise UserError(
                N_("A name has 1 to 32 of a-z, 0-9, dot, dash and underscore, and begins with a letter or a digit.")
            )
        return self._with_password(User(name, role.word), password) if password else User(name, role.word)

    def _put(self, book: _Book, user: User) -> None:
        if user.name in book.users:
            raise UserError(N_("This name is taken."))
        if len(book.users) >= MAX_USERS:
            raise UserError(N_("There are already as many people as the list holds."))
        book.users[user.name] = user

    def _with_password(self, user: User, password: str) -> User:
        check_password(password, user.name)
        salt = secrets.token_hex(16)
        return User(user.name, user.role, _scrypt(password, salt), salt)

    def _known(self, name: str) -> User:
        user = self._read().users.get(name)
        if user is None:
            raise UserError(N_("There is nobody of this name."))
        return user

    def _keep_an_admin(self, but: str) -> None:
        if not any(user.rank == Role.ADMIN and user.name != but for user in self._book.users.values()):
            raise UserError(N_("At least one administrator must stay."))

    def set_password(self, name: str, password: str) -> None:
        """Give ``name`` a new password and end all of their sessions."""
        changed = self._with_password(self._known(name), password)
        with self._changing() as book:
            book.users[name] = msgspec.structs.replace(changed, role=self._known(name).role)
            self._end_sessions(name)

    def set_role(self, name: str, role: Role) -> None:
        """Give ``name`` another role; it holds from their next click."""
        with self._changing() as book:
            user = self._known(name)
            if role != Role.ADMIN:
                self._keep_an_admin(but=name)
            book.users[name] = msgspec.structs.replace(user, role=role.word)

    def remove(self, name: str) -> None:
        """Remove ``name`` and end their sessions and tokens."""
        with self._changing() as book:
            if self._known(name).rank == Role.ADMIN:
                self._keep_an_admin(but=name)
            del book.users[name]
            book.tokens = [token for token in book.tokens if token.name != name]
            self._end_sessions(name)

    def _end_sessions(self, name: str) -> None:
        self._book.sessions = {k: session for k, session in self._book.sessions.items() if session.name != name}

    # -- one-time tokens

    def first_token(self, now_s: float) -> str:
        """Give a token for the first administrator; only while there is nobody."""
        with self._changing() as book:
            if book.users:
                raise UserError(N_("There are people already; an administrator adds others."))
            book.tokens = []
            return self._new_token(Role.ADMIN, "", now_s)

    def token_for(self, name: str, now_s: float) -> str:
        """Give a token that lets ``name`` in once, within 15 minutes."""
        with self._changing():
            return self._new_token(self._known(name).rank, name, now_s)

    def _new_token(self, role: Role, name: str, now_s: float) -> str:
        key = secrets.token_urlsafe(18)
        live = [token for token in self._book.tokens if token.expires_s > now_s]
        live.append(Token(_digest(key), role.word, now_s + TOKEN_LIFE_S, name))
        self._book.tokens = live[-MAX_TOKENS:]
        return key

    def look_at_token(self, key: str, now_s: float) -> Token | None:
        """Say what ``key`` would open, without using it up (link previews fetch pages)."""
        digest = _digest(key)
        for token in self._read().tokens:
            if hmac.compare_digest(token.digest, digest) and now_s < token.expires_s <= now_s + TOKEN_LIFE_S:
                return token
        return None

    def use_token(self, key: str, now_s: float, name: str = "", password: str = "") -> User:
        """Use ``key`` up and give the person it stands for; the first administrator brings name and password."""
        chosen = self._made(name, Role.ADMIN, password) if name else None
        with self._changing() as book:
            token = self.look_at_token(key, now_s)
            if token is None or (not token.name and book.users):
                raise UserError(N_("This link has been used or is over 15 minutes old. Make a new one at the machine."))
            if token.name:
                user = self._known(token.name)
            elif chosen is None or not chosen.password:
                raise UserError(N_("Choose a name and a password."))
            else:
                user = chosen
                self._put(book, user)
            book.tokens = [other for other in book.tokens if other.digest != token.digest]
        return user

    # -- passwords and sessions

    def verify(self, name: str, password: str) -> User | None:
        """Give the person whose password this is; takes as long for a name that nobody has."""
        user = self._read().users.get(name)
        stored = user.password if user and user.password else "00" * 32
        salt = user.salt if user and user.password else "00" * 16
        same = hmac.compare_digest(_scrypt(password[:PASSWORD_MAX], salt), stored)
        return user if same and user and user.password else None

    def open_session(self, name: str, now_s: float) -> str:
        """Begin a session for ``name`` and give its key (for the cookie)."""
        key = secrets.token_urlsafe(24)
        with self._changing() as book:
            self._known(name)
            live = {k: session for k, session in book.sessions.items() if self._alive(session, now_s)}
            for oldest in sorted(live, key=lambda k: live[k].seen_s)[: max(0, len(live) - MAX_SESSIONS + 1)]:
                del live[oldest]
            live[_digest(key)] = Session(_digest(key), name, now_s, now_s)
            book.sessions = live
        return key

    def _alive(self, session: Session, now_s: float) -> bool:
        return now_s - session.seen_s < SESSION_IDLE_S and now_s - session.began_s < SESSION_LIFE_S

    def session_user(self, key: str, now_s: float) -> User | None:
        """Give the person of a session that is alive, and remember that it was used."""
        book = self._read()
        session = book.sessions.get(_digest(key))
        if session is None or not self._alive(session, now_s):
            return None
        if now_s - session.seen_s > SESSION_TOUCH_S:
            with self._changing() as book:
                if session.digest in book.sessions:  # not logged out elsewhere meanwhile
                    book.sessions[session.digest] = msgspec.structs.replace(session, seen_s=now_s)
        return book.users.get(session.name)

    def close_session(self, key: str) -> None:
        """End a session on the server's side."""
        if _digest(key) in self._read().sessions:
            with self._changing() as book:
                book.sessions.pop(_digest(key), None)
