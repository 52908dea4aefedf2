# SPDX-License-Identifier: Apache-2.0
"""Every command of both programs speaks Vietnamese, from its help to click's refusals; the commands are not touched."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cooperative.cli import main as hub
from edge.cli import main as farm
from pages.commands import Spoken, in_words, message_ids
from pages.words import words

ENGLISH = re.compile(
    r"Usage:|Options|Commands:|Example|Exit codes|default:|required|Show this|OPTIONS|ARGS"
    r"|\b(the|with|without|which|and|of|for|is|are|its|from)\b"
)


def commands(program: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(program, click.Group):
        for name in program.list_commands(click.Context(program)):
            below = program.get_command(click.Context(program), name)
            assert below is not None
            yield from commands(below, (*path, name))


def below(program: click.Command, path: tuple[str, ...]) -> click.Command:
    for name in path:
        assert isinstance(program, click.Group)
        found = program.get_command(click.Context(program), name)
        assert found is not None
        program = found
    return program


PAGES = [(program, path) for program in (farm, hub) for path in commands(program)]


@pytest.mark.parametrize(("program", "path"), PAGES, ids=lambda one: "-".join(one) if isinstance(one, tuple) else "")
def test_a_help_page_is_vietnamese_from_top_to_bottom(program: Spoken, path: tuple[str, ...]) -> None:
    page = CliRunner().invoke(program, [*path, "--help"], env={"LC_ALL": "vi_VN.UTF-8"}, prog_name="vuon")
    assert page.exit_code == 0
    # What is typed stays: examples, names of files and options, and what an option may be.
    read = "\n".join(line for line in page.output.splitlines() if not line.lstrip().startswith("vuon"))
    assert ENGLISH.search(re.sub(r"--[a-z-]+|`[^`]*`|\[[^\]]*\|[^\]]*\]", "", read)) is None, page.output
    assert max(map(len, read.splitlines())) <= 110


@pytest.mark.parametrize("program", [farm, hub], ids=["vuon", "vuon-hub"])
def test_every_text_has_a_translation(program: click.Command) -> None:
    assert [text for text in message_ids(program) if words("vi").text(text) == text] == []


@pytest.mark.parametrize(("program", "path"), PAGES, ids=lambda one: "-".join(one) if isinstance(one, tuple) else "")
def test_every_command_and_option_says_what_it_does(program: click.Command, path: tuple[str, ...]) -> None:
    command = below(program, path)
    assert command.help
    assert [one.opts for one in command.params if isinstance(one, click.Option) and not one.help] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bus", "scan"], "Lỗi: Thiếu tham số 'PORT'."),
        (["bus", "scan", "x", "--wait", "3"], "Giá trị của '--wait' không đúng: 3 không nằm trong khoảng 10<=x<=5000."),
        (["bus", "scan", "x", "--hulp"], "Không có tùy chọn '--hulp'. Có phải ý bạn là '--help'?"),
        (["bos"], "Không có lệnh 'bos'. Có phải ý bạn là 'bus'?"),
        (["bus", "scan", "x", "--addresses", "9-"], "'9-': hãy viết địa chỉ như 1-32 hoặc 1,5,9"),
        (["certificate", "tank"], "'tank' không phải tên chuỗi số đo; hãy viết nơi/đại lượng"),
        (
            ["bus", "readdress", "x", "1", "2", "--type", "xy-md"],
            "không biết loại thiết bị 'xy-md'; tên gần giống: xy-md02",
        ),
    ],
)
def test_wrong_usage_is_refused_in_vietnamese(arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(farm, arguments, env={"LC_ALL": "vi_VN.UTF-8"}, prog_name="vuon")
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("Lỗi: ")
    assert re.search("Usage|Error|Try ", refused.stderr) is None


def test_a_group_without_a_command_shows_its_help_and_the_next_run_speaks_its_own_language() -> None:
    vi = CliRunner().invoke(farm, ["bus"], env={"LC_ALL": "vi_VN.UTF-8"}, prog_name="vuon")
    en = CliRunner().invoke(farm, ["bus"], env={"LC_ALL": "en_GB.UTF-8"}, prog_name="vuon")
    assert (vi.exit_code, en.exit_code) == (2, 2)
    assert "Cách dùng: vuon bus [TÙY CHỌN] LỆNH" in vi.stderr
    assert "Usage: vuon bus [OPTIONS] COMMAND [ARGS]..." in en.stderr


@click.group(cls=Spoken, speech=lambda: words("vi"))
def small() -> None:
    """Show this message and exit.

    \b
    Example:
      vuon demo                    an old probe
    """


@small.command()
@click.option("--yes", is_flag=True, help="Write to this file.")
def leave(yes: bool) -> int:
    """Aborted!"""
    if yes:
        raise click.Abort
    return 5


def test_lines_that_are_typed_stay_and_what_is_said_beside_them_is_translated() -> None:
    page = CliRunner().invoke(small, ["--help"]).output
    assert "Ví dụ:\n    vuon demo                    một đầu đo cũ" in page


def test_the_exit_code_of_a_command_and_of_a_break_are_clicks_own() -> None:
    assert CliRunner().invoke(small, ["leave"]).exit_code == 5
    broken = CliRunner().invoke(small, ["leave", "--yes"])
    assert (broken.exit_code, broken.stderr) == (1, "Đã bỏ dở!\n")
    with pytest.raises(click.Abort):
        small.main(["leave", "--yes"], standalone_mode=False)


def test_the_commands_themselves_are_not_touched() -> None:
    before = message_ids(small)
    in_words(small, words("vi"))
    assert message_ids(small) == before
    assert before[0] == "Show this message and exit."
