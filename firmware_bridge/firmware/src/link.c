/* SPDX-License-Identifier: Apache-2.0 */
/* Go-back-N as the receiver: calls are done in order and once. The last answer is kept, so a call that comes
 * again because its answer was lost is answered again and not done again. A call is only taken when its answer
 * has room, so nothing waits. */
#include "link.h"

#include <stddef.h>

#include "board.h"
#include "codes.h"
#include "frame.h"

#define PROTOCOL_VERSION 1u
#define WINDOW_MAX 8u        /* calls further back than this are not repeats but nonsense */
#define BYTES_PER_POLL 64u

static struct frame_decoder decoder;
static uint8_t kept[FRAME_MAX]; /* the last answer, sealed */
static uint8_t kept_length;
static uint8_t next_seq;        /* the call number waited for */
static uint8_t present_seq;
static uint8_t report_seq;
static bool connected;
static bool nak_sent;           /* one NAK for one gap */

void link_init(void)
{
    frame_decoder_reset(&decoder);
    kept_length = 0;
    next_seq = 0;
    present_seq = 0;
    report_seq = 0;
    connected = false;
    nak_sent = false;
}

bool link_is_connected(void)
{
    return connected;
}

static void send_bare(enum frame_kind kind, uint8_t seq)
{
    uint8_t frame[FRAME_MIN];
    frame[1] = (uint8_t)kind;
    frame[2] = seq;
    frame[3] = next_seq;
    const uint8_t length = frame_seal(frame, FRAME_HEAD);
    frame_write(frame, length, board_uart_put);
}

void link_reply(enum message message, const uint32_t *args, const uint8_t *text, uint8_t text_length)
{
    kept[1] = FRAME_REPLY;
    kept[2] = present_seq;
    kept[3] = next_seq;
    const uint8_t body = messages_encode(&kept[FRAME_HEAD], message, args, text, text_length);
    kept_length = frame_seal(kept, (uint8_t)(FRAME_HEAD + body));
    frame_write(kept, kept_length, board_uart_put);
}

void link_refuse(uint8_t call, uint8_t reason, uint32_t detail)
{
    const uint32_t args[] = {call, reason, detail};
    link_reply(MSG_refused, args, NULL, 0);
}

void link_done(const struct call *call)
{
    const uint32_t args[] = {call->message};
    link_reply(MSG_done, args, NULL, 0);
}

bool link_report(enum message message, const uint32_t *args)
{
    if (board_uart_room() < BOARD_UART_EMPTY) {
        return false; /* one report at a time: an answer never waits for more than the one on the wire */
    }
    uint8_t frame[FRAME_MAX];
    frame[1] = FRAME_REPORT;
    frame[2] = report_seq;
    frame[3] = next_seq;
    report_seq++;
    const uint8_t body = messages_encode(&frame[FRAME_HEAD], message, args, NULL, 0);
    const uint8_t length = frame_seal(frame, (uint8_t)(FRAME_HEAD + body));
    frame_write(frame, length, board_uart_put);
    return true;
}

void link_on_hello(const struct call *call)
{
    static const char about[] = BOARD_NAME " " VUON_VERSION;
    (void)call;
    const uint32_t args[] = {PROTOCOL_VERSION, MSG_COUNT, messages_dictionary_crc()};
    link_reply(MSG_identity, args, (const uint8_t *)about, (uint8_t)(sizeof about - 1u));
}

static void take_call(const uint8_t *frame, uint8_t length)
{
    present_seq = frame[2];
    next_seq = (uint8_t)(present_seq + 1u);
    nak_sent = false;
    kept_length = 0;
    messages_dispatch(&frame[FRAME_HEAD], (uint8_t)(length - FRAME_MIN));
}

static void take_frame(const uint8_t *frame)
{
    const uint8_t length = frame[0];
    if (frame[1] == FRAME_CONNECT) {
        connected = true;
        take_call(frame, length);
        return;
    }
    if (frame[1] != FRAME_CALL) {
        return;
    }
    if (!connected) {
        send_bare(FRAME_STRANGER, frame[2]);
        return;
    }
    const uint8_t behind = (uint8_t)(next_seq - frame[2]);
    if (behind == 0) {
        take_call(frame, length);
    } else if (behind == 1 && kept_length != 0 && kept[2] == frame[2]) {
        frame_write(kept, kept_length, board_uart_put);
    } else if (behind <= WINDOW_MAX) {
        send_bare(FRAME_DONE, frame[2]);
    } else if (!nak_sent) {
        nak_sent = true;
        send_bare(FRAME_NAK, frame[2]);
    }
}

void link_poll(void)
{
    for (uint8_t i = 0; i < BYTES_PER_POLL; i++) {
        uint8_t byte;
        if (board_uart_room() < FRAME_WIRE_MAX || !board_uart_take(&byte)) {
            return;
        }
        const enum frame_event event = frame_decoder_take(&decoder, byte);
        if (event == FRAME_GOOD) {
            take_frame(decoder.data);
        } else if (event == FRAME_BAD && connected && !nak_sent) {
            nak_sent = true;
            send_bare(FRAME_NAK, 0);
        }
    }
}
