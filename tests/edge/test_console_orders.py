# SPDX-License-Identifier: Apache-2.0
"""The one manual action: it says what it will do, is done once, can be stopped, and tells why when it is not done."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge.console.app import application
from edge.console.desk import SESSION_COOKIE
from edge.live import Outcome
from tests.edge.fake_farm import FarmUnderTest, farm_under_test

OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    return farm_under_test(tmp_path)


@pytest.fixture
def client(farm: FarmUnderTest) -> Iterator[TestClient]:
    with TestClient(application(farm.desk), base_url="http://127.0.0.1", follow_redirects=False) as one:
        one.cookies.set(SESSION_COOKIE, farm.session("operator"))
        wait_for(one, "/", "Mở van 5 phút")
        yield one


def wait_for(client: TestClient, path: str, text: str) -> str:
    """Ask for a page until the console has heard of the agent's newest state."""
    for _ in range(200):
        page = client.get(path).text
        if text in page:
            return page
    raise AssertionError(f"{text!r} never came on {path}")


def order_of(client: TestClient, valve: str = "valve-pepper-1") -> dict[str, str]:
    found = re.search(r'name="order" value="([^"]+)"', client.get(f"/output/{valve}/open").text)
    assert found
    return {"order": found[1]}


def test_the_confirm_page_says_zone_seconds_and_litres(client: TestClient) -> None:
    page = client.get("/output/valve-pepper-1/open").text
    assert "Mở van tưới Khu 1 – Ớt, Nhà ớt Đà Lạt?" in page
    assert "300 giây" in page
    assert "≈ 48\u00a0lít" in page


def test_a_valve_is_opened_counted_down_and_stopped(client: TestClient, farm: FarmUnderTest) -> None:
    answer = client.post("/output/valve-pepper-1/open", headers=OURS, data=order_of(client))
    assert (answer.status_code, answer.headers["location"]) == (303, "/place/pepper-1")
    assert farm.agent.orders == [("hold", "valve-pepper-1", "1", "300", "operator", "operator")]
    page = wait_for(client, "/place/pepper-1", "5:00")
    assert "operator mở tay" in page
    assert "Mở van 5 phút" not in page
    assert client.post("/output/valve-pepper-1/stop", headers=OURS, data={}).status_code == 303
    assert farm.agent.orders[-1] == ("stop", "valve-pepper-1", "operator", "operator")
    wait_for(client, "/place/pepper-1", "Mở van 5 phút")


def test_a_form_sent_twice_opens_once(client: TestClient, farm: FarmUnderTest) -> None:
    order = order_of(client)
    for _ in range(3):
        assert client.post("/output/valve-pepper-1/open", headers=OURS, data=order).status_code == 303
    assert len(farm.agent.orders) == 1
    client.post("/output/valve-pepper-1/open", headers=OURS, data={})
    assert len(farm.agent.orders) == 1


def test_a_refusal_is_told_with_what_to_check(client: TestClient, farm: FarmUnderTest) -> None:
    farm.agent.refuse = Outcome("refused", "refused.tank")
    answer = client.post("/output/valve-pepper-1/open", headers=OURS, data=order_of(client))
    assert answer.status_code == 409
    assert "Khu 1 – Ớt, Nhà ớt Đà Lạt: chưa làm được" in answer.text
    assert "The tank is empty." in answer.text
    assert "Fill the tank or check its float." in answer.text


def test_a_refusal_in_the_agents_own_words_is_translated(client: TestClient, farm: FarmUnderTest) -> None:
    farm.agent.refuse = Outcome("refused", "the time must be above 0 s and at most {most} s", {"most": 60.0})
    answer = client.post("/output/valve-pepper-1/open", headers=OURS, data=order_of(client))
    assert "không quá 60 giây" in answer.text


@pytest.mark.parametrize("action", ["open", "stop"])
def test_an_agent_that_is_gone_is_told_and_nothing_hangs(client: TestClient, farm: FarmUnderTest, action: str) -> None:
    order = order_of(client)
    farm.agent.gone = True
    answer = client.post(f"/output/valve-pepper-1/{action}", headers=OURS, data=order)
    assert answer.status_code == 503
    assert "Bộ điều khiển không trả lời." in answer.text


@pytest.mark.parametrize("name", ["vent-pepper", "fan-melon", "nothing", "..%2F..%2Fetc"])
def test_only_valves_can_be_opened(client: TestClient, farm: FarmUnderTest, name: str) -> None:
    assert client.get(f"/output/{name}/open").status_code == 404
    assert client.post(f"/output/{name}/open", headers=OURS, data={"order": "1"}).status_code == 404
    assert farm.agent.orders == []


def test_a_viewer_sees_no_buttons(client: TestClient, farm: FarmUnderTest) -> None:
    client.cookies.set(SESSION_COOKIE, farm.session("viewer"))
    page = client.get("/").text
    assert "Van tưới" in page
    assert "Mở van" not in page


@pytest.mark.parametrize(
    ("way", "order"),
    [
        ("work", ("maintain", "pepper-1", "1800", "technician", "technician")),
        ("done", ("maintain", "pepper-1", "0", "technician", "technician")),
        ("reset", ("reset", "pepper-1", "technician", "technician")),
    ],
)
def test_a_technician_works_at_a_place_for_a_time_and_releases_what_was_latched(
    client: TestClient, farm: FarmUnderTest, way: str, order: tuple[str, ...]
) -> None:
    assert "Tôi làm việc ở đây" not in client.get("/place/pepper-1").text
    assert client.post(f"/place/pepper-1/{way}", headers=OURS, data={}).status_code == 403
    client.cookies.set(SESSION_COOKIE, farm.session("technician"))
    assert "Tôi làm việc ở đây" in client.get("/place/pepper-1").text
    answer = client.post(f"/place/pepper-1/{way}", headers=OURS, data={})
    assert (answer.status_code, answer.headers["location"]) == (303, "/place/pepper-1")
    assert farm.agent.orders == [order]
    farm.agent.refuse = Outcome("refused", "there is no such place")
    assert client.post(f"/place/pepper-1/{way}", headers=OURS, data={}).status_code == 409
