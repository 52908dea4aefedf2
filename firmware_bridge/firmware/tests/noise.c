/* SPDX-License-Identifier: Apache-2.0 */
/* noise BYTES SEED: half random bytes, half real lease frames with one to four wrong bits, into a board that is
 * configured and ready to obey. Any answer of the board means that it took noise for a call. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "frame.h"
#include "plant.h"

#define CHUNK 64u

static uint64_t state;
static uint64_t answers;
static uint64_t switchings;
static struct frame_decoder heard;
static uint8_t wire[FRAME_WIRE_MAX];
static uint32_t wire_length;

static uint32_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void on_outputs(uint64_t us, uint16_t on)
{
    (void)us;
    switchings += on != 0;
}

static void on_reset(uint64_t us, uint8_t cause)
{
    (void)us;
    (void)cause;
}

static void hear(uint64_t us, uint8_t byte)
{
    (void)us;
    if (frame_decoder_take(&heard, byte) == FRAME_GOOD && heard.data[1] == FRAME_REPLY) {
        answers++;
    }
}

static const struct device_watch watch = {on_outputs, on_reset, hear};

static void put(uint8_t byte)
{
    wire[wire_length] = byte;
    wire_length++;
}

/* A lease that the board would obey, were it whole: right epoch, right number, in time. */
static void spoilt_lease(uint8_t seq, uint32_t expires_ms)
{
    uint8_t frame[FRAME_MAX];
    const uint32_t args[] = {0x0Fu, 1, LEASE_MAX_MS, expires_ms};
    frame[1] = FRAME_CALL;
    frame[2] = seq;
    frame[3] = 0;
    const uint8_t body = messages_encode(&frame[FRAME_HEAD], MSG_lease, args, NULL, 0);
    wire_length = 0;
    frame_write(frame, frame_seal(frame, (uint8_t)(FRAME_HEAD + body)), put);
    uint8_t whole[FRAME_WIRE_MAX];
    memcpy(whole, wire, wire_length);
    const uint32_t wrong = 1u + chance() % 4u;
    do {
        for (uint32_t i = 0; i < wrong; i++) {
            /* not the delimiters: a frame whose delimiter is lost is still that frame when the next one comes */
            wire[1u + chance() % (wire_length - 2u)] ^= (uint8_t)(1u << (chance() >> 8 & 7u));
        }
    } while (memcmp(wire, whole, wire_length) == 0);
}

int main(int count, char **words)
{
    if (count != 3) {
        (void)fprintf(stderr, "usage: noise BYTES SEED\n");
        return 2;
    }
    const uint64_t bytes = strtoull(words[1], NULL, 10);
    state = 0x9E3779B97F4A7C15ull ^ strtoull(words[2], NULL, 10);
    const struct device *board = &host_device;
    board->create(&watch);
    caller_begin(board, NULL);
    caller_connect();
    const uint32_t claim[] = {1, 77};
    board->run(2000);
    (void)caller_call(MSG_claim, claim, SPOIL_NOT, 0);
    board->run(2000);
    const uint8_t next_seq = caller_configure(1);
    board->run(10000);
    const uint64_t answers_before = answers;
    for (uint64_t sent = 0; sent < bytes;) {
        if ((chance() & 1u) != 0) {
            uint8_t data[CHUNK];
            for (uint32_t i = 0; i < CHUNK; i++) {
                data[i] = (uint8_t)chance();
            }
            board->send(data, CHUNK);
            sent += CHUNK;
        } else {
            spoilt_lease(next_seq, (uint32_t)(board->now_us() / 1000u) + 100u);
            board->send(wire, wire_length);
            sent += wire_length;
        }
        board->run(1000);
    }
    const uint64_t false_commands = answers - answers_before + switchings;
    printf("{\"noisy_bytes\":%" PRIu64 ",\"false_commands\":%" PRIu64 "}\n", bytes, false_commands);
    return false_commands == 0 ? 0 : 1;
}
