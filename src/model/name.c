/* The rules for names, topics and passwords. The reasons are whole sentences: they are shown to
 * people.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/name.h"

#include "util/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <unictype.h>

/* Control, format, surrogate, line and paragraph separator. */
#define REFUSED_CATEGORIES                                                                         \
    (UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Zl |       \
     UC_CATEGORY_MASK_Zp)

/* The NUL that ends the string is found by strchr() too, but is refused before as a control. */
static const char name_syntax[] = ":#*%/";

typedef const char *(*character_refusal_fn)(uint32_t character);

static const char *name_character_refusal(uint32_t character)
{
    if (uc_is_property_white_space(character))
        return "a name may not contain white space";
    if (uc_is_general_category_withtable(character, REFUSED_CATEGORIES))
        return "a name may not contain control or format characters";
    if (uc_is_property_default_ignorable_code_point(character))
        return "a name may not contain invisible characters";
    if (character < 0x80 && strchr(name_syntax, (int)character))
        return "a name may not contain any of : # * % /";
    return NULL;
}

static const char *topic_character_refusal(uint32_t character)
{
    if (uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl |
                                                        UC_CATEGORY_MASK_Zp))
        return "a topic may not contain control characters";
    return NULL;
}

static const char *password_character_refusal(uint32_t character)
{
    if (uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cc))
        return "a password may not contain control characters";
    if (character == ':')
        return "a password may not contain a colon";
    return NULL;
}

/* The first refusal of a character of `text`, which is valid UTF-8. */
static const char *first_refusal(struct bytes text, character_refusal_fn refusal)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t character = 0;
        int len =
            utf8_decode((struct bytes){.data = text.data + i, .len = text.len - i}, &character);
        assert(len > 0);
        const char *reason = refusal(character);
        if (reason)
            return reason;
        i += (size_t)len;
    }
    return NULL;
}

const char *name_refusal(struct bytes name)
{
    if (name.len == 0)
        return "a name may not be empty";
    if (name.len > NAME_MAX_BYTES)
        return "a name may have at most 64 bytes of UTF-8";
    if (!utf8_valid(name))
        return "a name must be valid UTF-8";
    return first_refusal(name, name_character_refusal);
}

static bool is_digits(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A number that does not fit is 0, which no room has. */
static uint64_t number_of(const char *digits)
{
    uint64_t number = 0;

    if (!is_digits(digits))
        return 0;
    for (; *digits != '\0'; digits++) {
        if (number > (INT64_MAX - 9) / 10)
            return 0;
        number = number * 10 + (uint64_t)(*digits - '0');
    }
    return number;
}

const char *room_name_refusal(struct bytes name)
{
    const char *refusal = name_refusal(name);
    char *folded = NULL;

    if (refusal)
        return refusal;
    if (utf8_fold(name, &folded) == 0 && is_digits(folded))
        refusal = "a room may not have a name of digits alone";
    free(folded);
    return refusal;
}

uint64_t room_number(struct bytes room)
{
    uint64_t number = 0;
    char *folded = NULL;

    if (room.len < 2 || room.len > NAME_MAX_BYTES + 1 || room.data[0] != '#')
        return 0;
    if (utf8_fold((struct bytes){room.data + 1, room.len - 1}, &folded) == 0)
        number = number_of(folded);
    free(folded);
    return number;
}

const char *topic_refusal(struct bytes topic)
{
    if (topic.len > TOPIC_MAX_BYTES)
        return "a topic may have at most 300 bytes of UTF-8";
    if (!utf8_valid(topic))
        return "a topic must be valid UTF-8";
    return first_refusal(topic, topic_character_refusal);
}

const char *password_refusal(struct bytes password)
{
    if (password.len == 0)
        return "a password may not be empty";
    if (password.len > PASSWORD_MAX_BYTES)
        return "a password may have at most 128 bytes of UTF-8";
    if (!utf8_valid(password))
        return "a password must be valid UTF-8";
    return first_refusal(password, password_character_refusal);
}

_Static_assert(NAME_MAX_BYTES == 64 && PASSWORD_MAX_BYTES == 128 && TOPIC_MAX_BYTES == 300,
               "the sentences name them");
