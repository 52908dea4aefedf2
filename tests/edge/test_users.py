# SPDX-License-Identifier: Apache-2.0
"""People and their sessions: no one by default, tokens work once, files tell nothing, roles compare."""

import stat
from pathlib import Path

import pytest

from edge.users import (
    SESSION_IDLE_S,
    SESSION_LIFE_S,
    TOKEN_LIFE_S,
    Role,
    UserError,
    Users,
)

NOW = 1_795_300_000.0
PASSWORD = "bốn từ dễ nhớ"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "state" / "users.json")


def test_nobody_exists_until_the_first_token_is_used(users: Users) -> None:
    assert users.people() == []
    assert users.verify("admin", "admin12345") is None
    key = users.first_token(NOW)
    assert users.people() == []
    admin = users.use_token(key, NOW + 10, "lan", PASSWORD)
    assert (admin.name, admin.rank) == ("lan", Role.ADMIN)
    assert users.verify("lan", PASSWORD) == admin
    with pytest.raises(UserError, match="people already"):
        users.first_token(NOW)


def test_a_token_works_once_and_for_fifteen_minutes(users: Users) -> None:
    key = users.first_token(NOW)
    assert users.look_at_token(key, NOW + TOKEN_LIFE_S + 1) is None
    assert users.look_at_token(key + "x", NOW) is None
    users.use_token(key, NOW, "lan", PASSWORD)
    with pytest.raises(UserError, match="has been used"):
        users.use_token(key, NOW, "evil", PASSWORD)
    again = users.token_for("lan", NOW)
    assert users.use_token(again, NOW).name == "lan"
    with pytest.raises(UserError, match="has been used"):
        users.use_token(again, NOW)


def test_a_clock_set_back_does_not_lengthen_a_token(users: Users) -> None:
    key = users.first_token(NOW)
    assert users.look_at_token(key, NOW - 3600) is None


def test_two_first_tokens_do_not_make_two_first_administrators(users: Users) -> None:
    old = users.first_token(NOW)
    new = users.first_token(NOW)
    users.use_token(new, NOW, "lan", PASSWORD)
    with pytest.raises(UserError, match="has been used"):
        users.use_token(old, NOW, "evil", PASSWORD)


def test_a_refused_password_leaves_the_token_usable(users: Users) -> None:
    key = users.first_token(NOW)
    with pytest.raises(UserError, match="10 to 200"):
        users.use_token(key, NOW, "lan", "short")
    assert users.use_token(key, NOW, "lan", PASSWORD).name == "lan"


@pytest.mark.parametrize("password", ["ngắn", "1234567890", "aaaaaaaaaaaa", "x" * 201, "hoptacxa.b1234567"])
def test_weak_passwords_are_refused(users: Users, password: str) -> None:
    with pytest.raises(UserError):
        users.add("hoptacxa.b", Role.VIEWER, password)


@pytest.mark.parametrize("name", ["", "Lan", "a b", "../x", "x" * 33, "lan\n", "<b>", "-lan"])
def test_odd_names_are_refused(users: Users, name: str) -> None:
    with pytest.raises(UserError, match="A name has"):
        users.add(name, Role.VIEWER)


def test_the_same_letters_typed_in_another_way_are_the_same_password(users: Users) -> None:
    users.add("lan", Role.ADMIN, "nước mắm ngon")
    assert users.verify("lan", "nu\u031bo\u031b\u0301c ma\u0306\u0301m ngon") is not None


def test_the_file_is_private_and_holds_nothing_that_logs_in(tmp_path: Path, users: Users) -> None:
    first = users.first_token(NOW)
    users.use_token(first, NOW, "lan", PASSWORD)
    token = users.token_for("lan", NOW)
    session = users.open_session("lan", NOW)
    path = tmp_path / "state" / "users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert not [secret for secret in (PASSWORD, token, session) if secret in text]
    assert {other.name: stat.S_IMODE(other.stat().st_mode) for other in path.parent.iterdir()} == {
        "users.json": 0o600,
        "users.lock": 0o600,
    }


def test_sessions_end_by_idleness_age_logout_and_removal(users: Users) -> None:
    users.add("lan", Role.ADMIN, PASSWORD)
    users.add("minh", Role.OPERATOR, PASSWORD + "2")
    key = users.open_session("minh", NOW)
    assert users.session_user(key, NOW + 1) is not None
    assert users.session_user("x" + key, NOW + 1) is None
    assert users.session_user(key, NOW + SESSION_IDLE_S + 1) is None
    at = NOW
    while at < NOW + SESSION_LIFE_S - SESSION_IDLE_S:
        at += SESSION_IDLE_S / 2
        assert users.session_user(key, at) is not None
    assert users.session_user(key, NOW + SESSION_LIFE_S + 1) is None
    other = users.open_session("minh", NOW)
    users.close_session(other)
    assert users.session_user(other, NOW + 1) is None
    third = users.open_session("minh", NOW)
    users.set_password("minh", PASSWORD + "3")
    assert users.session_user(third, NOW + 1) is None
    fourth = users.open_session("minh", NOW)
    users.remove("minh")
    assert users.session_user(fourth, NOW + 1) is None


def test_a_role_changed_by_another_process_holds_at_once(tmp_path: Path, users: Users) -> None:
    users.add("lan", Role.ADMIN, PASSWORD)
    users.add("minh", Role.OPERATOR, PASSWORD + "2")
    key = users.open_session("minh", NOW)
    Users(tmp_path / "state" / "users.json").set_role("minh", Role.VIEWER)
    seen = users.session_user(key, NOW + 1)
    assert seen is not None
    assert seen.rank == Role.VIEWER


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path, users: Users) -> None:
    other = Users(tmp_path / "state" / "users.json")
    for n in range(10):
        (users if n % 2 else other).add(f"person-{n}", Role.VIEWER)
    assert [user.name for user in users.people()] == [f"person-{n}" for n in range(10)]
    assert users.secret == other.secret


def test_the_last_administrator_stays(users: Users) -> None:
    users.add("lan", Role.ADMIN, PASSWORD)
    with pytest.raises(UserError, match="At least one"):
        users.remove("lan")
    with pytest.raises(UserError, match="At least one"):
        users.set_role("lan", Role.OPERATOR)


def test_a_person_without_a_password_cannot_use_one(users: Users) -> None:
    users.add("demo", Role.OPERATOR)
    assert users.verify("demo", "") is None
    assert users.use_token(users.token_for("demo", NOW), NOW).name == "demo"


def test_a_damaged_file_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('{"secret": 5')
    with pytest.raises(UserError, match=r"users\.json: not a list of users"):
        Users(path)
    assert path.read_text() == '{"secret": 5'


def test_the_lists_are_bounded(users: Users) -> None:
    users.add("lan", Role.ADMIN)
    keys = [users.token_for("lan", NOW) for _ in range(25)]
    assert sum(users.look_at_token(key, NOW) is not None for key in keys) == 20
    sessions = [users.open_session("lan", NOW + n) for n in range(210)]
    assert sum(users.session_user(key, NOW + 211) is not None for key in sessions) == 200
    assert users.session_user(sessions[-1], NOW + 211) is not None
