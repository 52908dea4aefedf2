/* SPDX-License-Identifier: Apache-2.0 */
/* No retransmission here: what a fault eats stays eaten, and the next connect begins a new numbering. */
#include "caller.h"

#include <string.h>

#include "codes.h"
#include "crc.h"
#include "frame.h"
#include "plant.h"

static const struct device *board;
static uint8_t seq;
static uint64_t line_free_us;
static uint8_t wire[FRAME_WIRE_MAX];
static uint32_t wire_length;
static uint32_t config_crc;
static struct frame_decoder heard;
static uint32_t heard_dose_id;
static void (*tell_dose_began)(void);

static void put(uint8_t byte)
{
    wire[wire_length] = byte;
    wire_length++;
}

void caller_begin(const struct device *device, void (*dose_began)(void))
{
    frame_decoder_reset(&heard);
    heard_dose_id = 0;
    tell_dose_began = dose_began;
    board = device;
    seq = 0;
    line_free_us = 0;
}

/* Of all answers only one matters here: that a dose with a new number runs. */
void caller_hear(uint64_t us, uint8_t byte)
{
    (void)us;
    if (frame_decoder_take(&heard, byte) != FRAME_GOOD || heard.data[FRAME_HEAD] != MSG_dosed) {
        return;
    }
    const uint8_t *field = &heard.data[FRAME_HEAD + 1u];
    const uint32_t dose_id = (uint32_t)field[2] | (uint32_t)field[3] << 8 | (uint32_t)field[4] << 16;
    if (field[1] == DOSE_RUNNING && dose_id != heard_dose_id) {
        heard_dose_id = dose_id;
        tell_dose_began();
    }
}

static uint64_t transmit(const uint8_t *data, uint32_t length)
{
    board->send(data, length);
    if (line_free_us < board->now_us()) {
        line_free_us = board->now_us();
    }
    line_free_us += (uint64_t)length * board->byte_us;
    return line_free_us;
}

static uint64_t transmit_call(enum frame_kind kind, enum message message, const uint32_t *args)
{
    uint8_t frame[FRAME_MAX];
    frame[1] = (uint8_t)kind;
    frame[2] = seq;
    frame[3] = 0;
    const uint8_t body = messages_encode(&frame[FRAME_HEAD], message, args, NULL, 0);
    const uint8_t length = frame_seal(frame, (uint8_t)(FRAME_HEAD + body));
    wire_length = 0;
    frame_write(frame, length, put);
    return 0;
}

void caller_connect(void)
{
    const uint32_t args[] = {77};
    (void)transmit_call(FRAME_CONNECT, MSG_hello, args);
    (void)transmit(wire, wire_length);
    seq++;
}

uint64_t caller_call(enum message message, const uint32_t *args, enum spoil spoil, uint32_t chance)
{
    static const uint8_t noise[] = {0x55, 0x03, 0xFF};
    (void)transmit_call(FRAME_CALL, message, args);
    seq++;
    if (spoil == SPOIL_DROP) {
        return 0;
    }
    if (spoil == SPOIL_BIT) {
        wire[chance % wire_length] ^= (uint8_t)(1u << (chance >> 16 & 7u));
    }
    if (spoil == SPOIL_NOISE_BEFORE) {
        (void)transmit(noise, sizeof noise);
    }
    const uint64_t arrives_us = transmit(wire, wire_length);
    if (spoil == SPOIL_TWICE) {
        (void)transmit(wire, wire_length);
    }
    return spoil == SPOIL_BIT ? 0 : arrives_us;
}

void caller_noise(uint32_t length, uint32_t (*random)(void))
{
    uint8_t data[64];
    for (uint32_t i = 0; i < length && i < sizeof data; i++) {
        data[i] = (uint8_t)random();
    }
    (void)transmit(data, length < sizeof data ? length : (uint32_t)sizeof data);
}

static void add_to_crc(uint8_t byte)
{
    config_crc = crc32_add(config_crc, byte);
}

static void tell(enum message message, const uint32_t *args)
{
    uint8_t body[FRAME_BODY_MAX];
    const uint8_t length = messages_encode(body, message, args, NULL, 0);
    add_to_crc((uint8_t)(length - 1u));
    for (uint8_t i = 1; i < length; i++) {
        add_to_crc(body[i]);
    }
    (void)caller_call(message, args, SPOIL_NOT, 0);
    board->run(12000);
}

static void tell_output(uint32_t output, uint32_t kind, uint32_t group, uint32_t max_on_ms)
{
    const uint32_t args[] = {output, kind, group, LEASE_MAX_MS, MIN_OFF_MS, max_on_ms};
    tell(MSG_config_output, args);
}

uint8_t caller_configure(uint32_t epoch)
{
    const uint32_t begin[] = {epoch, CHANGEOVER_MS};
    (void)caller_call(MSG_config_begin, begin, SPOIL_NOT, 0);
    board->run(5000);
    config_crc = CRC32_START;
    add_to_crc(CHANGEOVER_MS & 0xFFu);
    add_to_crc(CHANGEOVER_MS >> 8);
    for (uint32_t valve = 0; valve < 4u; valve++) {
        tell_output(valve, OUTPUT_VALVE, valve >= 2u ? 1 : 0, MAX_ON_MS);
    }
    tell_output(PUMP, OUTPUT_PUMP, 0, PUMP_MAX_ON_MS);
    tell_output(DOSER, OUTPUT_DOSER, 0, MAX_ON_MS);
    tell_output(VENT_OPEN, OUTPUT_VALVE, 2, MAX_ON_MS);
    tell_output(VENT_CLOSE, OUTPUT_VALVE, 2, MAX_ON_MS);
    const uint32_t counter[] = {FLOW, 200};
    tell(MSG_config_counter, counter);
    const uint32_t pump[] = {PUMP, FLOW, TRIES, PUMP_VALVES, OPEN_LEAD_MS, CLOSE_LEAD_MS, DRY_RUN_MS, LOCKOUT_S, 255, 0};
    tell(MSG_config_pump, pump);
    const uint32_t doser[] = {DOSER, FLOW, RATE_UL_S, FLOW_WINDOW_MS, EVENT_UL, HOUR_UL, DAY_UL};
    tell(MSG_config_doser, doser);
    const uint32_t input[] = {FLOAT, 1, FLOAT_DEBOUNCE_MS, FLOAT_BLOCKS};
    tell(MSG_config_input, input);
    const uint32_t end[] = {epoch, config_crc ^ CRC32_START};
    (void)caller_call(MSG_config_end, end, SPOIL_NOT, 0);
    board->run(40000);
    return seq;
}
