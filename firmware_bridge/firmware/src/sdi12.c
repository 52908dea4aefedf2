/* SPDX-License-Identifier: Apache-2.0 */
/* 1200 baud, 7 data bits, even parity, inverted levels: spacing (and a start bit, and a 0) is the high level.
 * Every bit boundary is set from the one before it, so interrupt latency does not add up. */
#include "sdi12.h"

#include "board.h"
#include "codes.h"
#include "link.h"

/* SDI-12 v1.4 section 7 */
#define BREAK_US 12500u               /* at least 12 ms of spacing */
#define MARKING_US 9000u              /* at least 8.33 ms of marking after the break */
#define BIT_US 833u                   /* 1/1200 s; the thirds are made up at the stop bit */
#define STOP_BIT_US 836u
#define FIRST_SAMPLE_US 1250u         /* one and a half bits after the start edge */
#define REPLY_START_US 20000u         /* the sensor starts within 15 ms; a third more for slow drivers */
#define CHARACTER_GAP_US 5000u        /* 1.66 ms between characters in the document */

#define COMMAND_MAX 24u
#define REPLY_MAX 84u                 /* 75 value characters, address, CRC, CR LF */
#define FLAG_BREAK 1u
#define TEXT_CHUNK 48u

enum phase { PHASE_IDLE, PHASE_BREAK, PHASE_MARKING, PHASE_SEND, PHASE_WAIT, PHASE_RECEIVE };

static volatile uint8_t phase;
static volatile uint8_t result;
static uint8_t command[COMMAND_MAX];
static uint8_t command_length;
static uint8_t position;              /* character being sent */
static uint8_t bit;                   /* bit of that character: 0 start, 1..7 data, 8 parity, 9 stop */
static uint8_t shift;
static uint8_t parity;
static uint8_t reply[REPLY_MAX];
static uint8_t reply_length;
static uint32_t reply_at_us;

void sdi12_init(void)
{
    phase = PHASE_IDLE;
    result = SDI12_IDLE;
    command_length = 0;
    reply_length = 0;
    reply_at_us = 0;
    board_sdi12_release();
}

static void finish(uint8_t outcome)
{
    phase = PHASE_IDLE;
    result = outcome;
    board_sdi12_edges(false);
    board_sdi12_timer_stop();
    board_sdi12_release();
}

static void listen(uint16_t wait_us)
{
    phase = PHASE_WAIT;
    board_sdi12_timer_from_now(wait_us);
    board_sdi12_edges(true);
}

static void send_bit(void)
{
    if (bit == 0) {
        if (position == command_length) {
            board_sdi12_release();
            listen(REPLY_START_US);
            return;
        }
        shift = command[position];
        parity = 0;
        board_sdi12_drive(true);
    } else if (bit <= 7u) {
        const uint8_t one = (uint8_t)(shift & 1u);
        shift >>= 1;
        parity ^= one;
        board_sdi12_drive(one == 0);
    } else if (bit == 8u) {
        board_sdi12_drive(parity == 0);
    } else {
        board_sdi12_drive(false);
        position++;
    }
    board_sdi12_timer(bit == 9u ? STOP_BIT_US : BIT_US);
    bit = bit == 9u ? 0 : (uint8_t)(bit + 1u);
}

static void character_done(bool stop_is_marking)
{
    if (parity != 0 || !stop_is_marking) {
        finish(SDI12_BAD_CHARACTER);
        return;
    }
    if (reply_length == REPLY_MAX) {
        finish(SDI12_TOO_LONG);
        return;
    }
    reply[reply_length] = shift;
    reply_length++;
    if (shift == '\n') {
        finish(SDI12_REPLY);
        return;
    }
    listen(CHARACTER_GAP_US);
}

static void sample_bit(void)
{
    const uint8_t one = board_sdi12_spacing() ? (uint8_t)0 : (uint8_t)1;
    if (bit < 7u) {
        shift = (uint8_t)(shift >> 1 | (uint8_t)(one << 6));
        parity ^= one;
    } else if (bit == 7u) {
        parity ^= one;
    } else {
        character_done(one != 0);
        return;
    }
    bit++;
    board_sdi12_timer(BIT_US);
}

void sdi12_on_timer(void)
{
    switch (phase) {
    case PHASE_BREAK:
        phase = PHASE_MARKING;
        board_sdi12_drive(false);
        board_sdi12_timer(MARKING_US);
        break;
    case PHASE_MARKING:
        phase = PHASE_SEND;
        send_bit();
        break;
    case PHASE_SEND:
        send_bit();
        break;
    case PHASE_WAIT:
        finish(reply_length == 0 ? (uint8_t)SDI12_NO_REPLY : (uint8_t)SDI12_BAD_CHARACTER);
        break;
    case PHASE_RECEIVE:
        sample_bit();
        break;
    default:
        board_sdi12_timer_stop();
        break;
    }
}

void sdi12_on_edge(bool spacing)
{
    if (phase != PHASE_WAIT || !spacing) {
        return;
    }
    if (reply_length == 0) {
        reply_at_us = board_clock_us();
    }
    phase = PHASE_RECEIVE;
    bit = 0;
    shift = 0;
    parity = 0;
    board_sdi12_edges(false);
    board_sdi12_timer_from_now(FIRST_SAMPLE_US);
}

void sdi12_on_send(const struct call *call)
{
    if (phase != PHASE_IDLE) {
        link_refuse(call->message, REFUSE_BUSY, 0);
        return;
    }
    if (call->text_length == 0 || call->text_length > COMMAND_MAX) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 2);
        return;
    }
    for (uint8_t i = 0; i < call->text_length; i++) {
        command[i] = (uint8_t)(call->text[i] & 0x7Fu);
    }
    command_length = call->text_length;
    reply_length = 0;
    position = 0;
    bit = 0;
    result = SDI12_BUSY;
    const bool with_break = (call->arg[0] & FLAG_BREAK) != 0;
    phase = with_break ? PHASE_BREAK : PHASE_MARKING;
    board_sdi12_drive(with_break);
    board_sdi12_timer_from_now(with_break ? BREAK_US : MARKING_US);
    link_done(call);
}

void sdi12_on_read(const struct call *call)
{
    const uint8_t whole = result == SDI12_BUSY ? 0 : reply_length;
    const uint32_t offset = call->arg[0] < whole ? call->arg[0] : whole;
    const uint32_t args[] = {result, whole, reply_at_us};
    uint8_t length = (uint8_t)(whole - offset);
    if (length > TEXT_CHUNK) {
        length = TEXT_CHUNK;
    }
    link_reply(MSG_sdi12_text, args, &reply[offset], length);
}
