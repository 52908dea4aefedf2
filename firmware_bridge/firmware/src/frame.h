/* SPDX-License-Identifier: Apache-2.0 */
/* A frame on the wire: 00 COBS(length kind seq ack body crc32) 00. The leading delimiter ends whatever noise
 * stood before it, so that the first frame after noise is not lost with it. */
#ifndef VUON_FRAME_H
#define VUON_FRAME_H

#include <stdint.h>

#define FRAME_MAX 64u                   /* decoded, with length and CRC */
#define FRAME_HEAD 4u                   /* length kind seq ack */
#define FRAME_CRC 4u /* sixteen bits let 1 of 60,000 spoilt leases through, measured */
#define FRAME_MIN (FRAME_HEAD + FRAME_CRC)
#define FRAME_BODY_MAX (FRAME_MAX - FRAME_MIN)
#define FRAME_WIRE_MAX (FRAME_MAX + 3u) /* one COBS code byte and two delimiters */

enum frame_kind {
    FRAME_CONNECT = 1,   /* host: a call that also starts a new numbering */
    FRAME_CALL = 2,      /* host: a numbered call */
    FRAME_REPLY = 3,     /* board: the answer; seq is that of the call */
    FRAME_DONE = 4,      /* board: that call was done before, its answer is no longer kept */
    FRAME_NAK = 5,       /* board: ack is the call number it waits for */
    FRAME_STRANGER = 6,  /* board: it was restarted and knows no numbering */
    FRAME_REPORT = 7,    /* board: unasked; seq counts reports */
};

enum frame_event { FRAME_NOTHING, FRAME_GOOD, FRAME_BAD };

struct frame_decoder {
    uint8_t data[FRAME_MAX];
    uint8_t length;
    uint8_t run;        /* bytes left in the present COBS run */
    uint8_t broken;     /* this frame cannot become good any more */
    uint8_t zero_next;  /* the finished run stands for a zero unless the frame ends here */
};

void frame_decoder_reset(struct frame_decoder *decoder);

/* Takes one wire byte. After FRAME_GOOD data[0..length) is the checked frame until the next call. */
enum frame_event frame_decoder_take(struct frame_decoder *decoder, uint8_t byte);

/* Sets data[0] and the CRC behind the body; length counts head and body. Returns the whole length. */
uint8_t frame_seal(uint8_t *data, uint8_t length);

/* Writes the wire form of a sealed frame through put(). */
void frame_write(const uint8_t *data, uint8_t length, void (*put)(uint8_t byte));

#endif
