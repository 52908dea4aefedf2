# SPDX-License-Identifier: Apache-2.0
"""The alarms' page: one fault with its consequences folded in, buttons for those who may, and what was answered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge.console.app import application
from edge.console.desk import LANGUAGE_COOKIE, SESSION_COOKIE
from edge.live import Alarm, Outcome
from tests.edge.fake_farm import FarmUnderTest, farm_under_test
from tests.edge.test_console_orders import OURS, wait_for

BUS = Alarm(
    "bus.silent", "melon-bus", "critical", 75.0, {"devices": 8}, number=7,
    inside=(
        Alarm("bus.dead", "soil-3", "alarm", 75.0, number=8),
        Alarm("sensor.silent", "melon-1/soil_moisture", "alarm", 40.0, number=9),
    ),
)  # fmt: skip
SHELVED = Alarm("bus.babble", "pepper-bus", "alarm", 900.0, number=4, shelved_s=1800.0, shelved_by="lan")


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    farm = farm_under_test(tmp_path)
    farm.agent.alarms = (BUS, SHELVED)
    return farm


@pytest.fixture
def client(farm: FarmUnderTest) -> Iterator[TestClient]:
    with TestClient(application(farm.desk), base_url="http://127.0.0.1", follow_redirects=False) as one:
        one.cookies.set(SESSION_COOKIE, farm.session("operator"))
        wait_for(one, "/alarms", "melon-bus")
        yield one


def test_one_fault_with_its_consequences_in_vietnamese(client: TestClient) -> None:
    page = client.get("/alarms").text
    assert "Không thiết bị nào trong 8 thiết bị" in page
    assert "Còn 2 báo động khác do nó gây ra" in page
    assert page.count('<article class="banner') == 2
    assert "Tôi đã biết" in page


def test_the_same_in_english_with_the_last_day(client: TestClient) -> None:
    client.cookies.set(LANGUAGE_COOKIE, "en")
    page = client.get("/alarms").text
    assert "None of the 8 devices on this line answers." in page
    assert "Nobody is called for it for another 30:00 (by lan)." in page
    assert "<b>08:05</b> – 09:05" in page, "the alarm of this morning that is over"
    assert "The probe does not answer. <small>(lan)</small>" in page


def test_a_shelved_alarm_is_not_among_the_problems_of_the_farm_but_counted(client: TestClient) -> None:
    page = client.get("/").text
    assert "melon-bus" in page
    assert "pepper-bus" not in page
    assert "1 đã hoãn" in page


@pytest.mark.parametrize(
    ("path", "data", "order"),
    [
        ("/alarms/7/acknowledge", {}, ("acknowledge", "7", "operator", "operator")),
        ("/alarms/7/shelve", {"seconds": "7200"}, ("shelve", "7", "7200", "operator", "operator")),
        ("/alarms/7/shelve", {"seconds": "for ever"}, ("shelve", "7", "0", "operator", "operator")),
        ("/alarms/4/unshelve", {}, ("unshelve", "4", "operator", "operator")),
        ("/alarms/test", {}, ("test_alarms", "operator", "operator")),
    ],
)
def test_a_button_asks_the_agent_in_the_persons_name(
    client: TestClient, farm: FarmUnderTest, path: str, data: dict[str, str], order: tuple[str, ...]
) -> None:
    answer = client.post(path, headers=OURS, data=data)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/alarms")
    assert farm.agent.orders == [order]


def test_a_refusal_is_told_in_words(client: TestClient, farm: FarmUnderTest) -> None:
    farm.agent.refuse = Outcome("refused", "say for how long: above 0 s and at most {most} s", {"most": 3600.0})
    answer = client.post("/alarms/7/shelve", headers=OURS, data={"seconds": "28800"})
    assert answer.status_code == 409
    assert "nhiều nhất 3.600 giây" in answer.text


def test_an_agent_that_is_gone_is_told(client: TestClient, farm: FarmUnderTest) -> None:
    farm.agent.gone = True
    assert client.post("/alarms/7/acknowledge", headers=OURS, data={}).status_code == 503


@pytest.mark.parametrize("path", ["/alarms/7/acknowledge", "/alarms/7/shelve", "/alarms/4/unshelve", "/alarms/test"])
def test_a_viewer_may_look_and_not_touch(client: TestClient, farm: FarmUnderTest, path: str) -> None:
    client.cookies.set(SESSION_COOKIE, farm.session("viewer"))
    assert "Tôi đã biết" not in client.get("/alarms").text
    assert client.post(path, headers=OURS, data={"seconds": "60"}).status_code == 403
    assert farm.agent.orders == []
