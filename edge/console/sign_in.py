# SPDX-License-Identifier: Apache-2.0
"""Coming in and going out: password, one-time link, log-out, and the reader's language and look.

The rule it keeps: a one-time link is used up by pressing its button, never by opening it (messengers preview links);
a wrong name and a wrong password are told apart by nobody, neither by words nor by time.
"""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.console.desk import LANGUAGE_COOKIE, LOOK_COOKIE, LOOKS, SESSION_COOKIE, Desk
from edge.users import SESSION_LIFE_S, UserError
from pages.numbers import LANGUAGES
from pages.words import N_

YEAR_S: Final = 365 * 24 * 3600
_hashing = asyncio.Semaphore(2)  # one scrypt takes 32 MB


def _seen_address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _field(form: object, name: str) -> str:
    value = form.get(name, "") if hasattr(form, "get") else ""
    return value if isinstance(value, str) else ""


class SignIn:
    """The routes of coming in and going out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def login_page(self, request: Request) -> Response:
        """Show the login form."""
        return self._desk.render(request, "login.html", nobody=not self._desk.users.people(), message="", name="")

    async def login(self, request: Request) -> Response:
        """Let in who knows the password, and slow down who guesses."""
        desk = self._desk
        form = await request.form()
        name, password = _field(form, "name").strip().lower()[:64], _field(form, "password")
        keys = (f"name:{name}", f"from:{_seen_address(request)}")
        now_s = desk.clocks.mono_s()
        wait_s = desk.guard.wait_s(keys, now_s)
        if wait_s > 0:
            response = desk.render(
                request, "login.html", 429, nobody=False, name=name, wait_s=round(wait_s + 0.5),
                message=N_("Too many tries. Wait {seconds} seconds and try again."),
            )  # fmt: skip
            response.headers["retry-after"] = str(round(wait_s + 0.5))
            return response
        # Counted before the answer is known: a hundred tries at once are a hundred tries.
        desk.guard.failed(keys, now_s)
        async with _hashing:
            user = await asyncio.to_thread(desk.users.verify, name, password)
        if user is None:
            return desk.render(
                request, "login.html", 403, nobody=not desk.users.people(), name=name, wait_s=0,
                message=N_("That name and password do not fit. Check the spelling and capital letters."),
            )  # fmt: skip
        desk.guard.passed(keys)
        return self._come_in(request, user.name)

    def _come_in(self, request: Request, name: str) -> Response:
        desk = self._desk
        old = desk.session_key(request)
        if old:
            desk.users.close_session(old)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            SESSION_COOKIE,
            desk.signed(desk.users.open_session(name, desk.clocks.wall_s())),
            max_age=SESSION_LIFE_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path="/",
        )
        return response

    async def logout(self, request: Request) -> Response:
        """End the session here and in the browser."""
        self._desk.users.close_session(self._desk.session_key(request))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
        return response

    async def welcome_page(self, request: Request) -> Response:
        """Show what a one-time link opens, without using it up."""
        key = request.query_params.get("token", "")
        token = self._desk.users.look_at_token(key, self._desk.clocks.wall_s())
        return self._desk.render(
            request, "welcome.html", 200 if token else 410, token=token, key=key, message="", name=""
        )

    async def welcome(self, request: Request) -> Response:
        """Use the link up: the first administrator chooses name and password, others come straight in."""
        desk = self._desk
        form = await request.form()
        key, name = _field(form, "token"), _field(form, "name").strip().lower()
        keys = (f"from:{_seen_address(request)}",)
        if desk.guard.wait_s(keys, desk.clocks.mono_s()) > 0:
            return desk.render(request, "welcome.html", 429, token=None, key="", message="", name="")
        try:
            async with _hashing:
                user = await asyncio.to_thread(
                    desk.users.use_token, key, desk.clocks.wall_s(), name, _field(form, "password")
                )
        except UserError as error:
            token = desk.users.look_at_token(key, desk.clocks.wall_s())
            if token is None:
                desk.guard.failed(keys, desk.clocks.mono_s())
            return desk.render(
                request, "welcome.html", 422 if token else 410, token=token, key=key, message=str(error), name=name
            )
        return self._come_in(request, user.name)

    async def look(self, request: Request) -> Response:
        """Remember language and look in this browser, and go back to the page."""
        form = await request.form()
        back = _field(form, "back")
        response = RedirectResponse(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/", 303)
        for cookie, allowed in ((LANGUAGE_COOKIE, LANGUAGES), (LOOK_COOKIE, LOOKS)):
            value = _field(form, cookie.removeprefix("vuon_"))
            if value in allowed:
                response.set_cookie(cookie, value, max_age=YEAR_S, samesite="strict", httponly=True, path="/")
        return response
