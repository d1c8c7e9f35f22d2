/* UTF-8 on top of libunistring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

/* The length of the run of ASCII at the start, counted eight bytes at a time: most text is
 * nothing else, and needs no look at characters. */
static size_t ascii_prefix(struct bytes text)
{
    const uint64_t high_bits = 0x8080808080808080U;
    size_t i = 0;

    while (text.len - i >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof(word));
        if (word & high_bits)
            break;
        i += sizeof(word);
    }
    while (i < text.len && !((unsigned char)text.data[i] & 0x80))
        i++;
    return i;
}

bool utf8_valid(struct bytes text)
{
    if (text.len == 0)
        return true;
    size_t ascii = ascii_prefix(text);
    return ascii == text.len ||
           u8_check((const uint8_t *)text.data + ascii, text.len - ascii) == NULL;
}

size_t utf8_prefix(struct bytes text, size_t max)
{
    if (text.len <= max)
        return text.len;
    while (max > 0 && ((unsigned char)text.data[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void utf8_scrub(char *text)
{
    char *end = text + strlen(text);

    while (text < end) {
        uint32_t character;
        int len =
            utf8_decode((struct bytes){.data = text, .len = (size_t)(end - text)}, &character);
        if (len < 0)
            *text = '?';
        text += len < 0 ? 1 : len;
    }
}

/* One pass; `*ret` is malloc'ed and not terminated. */
static int fold_once(const uint8_t *text, size_t len, uint8_t **ret, size_t *ret_len)
{
    size_t folded_len;
    uint8_t *folded = u8_casefold(text, len, NULL, UNINORM_NFKC, NULL, &folded_len);

    if (!folded)
        return errno == ENOMEM ? -ENOMEM : -EILSEQ;
    *ret = folded;
    *ret_len = folded_len;
    return 0;
}

int utf8_fold(struct bytes text, char **ret)
{
    uint8_t *once = NULL, *twice = NULL;
    size_t len = 0;

    /* A NUL cannot be told from the end in what is returned. */
    if (!utf8_valid(text) || (text.len > 0 && memchr(text.data, '\0', text.len)))
        return -EILSEQ;
    if (text.len > 0) {
        int r = fold_once((const uint8_t *)text.data, text.len, &once, &len);
        if (r < 0)
            return r;
        /* Normalisation brings forth new capitals (U+2121 becomes "TEL"), so Unicode's
         * NFKC_Casefold folds a second time. */
        r = fold_once(once, len, &twice, &len);
        free(once);
        if (r < 0)
            return r;
    }
    char *folded = realloc(twice, len + 1);
    if (!folded) {
        free(twice);
        return -ENOMEM;
    }
    folded[len] = '\0';
    *ret = folded;
    return 0;
}

int utf8_decode(struct bytes text, uint32_t *ret)
{
    ucs4_t character;
    int len = u8_mbtoucr(&character, (const uint8_t *)text.data, text.len);

    if (len < 0)
        return -EILSEQ;
    *ret = character;
    return len;
}
