# SPDX-License-Identifier: Apache-2.0
"""``vuon demo``: two greenhouses on this machine, without any hardware.

The rule it keeps: it says where to look and how to come in, and leaves nothing running.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from edge.exits import FAILED, speech, state_folder
from pages.words import N_, Told, error_text

if TYPE_CHECKING:
    from edge.demo import Demo


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the demo keeps its data.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Another farm to play.")
@click.option("--port", default=8080, show_default=True, help="The console's port; 0 takes any free one.")
@click.option("--lan", is_flag=True, help="Let other machines of the local network see the page.")
@click.option("--headless", is_flag=True, help="Without the page: run for --seconds, check, print JSON, end.")
@click.option("--seconds", default=60.0, show_default=True, help="How long the headless check runs; at least 20.")
@click.option("--influx", is_flag=True, help="Send everything through Mosquitto and a hub into InfluxDB as well.")
def demo(
    state: Path | None, config: Path | None, port: int, lan: bool, headless: bool, seconds: float, influx: bool
) -> None:
    """Show a pepper house in Đà Lạt and a melon house in Tây Ninh, measured and controlled over real serial lines.

    Exit codes: 0 done, 1 the self-check failed. The last line of --headless is JSON: points_stored, decisions,
    commands, overruns and more; with --influx also what InfluxDB gave back of it.

    \b
    Example:
      vuon demo
      vuon demo --headless --seconds 60
      vuon demo --influx
    """  # noqa: D301 click wants the \b
    from edge.demo import EXAMPLE, DemoFailed, run_checked
    from edge.kernel_cache import begin

    say = speech()
    folder = state_folder(state) if state is not None else state_folder(None) / ("demo-influx" if influx else "demo")
    source = config or EXAMPLE
    click.echo(say.text(N_("Starting ...")))
    compiler = begin()
    if compiler is not None:
        click.echo(
            say.text(N_("The kernels are compiled in the background; until the next start plain Python computes."))
        )
    try:
        if headless and influx:
            from edge.demo_influx import run_checked as run_carried

            _told(*run_carried(folder, source, max(seconds, 20.0)))
        elif headless:
            found = run_checked(folder, source, max(seconds, 20.0))
            _told(found.faults, found.as_json())
        else:
            _show(folder, source, port, lan, influx)
    except DemoFailed as failed:
        click.echo(say.say(N_("The demo failed: {seen}"), {"seen": error_text(failed, say)}), err=True)
        raise SystemExit(FAILED) from None
    finally:
        if compiler is not None:
            compiler.terminate()
            compiler.wait()


def _told(faults: list[Told], line: str) -> NoReturn:
    for fault in faults:
        click.echo(error_text(fault, speech()), err=True)
    click.echo(line)
    raise SystemExit(FAILED if faults else 0)


def _show(folder: Path, source: Path, port: int, lan: bool, influx: bool) -> None:
    from drivers.bus import fine_timer_loop
    from edge.demo import Demo as Farm
    from edge.demo import console_address

    @contextlib.asynccontextmanager
    async def players() -> AsyncIterator[tuple["Demo", str]]:
        if not influx:
            yield Farm(folder, source), ""
            return
        from edge.demo_influx import playing
        from edge.demo_servers import DATABASE

        async with playing(folder, source) as (play, servers):
            yield play, f"{servers.influx_url}/query?db={DATABASE}&q=SHOW+MEASUREMENTS"

    async def main() -> None:
        say = speech()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with (
            players() as (play, database),
            play.field(),
            play.agent() as agent,
            play.console(port, lan=lan) as console,
        ):
            await play.agent_answers(agent)
            address = await console_address(console)
            click.echo(say.say(N_("Open {address}"), {"address": address}))
            click.echo(say.say(N_("First login, once, within 15 minutes: {link}"), {"link": play.invitation(address)}))
            if database:
                click.echo(say.say(N_("InfluxDB answers at {address}"), {"address": database}))
            click.echo(say.text(N_("Ctrl-C ends the demo.")))
            ends = [asyncio.create_task(stop.wait()), asyncio.create_task(agent.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main())
