# SPDX-License-Identifier: Apache-2.0
"""Packets of MQTT come back as they were written, however the stream was cut, and a reader survives any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import mqtt_packets
from telemetry.mqtt_packets import Kind, Packet, PacketError, PacketReader, number_of, read_publish
from telemetry.ports import Message

LARGEST = 20_000
MESSAGES = st.builds(
    Message,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.binary(max_size=300),
    st.integers(0, 1),
    st.booleans(),
)


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(1, 4_000), min_size=1, max_size=8))
def test_messages_come_back_however_the_stream_is_cut(messages: list[Message], cuts: list[int]) -> None:
    numbers = [at + 1 if message.qos else 0 for at, message in enumerate(messages)]
    stream = b"".join(map(mqtt_packets.publish, messages, numbers))
    reader, at = PacketReader(LARGEST), 0
    packets: list[Packet] = []
    while at < len(stream):
        cut = cuts[len(packets) % len(cuts)]
        packets += reader.feed(stream[at : at + cut])
        at += cut
    assert [read_publish(packet) for packet in packets] == list(zip(messages, numbers, strict=True))
    assert all(packet.kind == Kind.PUBLISH for packet in packets)


@pytest.mark.parametrize("size", [0, 120, 128, 16_378, 16_384, LARGEST - 3])
def test_lengths_of_one_to_three_bytes_are_read(size: int) -> None:
    message = Message("a", bytes(size))
    reader = PacketReader(LARGEST)
    stream = mqtt_packets.publish(message)
    assert [packet for byte in stream[:-1] for packet in reader.feed(bytes((byte,)))] == []
    assert [read_publish(packet) for packet in reader.feed(stream[-1:])] == [(message, 0)]


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_give_packets_or_a_packet_error(pieces: list[bytes]) -> None:
    reader = PacketReader(LARGEST)
    for piece in pieces:
        try:
            for packet in reader.feed(piece):
                read_publish(packet)
                number_of(packet)
        except PacketError:
            continue


@pytest.mark.parametrize("cut", [1, 7, 4_096, 1_000_000])
def test_a_packet_that_is_too_large_is_passed_over_and_the_next_one_is_read(cut: int) -> None:
    small = Message("a", b"yes")
    stream = mqtt_packets.publish(Message("a", bytes(LARGEST * 3))) + mqtt_packets.publish(small)
    reader = PacketReader(LARGEST)
    packets = [packet for at in range(0, len(stream), cut) for packet in reader.feed(stream[at : at + cut])]
    assert [read_publish(packet) for packet in packets] == [(small, 0)]
    assert reader.skipped == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x01\x00",  # half a topic length
        b"\x30\x04\x00\x09ab",  # a topic longer than the packet
        b"\x32\x04\x00\x02ab",  # quality 1 without a number
        b"\x36\x06\x00\x02ab\x00\x01",  # quality 3
        b"\x30\x04\x00\x02\xff\xfe",  # a topic that is no UTF-8
    ],
)
def test_what_breaks_the_standard_is_refused(data: bytes) -> None:
    with pytest.raises(PacketError):
        list(map(read_publish, PacketReader(LARGEST).feed(data)))


def test_a_connect_stands_as_the_standard_lays_it_out() -> None:
    will = Message("w", b"gone", 1, retain=True)
    written = mqtt_packets.connect("hub", "user", "secret", 10, will)
    assert written == (
        b"\x10\x26\x00\x04MQTT\x04\xee\x00\x0a\x00\x03hub\x00\x01w\x00\x04gone\x00\x04user\x00\x06secret"
    )
    assert mqtt_packets.subscribe("a/+", 1, 258) == b"\x82\x08\x01\x02\x00\x03a/+\x01"
    assert mqtt_packets.puback(258) == b"\x40\x02\x01\x02"
