# SPDX-License-Identifier: Apache-2.0
"""``vuon demo``: two greenhouses on this machine, without any hardware.

The rule it keeps: it says where to look and how to come in, and leaves nothing running.
"""

import asyncio
import signal
from pathlib import Path

import click

from edge.exits import FAILED, speech, state_folder
from pages.words import N_


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the demo keeps its data.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Another farm to play.")
@click.option("--port", default=8080, show_default=True, help="The console's port; 0 takes any free one.")
@click.option("--lan", is_flag=True, help="Let other machines of the local network see the page.")
@click.option("--headless", is_flag=True, help="Without the page: run for --seconds, check, print JSON, end.")
@click.option("--seconds", default=60.0, show_default=True, help="How long the headless check runs; at least 20.")
def demo(state: Path | None, config: Path | None, port: int, lan: bool, headless: bool, seconds: float) -> None:
    """Show a pepper house in Đà Lạt and a melon house in Tây Ninh, measured and controlled over real serial lines.

    Exit codes: 0 done, 1 the self-check failed. The last line of --headless is JSON: points_stored, decisions,
    commands, overruns and more.

    \b
    Example:
      vuon demo
      vuon demo --headless --seconds 60
    """  # noqa: D301 click wants the \b
    from edge.demo import EXAMPLE, DemoFailed, die_with_parent, run_checked
    from edge.kernel_cache import begin

    say = speech()
    folder = state_folder(state) if state is not None else state_folder(None) / "demo"
    source = config or EXAMPLE
    click.echo(say.text(N_("Starting ...")))
    compiler = begin(die_with_parent)
    if compiler is not None:
        click.echo(
            say.text(N_("The kernels are compiled in the background; until the next start plain Python computes."))
        )
    try:
        if headless:
            found = run_checked(folder, source, max(seconds, 20.0))
            for fault in found.faults:
                click.echo(fault, err=True)
            click.echo(found.as_json())
            raise SystemExit(FAILED if found.faults else 0)
        _show(folder, source, port, lan)
    except DemoFailed as failed:
        click.echo(say.say(N_("The demo failed: {seen}"), {"seen": str(failed)}), err=True)
        raise SystemExit(FAILED) from None
    finally:
        if compiler is not None:
            compiler.terminate()
            compiler.wait()


def _show(folder: Path, source: Path, port: int, lan: bool) -> None:
    from drivers.bus import fine_timer_loop
    from edge.demo import Demo, console_address

    async def main() -> None:
        say = speech()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        play = Demo(folder, source)
        async with play.field(), play.agent() as agent, play.console(port, lan=lan) as console:
            await play.agent_answers(agent)
            address = await console_address(console)
            click.echo(say.say(N_("Open {address}"), {"address": address}))
            click.echo(say.say(N_("First login, once, within 15 minutes: {link}"), {"link": play.invitation(address)}))
            click.echo(say.text(N_("Ctrl-C ends the demo.")))
            ends = [asyncio.create_task(stop.wait()), asyncio.create_task(agent.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main())
