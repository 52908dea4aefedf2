/* SPDX-License-Identifier: Apache-2.0 */
/* golden FILE: frames and check sums shared with the Python tests. Lines: "frame KIND SEQ ACK BODY WIRE" in hex,
 * "bad WIRE" for what must not be taken, "crc16 TEXT VALUE". Prints the dictionary, as the board carries it, on
 * "golden --dictionary". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "frame.h"
#include "messages.h"

static uint8_t wire[256];
static uint32_t wire_length;

static void put(uint8_t byte)
{
    wire[wire_length] = byte;
    wire_length++;
}

static uint32_t from_hex(const char *text, uint8_t *data)
{
    uint32_t length = 0;
    unsigned byte;
    for (; text[0] != '-' && sscanf(text, "%2x", &byte) == 1; text += 2) {
        data[length] = (uint8_t)byte;
        length++;
    }
    return length;
}

/* Feeds one wire form; gives the number of good frames, the last one in decoder->data. */
static uint32_t take(struct frame_decoder *decoder, const uint8_t *data, uint32_t length)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < length; i++) {
        good += frame_decoder_take(decoder, data[i]) == FRAME_GOOD;
    }
    return good;
}

static bool frame_agrees(unsigned kind, unsigned seq, unsigned ack, const char *body_hex, const char *wire_hex)
{
    uint8_t frame[FRAME_MAX];
    uint8_t expected[256];
    const uint32_t body = from_hex(body_hex, &frame[FRAME_HEAD]);
    const uint32_t expected_length = from_hex(wire_hex, expected);
    frame[1] = (uint8_t)kind;
    frame[2] = (uint8_t)seq;
    frame[3] = (uint8_t)ack;
    const uint8_t length = frame_seal(frame, (uint8_t)(FRAME_HEAD + body));
    wire_length = 0;
    frame_write(frame, length, put);
    struct frame_decoder decoder;
    memset(&decoder, 0, sizeof decoder);
    return wire_length == expected_length && memcmp(wire, expected, wire_length) == 0 &&
           take(&decoder, wire, wire_length) == 1 && memcmp(decoder.data, frame, length) == 0;
}

static bool line_agrees(const char *line)
{
    char first[300];
    char second[300];
    unsigned kind;
    unsigned seq;
    unsigned ack;
    if (sscanf(line, "frame %x %x %x %299s %299s", &kind, &seq, &ack, first, second) == 5) {
        return frame_agrees(kind, seq, ack, first, second);
    }
    if (sscanf(line, "bad %299s", first) == 1) {
        struct frame_decoder decoder;
        memset(&decoder, 0, sizeof decoder);
        return take(&decoder, wire, from_hex(first, wire)) == 0;
    }
    if (sscanf(line, "crc16 %299s %x", first, &kind) == 2) {
        return crc16_of(first, (uint16_t)strlen(first)) == kind;
    }
    return line[0] == '#' || line[0] == '\n';
}

static void print_dictionary(void)
{
#define CALL(name, format, handler) printf("%s\n", #name " " format);
#define SEND(name, format) printf("%s\n", #name " " format);
#include "messages.def"
#undef CALL
#undef SEND
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "--dictionary") == 0) {
        print_dictionary();
        return 0;
    }
    FILE *file = count == 2 ? fopen(words[1], "r") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "usage: golden FILE | --dictionary\n");
        return 2;
    }
    char line[700];
    uint32_t lines = 0;
    uint32_t wrong = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        lines++;
        if (!line_agrees(line)) {
            wrong++;
            (void)fprintf(stderr, "does not agree: %s", line);
        }
    }
    (void)fclose(file);
    printf("{\"lines\":%u,\"wrong\":%u}\n", lines, wrong);
    return wrong == 0 ? 0 : 1;
}
