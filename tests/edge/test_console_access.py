# SPDX-License-Identifier: Apache-2.0
"""Who may reach what: every door by every role, forms of other sites, wrong hosts, passwords, links, log-out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge.console.app import application, doors
from edge.console.desk import SESSION_COOKIE
from edge.login_guard import FREE_TRIES
from edge.users import SESSION_IDLE_S, TOKEN_LIFE_S, Role
from tests.edge.fake_farm import PASSWORD, FarmUnderTest, farm_under_test

ORIGIN = "http://127.0.0.1:8080"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    return farm_under_test(tmp_path)


@pytest.fixture
def client(farm: FarmUnderTest) -> Iterator[TestClient]:
    with TestClient(application(farm.desk), base_url=ORIGIN, follow_redirects=False) as one:
        yield one


def as_role(client: TestClient, farm: FarmUnderTest, role: str) -> TestClient:
    client.cookies.set(SESSION_COOKIE, farm.session(role))
    return client


def filled(path: str) -> str:
    return path.replace("{place}", "pepper-1").replace("{output}", "valve-pepper-1").replace("{number:int}", "7")


def test_every_door_admits_its_role_and_those_above_and_nobody_else(client: TestClient, farm: FarmUnderTest) -> None:
    table = {(door.path, door.method): door.role for door in doors(farm.desk) if door.path != "/live"}
    assert len(table) == 19
    for (path, method), least in table.items():
        for role in (None, *Role):
            client.cookies.clear()
            if role is not None:
                as_role(client, farm, role.word)
            answer = client.request(method, filled(path), headers=OURS, data={} if method == "POST" else None)
            if least is None:
                assert answer.status_code != 401, (path, method, role)
            elif role is None:
                assert answer.status_code in (303, 401), (path, method)
                assert answer.status_code == 401 or answer.headers["location"] == "/login"
            elif role < least:
                assert answer.status_code == 403, (path, method, role)
            else:
                assert answer.status_code not in (401, 403), (path, method, role)


def test_the_stream_needs_a_person(client: TestClient) -> None:
    assert client.get("/live").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"origin": ORIGIN}, 303),
        (OURS, 303),
    ],
)
def test_only_our_own_pages_may_send_forms(
    client: TestClient, farm: FarmUnderTest, headers: dict[str, str], status: int
) -> None:
    answer = as_role(client, farm, "operator").post("/output/valve-pepper-1/stop", headers=headers, data={})
    assert answer.status_code == status
    assert len(farm.agent.orders) == (status == 303)


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 421), ("192.168.1.7:8080", 200), ("[::1]:8080", 200), ("localhost:8080", 200), ("", 421)],
)
def test_a_rebound_host_name_is_turned_away(client: TestClient, host: str, status: int) -> None:
    assert client.get("/login", headers={"host": host}).status_code == status


def test_a_form_that_is_too_long_is_not_read(client: TestClient) -> None:
    answer = client.post("/login", headers=OURS, content=b"x" * 70_000)
    assert answer.status_code == 413


def test_every_answer_carries_the_safe_headers(client: TestClient, farm: FarmUnderTest) -> None:
    as_role(client, farm, "viewer")
    for path in ("/", "/login", "/static/console.css", "/nothing", "/place/pepper-1"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/").headers["cache-control"] == "no-store"
    assert "immutable" in client.get("/static/console.css?v=1").headers["cache-control"]
    assert client.get("/static/console.css").headers["cache-control"] == "no-cache"


def test_the_right_password_opens_and_the_cookie_is_strict(client: TestClient, farm: FarmUnderTest) -> None:
    farm.desk.users.add("lan", Role.ADMIN, PASSWORD)
    wrong = client.post("/login", headers=OURS, data={"name": "lan", "password": "something else"})
    assert wrong.status_code == 403
    answer = client.post("/login", headers=OURS, data={"name": "Lan ", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200


def test_guessing_is_slowed_down_and_the_wait_is_told(client: TestClient, farm: FarmUnderTest) -> None:
    farm.desk.users.add("lan", Role.ADMIN, PASSWORD)
    for _ in range(FREE_TRIES):
        assert client.post("/login", headers=OURS, data={"name": "lan", "password": "guess"}).status_code == 403
    refused = client.post("/login", headers=OURS, data={"name": "lan", "password": PASSWORD})
    assert refused.status_code == 429
    assert "Chờ 2 giây" in refused.text
    farm.mono_s[0] += 2.1
    assert client.post("/login", headers=OURS, data={"name": "lan", "password": PASSWORD}).status_code == 303


def test_a_link_is_used_up_by_its_button_not_by_looking(client: TestClient, farm: FarmUnderTest) -> None:
    key = farm.desk.users.token_for("technician", farm.wall_s[0])
    for _ in range(3):
        assert client.get(f"/welcome?token={key}").status_code == 200
    assert client.post("/welcome", headers=OURS, data={"token": key}).headers["location"] == "/"
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.post("/welcome", headers=OURS, data={"token": key}).status_code == 410
    assert client.get(f"/welcome?token={key}").status_code == 410


def test_the_first_administrator_chooses_name_and_password(tmp_path: Path) -> None:
    farm = farm_under_test(tmp_path)
    for role in ("viewer", "operator", "technician"):
        farm.desk.users.remove(role)
    (tmp_path / "users.json").unlink()
    farm.desk.users = type(farm.desk.users)(tmp_path / "users.json")
    with TestClient(application(farm.desk), base_url=ORIGIN, follow_redirects=False) as client:
        assert "vuon user first" in client.get("/login").text
        key = farm.desk.users.first_token(farm.wall_s[0])
        short = client.post("/welcome", headers=OURS, data={"token": key, "name": "lan", "password": "short"})
        assert short.status_code == 422
        assert "10 đến 200 ký tự" in short.text
        done = client.post("/welcome", headers=OURS, data={"token": key, "name": "Lan", "password": PASSWORD})
        assert done.headers["location"] == "/"
        assert "Quản trị" in client.get("/").text
        farm.wall_s[0] += TOKEN_LIFE_S + 1
        assert client.get(f"/welcome?token={key}").status_code == 410


def test_log_out_ends_the_session_on_the_server(client: TestClient, farm: FarmUnderTest) -> None:
    cookie = farm.session("viewer")
    client.cookies.set(SESSION_COOKIE, cookie)
    assert client.get("/").status_code == 200
    assert client.post("/logout", headers=OURS, data={}).status_code == 303
    client.cookies.set(SESSION_COOKIE, cookie)
    assert client.get("/").headers["location"] == "/login"


def test_forged_and_old_cookies_are_nobody(client: TestClient, farm: FarmUnderTest) -> None:
    cookie = farm.session("viewer")
    for forged in (cookie[:-2] + "xx", "x." + cookie, "", cookie.partition(".")[0]):
        client.cookies.set(SESSION_COOKIE, forged)
        assert client.get("/").status_code == 303, forged
    client.cookies.set(SESSION_COOKIE, cookie)
    farm.wall_s[0] += SESSION_IDLE_S + 1
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    ("back", "goes_to"),
    [("/place/pepper-1", "/place/pepper-1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")],
)
def test_language_and_look_are_remembered_and_never_lead_away(client: TestClient, back: str, goes_to: str) -> None:
    answer = client.post("/look", headers=OURS, data={"back": back, "language": "en", "look": "night"})
    assert answer.headers["location"] == goes_to
    assert "Log in" in client.get("/login").text
    assert 'data-look="auto"' in client.get("/login").text
    client.post("/look", headers=OURS, data={"back": "/", "look": "dark"})
    assert 'data-look="dark"' in client.get("/login").text


def test_names_from_outside_are_shown_as_text(client: TestClient, farm: FarmUnderTest) -> None:
    page = client.post("/login", headers=OURS, data={"name": "<script>alert(1)</script>", "password": "x"})
    assert "<script>alert" not in page.text
    missing = as_role(client, farm, "viewer").get("/place/<b>x")
    assert missing.status_code == 404
    assert "<b>x" not in missing.text
