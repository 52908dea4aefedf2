# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub``: runs the cooperative's hub, writes its reports and gives signed orders.

The rule it keeps: data on standard output, messages on standard error; exit codes 0 done, 1 failed, 2 wrong usage,
3 configuration refused, 5 refused by the farm, 75 try again (the store is away).
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from cooperative.cli_command import command
from cooperative.cli_config import config_option
from cooperative.cli_recalibrated import recalibrated
from cooperative.cli_refused import refused
from cooperative.speech import speech
from pages.commands import Spoken
from pages.numbers import FARM_ZONE, LANGUAGES
from pages.words import N_, Words, error_text

if TYPE_CHECKING:
    from cooperative.config import HubConfig
    from cooperative.report.build import Report

EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 3
EXIT_TRY_AGAIN: Final = 75
FORMATS: Final = ("pdf", "csv", "json")


@click.group(
    cls=Spoken, speech=speech, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="vuon", message="%(version)s")
def main() -> None:
    """The cooperative's side of Vườn: takes in what farms send, and reports on it.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration refused, 75 try again.
    """


main.add_command(command)
main.add_command(refused)
main.add_command(recalibrated)


def _configured(path: Path) -> "HubConfig":
    """Begin to log on standard error and read hub.toml, or end with what is wrong in it."""
    from cooperative.config import ConfigError, load_config

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        return load_config(path)
    except ConfigError as error:
        _fail(error_text(error, speech()), EXIT_CONFIG)


@main.command()
@config_option
def run(path: Path) -> None:
    """Take in telemetry until stopped, and acknowledge what the store can give back.

    \b
    Example:
      vuon-hub run --config /etc/vuon/hub.toml
    """  # noqa: D301 click wants the \b
    from cooperative.hub import run_hub, run_workers

    config = _configured(path)
    try:
        if config.workers == 1:
            asyncio.run(run_hub(config))
        else:
            run_workers(config)
    except KeyboardInterrupt:
        return


@main.command()
@config_option
def bridge(path: Path) -> None:
    """Carry between a region's MQTT broker and the NATS cluster until stopped.

    \b
    Example:
      vuon-hub bridge --config /etc/vuon/region.toml
    """  # noqa: D301 click wants the \b
    from cooperative.hub import run_bridge

    config = _configured(path)
    try:
        asyncio.run(run_bridge(config))
    except ValueError as error:
        _fail(error_text(error, speech()), EXIT_CONFIG)
    except KeyboardInterrupt:
        return


@main.command()
@click.option("--period", required=True, help="2026, 2026-Q4, 2026-11, 2026-11-22 or 2026-11-01..2026-11-15.")
@click.option("--format", "formats", default="pdf,csv,json", show_default=True, help="Which files, by commas.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The hub's configuration (hub.toml).")
@click.option("--farm", type=click.Path(path_type=Path), help="One farm's state folder, instead of a hub.")
@click.option("--member", default="", help="Only this member cooperative.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder to write to.")
@click.option("--lang", type=click.Choice(LANGUAGES), default=None, help="Language of the page and the sheet.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON instead of writing files.")
def report(
    period: str,
    formats: str,
    path: Path | None,
    farm: Path | None,
    member: str,
    out: Path,
    lang: str | None,
    as_json: bool,
) -> None:
    """Write a period's report: six indicators with their coverage and grade.

    \b
    Example:
      vuon-hub report --config hub.toml --period 2026-11 --format pdf,csv,json --out reports
    """  # noqa: D301 click wants the \b
    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    unknown = sorted(set(chosen) - set(FORMATS))
    if unknown or not chosen:
        raise click.UsageError(
            speech().say(
                N_("--format: {seen} is not among {known}"),
                {"seen": ", ".join(unknown) or "-", "known": ", ".join(FORMATS)},
            )
        )
    if (path is None) == (farm is None):
        raise click.UsageError(speech().text(N_("give either --config (a hub) or --farm (one farm's state folder)")))
    _write_report(period, chosen, path, farm, member, out, speech(lang), as_json=as_json)


def _write_report(
    period: str,
    formats: list[str],
    path: Path | None,
    farm: Path | None,
    member: str,
    out: Path,
    speak: Words,
    *,
    as_json: bool,
) -> None:
    from cooperative.config import ConfigError
    from cooperative.report.build import NothingToReport
    from cooperative.report.gathered import NoFarmHere
    from cooperative.report.paper import pdf_bytes
    from cooperative.report.period import PeriodError
    from cooperative.report.sheets import csv_bytes, json_bytes
    from pages.paper import PaperError
    from telemetry.ports import StoreError

    try:
        made = _compute(period, path, farm, member)
    except ConfigError as error:
        _fail(error_text(error, speech()), EXIT_CONFIG)
    except PeriodError as error:
        raise click.UsageError(f"--period: {error_text(error, speech())}") from error
    except NothingToReport:
        _fail(speak.text(N_("No farm has told the hub about itself yet; nothing can be reported.")), EXIT_FAILED)
    except NoFarmHere as error:
        _fail(error_text(error, speech()), EXIT_FAILED)
    except StoreError as error:
        _fail(error_text(error, speech()), EXIT_TRY_AGAIN)
    if as_json:
        sys.stdout.buffer.write(json_bytes(made))
        return
    out.mkdir(parents=True, exist_ok=True)
    name = f"vuon-{period.replace('..', '_').replace(':', '')}"
    try:
        for kind in formats:
            target = out / f"{name}.{kind}"
            match kind:
                case "pdf":
                    target.write_bytes(pdf_bytes(made, speak))
                case "csv":
                    target.write_bytes(csv_bytes(made, speak))
                case _:
                    target.write_bytes(json_bytes(made))
            click.echo(str(target))
    except (OSError, PaperError) as error:
        _fail(error_text(error, speech()), EXIT_FAILED)


def _compute(text: str, path: Path | None, farm: Path | None, member: str) -> "Report":
    """Read the evidence of a hub or of one farm, and compute the report."""
    from cooperative.report.build import build_report
    from cooperative.report.gathered import gather_from_farm
    from cooperative.report.period import parse_period

    now = datetime.now(UTC)
    if farm is not None:
        period = parse_period(text, FARM_ZONE, now)
        return build_report(gather_from_farm(farm, member, period.span), member, period, now)
    assert path is not None
    return asyncio.run(_from_hub(text, path, member, now))


async def _from_hub(text: str, path: Path, member: str, now: datetime) -> "Report":
    from cooperative.config import load_config
    from cooperative.hub import open_store, profiles
    from cooperative.report.build import build_report
    from cooperative.report.gathered import gather_from_store
    from cooperative.report.period import parse_period

    config = load_config(path)
    period = parse_period(text, config.timezone, now)
    store = open_store(config.store, Path(config.state))
    try:
        evidence = await gather_from_store(store, profiles(config).values(), member, period.span)
    finally:
        await store.close()
    return build_report(evidence, member, period, now)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
