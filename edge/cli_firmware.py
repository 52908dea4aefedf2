# SPDX-License-Identifier: Apache-2.0
"""``vuon firmware``: build the microcontroller's program, look at images and boards, flash, read what boards told.

The rule it keeps: nothing unsigned or of other messages reaches a board unless a person asks for it in so many words;
success is what the board says after it, not what a tool says.
"""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge.exits import FAILED, LOG_FILE, NO_DEVICE, REFUSED, TRY_AGAIN, USAGE, speech, state_folder
from pages.words import N_, error_text

if TYPE_CHECKING:
    from firmware_bridge.board_word import BoardWord
    from firmware_bridge.flash import Hands, Update
    from firmware_bridge.image import ImageRefused, Manifest

BOARDS: Final = ("avr-nano", "linux")
FLASHED: Final = ("avr-nano", "esp32")  # avrdude through optiboot, esptool
STEPS: Final = {
    "done": N_("The board runs {version} and has said so itself."),
    "refused": N_("Nothing was written; the step above says why."),
    "rolled_back": N_("The new image failed; the board runs the last good one again."),
    "bricked": N_("The board does not answer any more; flash it again, or over its ISP pins."),
}
HOST: Final = 0x76756F6E


@click.group()
def firmware() -> None:
    """Build, look at, flash and question the microcontroller boards.

    \b
    Example:
      vuon firmware build --board avr-nano --sign release-key.pem
      vuon firmware flash build/firmware/vuon-avr.hex --port /dev/serial/by-id/usb-1a86_... --key release.pem
    """  # noqa: D301 click wants the \b


@firmware.command()
@click.option("--board", type=click.Choice(BOARDS), default="avr-nano", show_default=True, help="For which board.")
@click.option("--sign", "key_file", type=click.Path(path_type=Path, dir_okay=False), help="Sign with this Ed25519 key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(board: str, key_file: Path | None, as_json: bool) -> None:
    """Build the image of a board and write its manifest beside it.

    Exit codes: 0 built, 1 the compiler failed, 2 the key cannot be used.

    \b
    Example:
      vuon firmware build --board avr-nano
    """  # noqa: D301 click wants the \b
    from edge.firmware_images import BuildFailed, KeyUnusable, private_key
    from edge.firmware_images import build as make

    try:
        image, manifest = make(board, private_key(key_file) if key_file is not None else None)
    except KeyUnusable as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(USAGE) from None
    except BuildFailed as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(FAILED) from None
    _tell(_of_image(image, manifest, "signed" if manifest.signature else "unsigned"), as_json)


@firmware.command()
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--port", help="Ask the board on this port; opening it resets the board.")
@click.option("--key", "keys", type=click.Path(path_type=Path), multiple=True, help="A public key that is trusted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(image: Path | None, port: str | None, keys: tuple[Path, ...], as_json: bool) -> None:
    """Tell version, messages, size and signature of IMAGE, or what the board on --port says of itself.

    Exit codes: 0 told, 1 the image is not there or damaged, 2 wrong usage, 4 no board answers, 5 it may not be flashed.

    \b
    Example:
      vuon firmware info build/firmware/vuon-avr.hex
      vuon firmware info --port /dev/serial/by-id/usb-1a86_...
    """  # noqa: D301 click wants the \b
    from edge.firmware_images import KeyUnusable, public_keys
    from firmware_bridge.image import ImageRefused, load, read_manifest

    if (image is None) == (port is None):
        click.echo(speech().text(N_("Name an image, or a port with --port.")), err=True)
        raise SystemExit(USAGE)
    if port is not None:
        _tell(_of_board(_ask(port)), as_json)
        return
    if image is None:
        raise AssertionError("either an image or a port was named")
    try:
        trusted = public_keys(keys)
        manifest = read_manifest(image)
    except KeyUnusable as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(USAGE) from None
    except ImageRefused as refused:
        raise SystemExit(_refused(refused, FAILED)) from None
    try:
        load(image, manifest.board, trusted)
    except ImageRefused as refused:
        state = "unsigned" if refused.hint == "firmware.unsigned" else refused.hint
        _tell(_of_image(image, manifest, state), as_json)
        raise SystemExit(_refused(refused, REFUSED)) from None
    _tell(_of_image(image, manifest, "valid"), as_json)


@firmware.command()
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--port", required=True, help="The board's port; the agent must not use it meanwhile.")
@click.option("--board", type=click.Choice(FLASHED), default="avr-nano", show_default=True, help="Its kind.")
@click.option("--key", "keys", type=click.Path(path_type=Path), multiple=True, help="A public key that is trusted.")
@click.option("--development", is_flag=True, help="Take an image that nobody signed: your own, on your own bench.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the last good image is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def flash(
    image: Path, port: str, board: str, keys: tuple[Path, ...], development: bool, state: Path | None, as_json: bool
) -> None:
    """Put IMAGE onto the board on --port: drain, write, verify, shake hands; go back if any of it fails.

    Exit codes: 0 the board runs it, 1 it failed (rolled back or not), 2 a key cannot be used, 4 the port is not there,
    5 the image was refused.

    \b
    Example:
      vuon firmware flash build/firmware/vuon-avr.hex --port /dev/serial/by-id/usb-1a86_... --key release.pem
    """  # noqa: D301 click wants the \b
    from edge.firmware_images import KeyUnusable, public_keys
    from edge.line_errands import run
    from firmware_bridge.flash import Step, update_board
    from firmware_bridge.image import ImageRefused, load

    try:
        manifest, _ = load(image, board, public_keys(keys), development=development)
    except KeyUnusable as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(USAGE) from None
    except ImageRefused as refused:
        raise SystemExit(_refused(refused, REFUSED)) from None
    kept = state_folder(state) / "firmware" / f"{board}-{Path(port).name}.hex"
    kept.parent.mkdir(parents=True, exist_ok=True)
    update: Update = run(update_board(image, manifest, kept, _hands(port, board)))
    fields = {"version": manifest.version}
    if as_json:
        click.echo(json.dumps({"outcome": update.step.value, "steps": update.log, **fields}, ensure_ascii=False))
    else:
        for line in update.log:
            click.echo(line)
        click.echo(speech().say(STEPS[update.step.value], fields))
    raise SystemExit(0 if update.step is Step.DONE else FAILED)


@firmware.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--board", default="", help="Only this board of farm.toml.")
@click.option("--hours", default=168.0, show_default=True, help="How many hours back.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def log(state: Path | None, board: str, hours: float, as_json: bool) -> None:
    """Tell what the boards reported: starts and their causes, stops, lost lines, other masters.

    Exit codes: 0 told, 1 nothing is stored, 75 there is no log.

    \b
    Example:
      vuon firmware log --board pepper-1-board
    """  # noqa: D301 click wants the \b
    from edge.console.reason_words import reason_words
    from edge.console.sentences import say
    from pages.numbers import moment
    from telemetry.history import LogReader
    from telemetry.records import Event
    from telemetry.rows import DiskError

    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    until_ms = time.time_ns() // 1_000_000 + 1
    try:
        stored = reader.events(until_ms - round(hours * 3.6e6), until_ms)
    finally:
        reader.close()
    book, words, told = reason_words(), speech(), 0
    for one in stored:
        event = one.record
        if not isinstance(event, Event) or event.kind == "alarm.call":
            continue
        code = str(event.fields.get("alarm", event.kind))
        if not code.startswith("mcu.") or board not in {"", event.subject}:
            continue
        told += 1
        ended = event.kind == "alarm.cleared"
        said = words.text(N_("It is over.")) if ended else say(code, event.fields, book, words).text
        if as_json:
            row = {"at_ms": one.wall_ms, "board": event.subject, "kind": event.kind, "code": code, "text": said}
            click.echo(json.dumps(row | {"severity": event.severity, "fields": event.fields}, ensure_ascii=False))
        else:
            click.echo(f"{moment(one.wall_ms)}  {event.subject}  {code}  {said}")
    if not told:
        click.echo(words.text(N_("No board has told anything in this time.")), err=True)
        raise SystemExit(FAILED)


def _hands(port: str, board: str) -> "Hands":
    from firmware_bridge.flash import TOOLS, Hands, run_tool, tool_missing

    say = speech()

    async def drain() -> str:
        missing = tool_missing(board)
        if missing:
            return missing
        # Opening the line has reset the board; one that does not answer runs nothing that could hold a pin.
        word = await _word(port, 3.0)
        if word is None:
            return ""
        if word.kind not in {"", board}:
            return _other_board(word, board)
        return say.say(N_("outputs {bits} are on"), {"bits": f"{word.on:b}"}) if word.on else ""

    async def handshake(version: str) -> str:
        word = await _word(port, 30.0)
        if word is None:
            return say.text(N_("the board does not answer"))
        if word.mismatch:
            return say.say(N_("the board speaks other messages: {seen}"), {"seen": word.mismatch[0]})
        if word.kind != board:
            return _other_board(word, board)
        return "" if version in {"", word.version} else say.say(N_("the board says {seen}"), {"seen": word.about})

    return Hands(
        drain=drain,
        write=lambda path: run_tool(TOOLS[board](port, path, verify=False)),
        verify=lambda path: run_tool(TOOLS[board](port, path, verify=True)),
        handshake=handshake,
    )


def _other_board(word: "BoardWord", board: str) -> str:
    return speech().say(N_("the board says {seen}, the image is for {board}"), {"seen": word.about, "board": board})


async def _word(port: str, patience_s: float) -> "BoardWord | None":
    from drivers.line_settings import LineSettings
    from drivers.serial_port import opener
    from firmware_bridge.board_word import ask_board

    return await ask_board(opener(port, LineSettings(baud=115200)), HOST, patience_s)


def _ask(port: str) -> "BoardWord":
    from edge.line_errands import run

    word = run(_word(port, 10.0))
    if word is None:
        click.echo(speech().say(N_("No board answers on {port}."), {"port": port}), err=True)
        raise SystemExit(NO_DEVICE)
    return word


def _of_image(image: Path, manifest: "Manifest", signature: str) -> dict[str, Any]:
    from edge.firmware_images import flash_bytes
    from firmware_bridge.dictionary import PROTOCOL
    from firmware_bridge.image import host_dictionary_crc

    agrees = manifest.protocol == PROTOCOL and manifest.dictionary_crc == host_dictionary_crc()
    return {
        "image": str(image), "board": manifest.board, "version": manifest.version, "protocol": manifest.protocol,
        "dictionary": f"{manifest.dictionary_crc:04x}", "speaks_our_messages": agrees, "bytes": flash_bytes(image),
        "sha256": manifest.sha256, "signature": signature,
    }  # fmt: skip


def _of_board(word: "BoardWord") -> dict[str, Any]:
    return {
        "about": word.about, "version": word.version, "speaks_our_messages": not word.mismatch,
        "differences": list(word.mismatch), "boots": word.boots, "reset_cause": word.cause, "epoch": word.epoch,
        "configured": word.configured, "config": f"{word.config_crc:08x}", "stopped_by": word.shutdown,
        "outputs_on": word.on,
    }  # fmt: skip


def _tell(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    for name, value in row.items():
        click.echo(f"{name:20} {value}")


def _refused(refused: "ImageRefused", code: int) -> int:
    from edge.console.device_words import FIRMWARE

    words, known = speech(), FIRMWARE[refused.hint]
    click.echo(f"{error_text(refused, words)}: {words.text(known.msgid)} {words.text(known.check)}", err=True)
    return code
