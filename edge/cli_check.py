# SPDX-License-Identifier: Apache-2.0
"""``vuon check``: every mistake in farm.toml with file, line and path; then whether the ports are there.

The rule it keeps: it changes nothing and opens nothing.
"""

import json
from pathlib import Path

import click

from edge.exits import BAD_CONFIG, NO_DEVICE, config_file, speech
from pages.words import N_


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as one JSON object.")
@click.option("--no-ports", is_flag=True, help="Do not look whether the serial ports exist here.")
def check(file: Path | None, as_json: bool, no_ports: bool) -> None:
    """Check FILE (farm.toml) and name every mistake with its line.

    Exit codes: 0 all is well, 3 the file is wrong, 4 a port is not there.

    \b
    Example:
      vuon check farm.toml
    """  # noqa: D301 click wants the \b
    from edge.config import load
    from edge.config_ports import missing_ports
    from edge.toml_reader import Problem, SettingsRefused

    path = config_file(file)
    problems: list[Problem] = []
    code = 0
    try:
        config = load(path)
        if not no_ports:
            problems = missing_ports(config, path)
            code = NO_DEVICE if problems else 0
    except OSError as error:
        problems = [Problem("(file)", 0, N_("cannot be read: {seen:t}"), {"seen": error.strerror or str(error)})]
        code = BAD_CONFIG
    except SettingsRefused as refused:
        problems, code = refused.problems, BAD_CONFIG
    report(path, problems, as_json)
    raise SystemExit(code)


def report(path: Path, problems: "list[Problem]", as_json: bool) -> None:  # type: ignore[name-defined] # noqa: F821
    """Print problems the way compilers do, so that editors find the line."""
    say = speech()
    if as_json:
        rows = [
            {"file": str(path), "line": p.line, "path": p.path, "problem": say.say(p.message, p.fields)}
            for p in problems
        ]
        click.echo(json.dumps({"ok": not problems, "problems": rows}, ensure_ascii=False))
        return
    for p in problems:
        click.echo(f"{path}:{p.line}: {p.path}: {say.say(p.message, p.fields)}", err=True)
    if problems:
        click.echo(say.count("{n} problem", "{n} problems", len(problems)), err=True)
    else:
        click.echo(say.say(N_("{file} is well"), {"file": str(path)}))
