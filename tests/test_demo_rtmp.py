"""The simulated nginx-rtmp: its XML against recorded ones, its workers, and its own pull among the clients."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from demo.world import World
from tests.test_demo_kinds import NOW, get, names_of_head, of_kind, recorded, world


@pytest.fixture(scope="module")
def simulated() -> World:
    return world()


def elements(text: str) -> list[str]:
    """The paths of all elements of an XML text, each once, in the order in which they appear."""
    found: dict[str, None] = {}

    def walk(element: ElementTree.Element, path: str) -> None:
        here = f"{path}/{element.tag}"
        found[here + ("" if len(element) or element.text else " (empty)")] = None
        for inner in element:
            walk(inner, here)

    walk(ElementTree.fromstring(text), "")
    return list(found)


def test_nginx_rtmp_writes_its_xml_as_recorded(simulated: World) -> None:
    head, body = get(of_kind(simulated, "nginx_rtmp"), "/stat")
    text = recorded("nginx_rtmp/rtmp_stat.xml")
    assert elements(body) == elements(text)
    assert names_of_head(head) == names_of_head(recorded("nginx_rtmp/rtmp_stat.headers"))
    numbers = re.compile(r">[^<\n]+<")
    first_stream = body[: body.index("<client>")]
    assert numbers.sub(">x<", first_stream) == numbers.sub(">x<", text[: text.index("<client>")])


def test_nginx_rtmp_counts_its_own_pull_among_the_clients(simulated: World) -> None:
    one = of_kind(simulated, "nginx_rtmp")
    assert one.process is not None
    streams = ElementTree.fromstring(get(one, "/stat")[1]).findall("server/application/live/stream")
    assert len(streams) == len(one.server.channels)
    for stream in streams:
        clients = stream.findall("client")
        assert len(clients) == int(stream.findtext("nclients", ""))
        (publisher,) = [client for client in clients if client.find("publishing") is not None]
        assert (publisher.findtext("address") or "").startswith("127.0.10.11/")
        assert len({client.findtext("id") for client in clients}) == len(clients)
    assert sum(int(s.findtext("nclients", "")) - 1 for s in streams) == one.process.viewers


def test_two_workers_answer_in_turn_each_with_its_part_of_the_streams() -> None:
    one = of_kind(world(rtmp_workers=2), "nginx_rtmp")
    answers = [ElementTree.fromstring(get(one, "/stat")[1]) for _ in range(4)]
    pids = [answer.findtext("pid") for answer in answers]
    assert pids[0] == pids[2] != pids[1] == pids[3]
    parts = [{name.text for name in answer.findall("server/application/live/stream/name")} for answer in answers]
    assert parts[0].isdisjoint(parts[1])
    assert len(parts[0] | parts[1]) == len(one.server.channels)
    assert one.process is not None
    assert one.process.counted.sent == sum(int(answer.findtext("bytes_out", "")) for answer in answers[:2])


def test_without_its_channel_a_stream_of_nginx_rtmp_has_neither_publisher_nor_media(simulated: World) -> None:
    late = world()
    one = of_kind(late, "nginx_rtmp")
    url = one.server.channels[0].url
    late.begin("publisher-lost", now=NOW + 96, server=one.server.channels[0].home, channel=url)
    late.advance(NOW + 110)
    stream = ElementTree.fromstring(get(one, "/stat", now=NOW + 110)[1]).findall("server/application/live/stream")[0]
    idle = ElementTree.fromstring(recorded("nginx_rtmp/rtmp_stat_idle.xml")).find("server/application/live/stream")
    assert idle is not None
    assert {inner.tag for inner in stream} == {inner.tag for inner in idle}
    assert stream.findtext("bw_in") == "0"
