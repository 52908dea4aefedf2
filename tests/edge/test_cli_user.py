# SPDX-License-Identifier: Apache-2.0
"""``vuon user``: links are printed once, passwords are never shown, refusals end with 1 and say why."""

import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli_user import user
from edge.users import Role, Users


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def run(state: Path, *arguments: str, given: str = "", lang: str = "C") -> tuple[int, str]:
    result = CliRunner().invoke(user, [*arguments, "--state", str(state)], input=given, env={"LC_ALL": lang})
    return result.exit_code, result.output


def test_the_first_link_works_once_and_only_while_there_is_nobody(state: Path) -> None:
    code, said = run(state, "first", "--port", "8081")
    assert code == 0
    found = re.fullmatch(r"http://127\.0\.0\.1:8081/welcome\?token=(\S+)\n", said)
    assert found
    Users(state / "users.json").use_token(found[1], time.time(), "lan", "bốn từ dễ nhớ")
    code, said = run(state, "first", lang="vi_VN.UTF-8")
    assert code == 1
    assert "Đã có người dùng" in said


def test_people_are_added_changed_listed_and_removed(state: Path) -> None:
    assert run(state, "add", "lan", "--role", "admin", "--password", given="bốn từ dễ nhớ\n")[0] == 0
    assert run(state, "add", "minh", "--role", "operator")[0] == 0
    users = Users(state / "users.json")
    assert users.verify("lan", "bốn từ dễ nhớ") is not None
    assert run(state, "role", "minh", "technician")[0] == 0
    assert run(state, "password", "minh", given="another good one\n")[0] == 0
    found = users.verify("minh", "another good one")
    assert found is not None
    assert found.rank == Role.TECHNICIAN
    listed = json.loads(run(state, "list", "--json")[1])
    assert listed["people"] == [
        {"name": "lan", "role": "admin", "password": True},
        {"name": "minh", "role": "technician", "password": True},
    ]
    assert run(state, "link", "minh")[0] == 0
    assert run(state, "remove", "minh")[0] == 0
    assert "minh" not in run(state, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("remove", "nobody"), 1, "There is nobody of this name."),
        (("add", "Bad Name"), 1, "A name has 1 to 32"),
        (("add", "x", "--role", "king"), 2, "king"),
        (("password", "nobody"), 1, "There is nobody of this name."),
    ],
)
def test_what_is_not_allowed_is_said(state: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert run(state, *arguments)[0] == code
    assert said in run(state, *arguments)[1]


def test_the_password_does_not_appear_in_what_is_printed(state: Path) -> None:
    assert "dễ nhớ" not in run(state, "add", "lan", "--password", given="bốn từ dễ nhớ\n")[1]
