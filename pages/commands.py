# SPDX-License-Identifier: Apache-2.0
r"""Puts a program's commands into the language of the run: help, options, epilogs, questions, and click's own words.

The rule it keeps: the commands as they are written are not touched; each run speaks through a copy. A help text is
translated paragraph by paragraph; of a paragraph that click leaves alone (``\b``) what begins with ``vuon`` is typed
by people and stays as it is.
"""

import copy
import inspect
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click

from pages.click_words import again
from pages.words import N_, Words

OPTIONS: Final = N_("[OPTIONS]")
COMMAND: Final = N_("COMMAND [ARGS]...")
EXTRAS: Final = re.compile(r"(.*?)\[([^\[\]]*)\]", re.DOTALL)
PIECES: Final = re.compile(r"(^ +| {2,})")
TYPED: Final = "vuon"

Said = Callable[[str], str]


class SpokenFormatter(click.HelpFormatter):
    """Writes a help page with click's own words in the language of the run."""

    say: Words

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, f"{again('Usage:', self.say)} " if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        super().write_heading(again(heading, self.say))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list; what click adds to an option stands in brackets at its end: ``[default: 80; required]``."""
        super().write_dl([(term, self._told(text)) for term, text in rows], col_max, col_spacing)

    def _told(self, text: str) -> str:
        added = EXTRAS.fullmatch(text)
        if added is None:
            return again(text, self.say)
        return f"{added[1]}[{'; '.join(again(one, self.say) for one in added[2].split('; '))}]"


class SpokenContext(click.Context):
    """Hands the words of the run, which are the context's object, to the help page."""

    def make_formatter(self) -> click.HelpFormatter:
        """Give a formatter of the context's widths."""
        formatter = SpokenFormatter(width=self.terminal_width, max_width=self.max_content_width)
        say = self.find_object(Words)
        assert say is not None
        formatter.say = say
        return formatter


def _lines(text: str, said: Said) -> str:
    """Translate the lines of a paragraph that is not wrapped, each in pieces: ``vuon order list    what it is``."""
    lines = []
    for line in text.split("\n"):
        pieces = PIECES.split(line)
        lines.append("".join(one if not one.strip() or one.startswith(TYPED) else said(one) for one in pieces))
    return "\n".join(lines)


def _text(text: str | None, said: Said) -> str | None:
    """Translate a help text."""
    if not text:
        return text
    paragraphs = inspect.cleandoc(text).partition("\f")[0].rstrip().split("\n\n")
    return "\n\n".join(
        "\b\n" + _lines(one[2:], said) if one.startswith("\b\n") else said(" ".join(one.split())) for one in paragraphs
    )


def _parameter(parameter: click.Parameter, said: Said) -> click.Parameter:
    copied = copy.copy(parameter)
    if isinstance(copied, click.Option):
        copied.help = said(copied.help) if copied.help else copied.help
        copied.prompt = said(copied.prompt) if copied.prompt else copied.prompt
        plain = not copied.is_flag and not copied.count and copied.nargs == 1
        if plain and copied.metavar is None and not isinstance(copied.type, click.Choice):
            copied.metavar = said(copied.type.name.upper())
    return copied


def _copied(command: click.Command, said: Said) -> click.Command:
    copied = copy.copy(command)
    copied.help = _text(command.help, said)
    # In the list of its group a command stands with its whole first paragraph; click would cut it at the line's end.
    copied.short_help = said(command.short_help) if command.short_help else (copied.help or "").split("\n\n")[0]
    copied.epilog = _text(command.epilog, said)
    copied.options_metavar = said(OPTIONS)
    copied.params = [_parameter(one, said) for one in command.params]
    if isinstance(copied, click.Group):
        copied.subcommand_metavar = said(COMMAND)
    return copied


def in_words(command: click.Command, say: Words) -> click.Command:
    """Give a copy of a command, with all below it, that speaks ``say``'s language."""
    copied = _copied(command, say.text)
    copied.context_class = SpokenContext
    copied.context_settings = {**command.context_settings, "obj": say}
    if isinstance(copied, click.Group):
        copied.commands = {name: in_words(one, say) for name, one in copied.commands.items()}
    return copied


def message_ids(command: click.Command) -> list[str]:
    """Give every text that a command and all below it show to people."""
    found: list[str] = []

    def keep(text: str) -> str:
        found.append(text)
        return text

    _copied(command, keep)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            found += message_ids(below) if below is not None else []
    return found


def refusal(error: click.ClickException, say: Words) -> str:
    """Give what click writes about a wrong usage, in the language of the run."""
    told = io.StringIO()
    error.show(told)
    head, mark, message = told.getvalue().rstrip("\n").partition("Error: ")
    return "\n".join([*(again(line, say) for line in head.split("\n")[:-1]), again(mark + message, say)])


class Spoken(click.Group):
    """The top of a program: asks once for the words of the run and says everything with them."""

    def __init__(self, *args: Any, speech: Callable[[], Words], **settings: Any) -> None:
        """Keep ``speech``, which gives the words; it is asked when the program starts, not when it is loaded."""
        super().__init__(*args, **settings)
        self.speech = speech

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program; what click refuses is said in the language of the run."""
        say = self.speech()
        said = in_words(self, say)
        if not standalone_mode:
            return click.Group.main(said, args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = click.Group.main(said, args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            click.echo(refusal(error, say), err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo(again("Aborted!", say), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)
