/* Characters that are spelt out: see spelling.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/spelling.h"

#include <stdbool.h>
#include <stdio.h>
#include <unictype.h>

/* What is hidden besides Unicode's format characters and its controls. */
static const struct range {
    uint32_t first, last;
} hidden[] = {
    {0x115f, 0x1160}, /* Hangul fillers */
    {0x180e, 0x180e}, /* Mongolian vowel separator: a format character since Unicode 6.3 */
    {0x2028, 0x2029}, /* line and paragraph separator */
    {0x2060, 0x206f}, /* word joiner, invisible operators, bidi isolates; one has no meaning yet */
    {0x3164, 0x3164}, /* Hangul filler */
    {0xfdd0, 0xfdef}, /* no characters */
    {0xffa0, 0xffa0}, /* halfwidth Hangul filler */
    {0xfff0, 0xfffb}, /* interlinear annotation, and what would be ignored */
    {0xe0000, 0xe0fff}, /* tags and further variation selectors */
};

static bool is_hidden(uint32_t c)
{
    if (c == 0x200c || c == 0x200d)
        return false;
    if ((c & 0xfffe) == 0xfffe || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc) ||
        uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cf))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        if (c >= hidden[i].first && c <= hidden[i].last)
            return true;
    return false;
}

size_t spelling_of(uint32_t c, char ret[SPELLING_MAX])
{
    if (c >= 0x20 && c < 0x7f)
        return 0;
    if (c < 0x80)
        return (size_t)snprintf(ret, SPELLING_MAX, "^%c", (int)(c ^ 0x40));
    if (is_hidden(c))
        return (size_t)snprintf(ret, SPELLING_MAX, "\\u{%X}", (unsigned)c);
    return 0;
}
