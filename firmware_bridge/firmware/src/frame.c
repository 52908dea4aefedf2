/* SPDX-License-Identifier: Apache-2.0 */
/* COBS framing with CRC and length. Byte-wise both ways, so no second buffer is needed. */
#include "frame.h"

#include "crc.h"

void frame_decoder_reset(struct frame_decoder *decoder)
{
    decoder->length = 0;
    decoder->run = 0;
    decoder->broken = 0;
    decoder->zero_next = 0;
}

static uint32_t frame_crc(const uint8_t *data, uint8_t length)
{
    uint32_t crc = CRC32_START;
    for (uint8_t i = 0; i < length; i++) {
        crc = crc32_add(crc, data[i]);
    }
    return ~crc;
}

static enum frame_event frame_end(struct frame_decoder *decoder)
{
    const uint8_t length = decoder->length;
    const uint8_t empty = (uint8_t)(length == 0 && decoder->broken == 0 && decoder->run == 0);
    const uint8_t broken = (uint8_t)(decoder->broken != 0 || decoder->run != 0);
    frame_decoder_reset(decoder);
    if (empty != 0) {
        return FRAME_NOTHING;
    }
    if (broken != 0 || length < FRAME_MIN || decoder->data[0] != length) {
        return FRAME_BAD;
    }
    const uint32_t crc = frame_crc(decoder->data, (uint8_t)(length - FRAME_CRC));
    for (uint8_t i = 0; i < FRAME_CRC; i++) {
        if (decoder->data[length - FRAME_CRC + i] != (uint8_t)(crc >> (8u * i))) {
            return FRAME_BAD;
        }
    }
    return FRAME_GOOD;
}

static void frame_store(struct frame_decoder *decoder, uint8_t byte)
{
    if (decoder->length >= FRAME_MAX) {
        decoder->broken = 1;
        return;
    }
    decoder->data[decoder->length] = byte;
    decoder->length++;
}

enum frame_event frame_decoder_take(struct frame_decoder *decoder, uint8_t byte)
{
    if (byte == 0) {
        return frame_end(decoder);
    }
    if (decoder->run != 0) {
        decoder->run--;
        frame_store(decoder, byte);
        return FRAME_NOTHING;
    }
    if (decoder->zero_next != 0) {
        frame_store(decoder, 0);
    }
    decoder->run = (uint8_t)(byte - 1u);
    decoder->zero_next = 1; /* a frame is shorter than 254 bytes: every run stands for a zero */
    return FRAME_NOTHING;
}

uint8_t frame_seal(uint8_t *data, uint8_t length)
{
    const uint8_t whole = (uint8_t)(length + FRAME_CRC);
    data[0] = whole;
    const uint32_t crc = frame_crc(data, length);
    for (uint8_t i = 0; i < FRAME_CRC; i++) {
        data[length + i] = (uint8_t)(crc >> (8u * i));
    }
    return whole;
}

void frame_write(const uint8_t *data, uint8_t length, void (*put)(uint8_t byte))
{
    put(0);
    uint8_t start = 0;
    while (start <= length) {
        uint8_t end = start;
        while (end < length && data[end] != 0) {
            end++;
        }
        put((uint8_t)((uint8_t)(end - start) + 1u));
        for (uint8_t i = start; i < end; i++) {
            put(data[i]);
        }
        start = (uint8_t)(end + 1u);
    }
    put(0);
}
