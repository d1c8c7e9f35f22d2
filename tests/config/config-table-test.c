/* The loader: every type, every way a file can be wrong, setting from text, and what is owned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct example {
    bool flag;
    uint64_t number, scaled, open;
    char *text, *path;
    int choice;
    struct addr address;
    struct config_strings strings;
    struct config_networks networks;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

#define FIELD(member) .offset = offsetof(struct example, member)

static const struct config_key keys[] = {
    {"flag", CONFIG_BOOL, FIELD(flag), .fallback = "true"},
    {"limits.number", CONFIG_NUMBER, FIELD(number), .fallback = "100", .min = 64, .max = 65536,
     .unit = "bytes"},
    {"limits.scaled", CONFIG_NUMBER, FIELD(scaled), .fallback = "2", .max = 60, .scale = 1000},
    {"limits.open", CONFIG_NUMBER, FIELD(open), .fallback = "1", .min = 1},
    {"names.text", CONFIG_STRING, FIELD(text), .fallback = "hello", .min = 1, .max = 200},
    {"names.path", CONFIG_PATH, FIELD(path), .fallback = "", .max = 20},
    {"names.choice", CONFIG_CHOICE, FIELD(choice), .fallback = "green", .choices = colours},
    {"net.address", CONFIG_ADDRESS, FIELD(address), .fallback = "*:9001"},
    {"net.deep.strings", CONFIG_STRINGS, FIELD(strings), .fallback = "one, two", .max = 3},
    {"net.deep.networks", CONFIG_NETWORKS, FIELD(networks), .fallback = "127.0.0.0/8, ::1",
     .min = 1},
};

static bool check(const void *values, const char **ret_path, const char **ret_reason)
{
    const struct example *example = values;
    *ret_path = "limits.scaled";
    *ret_reason = "allowed is less than limits.number";
    return example->scaled / 1000 != 60;
}

static const struct config_table table = {keys, ARRAY_SIZE(keys), check};

static char folder[] = "/tmp/config-table-test-XXXXXX";
static char file[256];

static void write_file(const char *path, const char *content)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/a.conf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char other[300];
    snprintf(other, sizeof other, "%s/b.conf", folder);
    unlink(other);
    unlink(file);
    return rmdir(folder);
}

static void assert_format(const struct example *example, const char *path, const char *expected)
{
    char *text;
    const struct config_key *key = config_table_find(&table, path);
    assert_non_null(key);
    assert_int_equal(config_key_format(key, example, &text), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_defaults(void **state)
{
    (void)state;
    struct example example;
    memset(&example, 0xa5, sizeof example); /* what was there before does not matter */
    assert_int_equal(config_table_init(&table, &example), 0);
    assert_true(example.flag);
    assert_int_equal(example.number, 100);
    assert_int_equal(example.scaled, 2000);
    assert_string_equal(example.text, "hello");
    assert_string_equal(example.path, "");
    assert_int_equal(example.choice, 1);
    assert_int_equal(example.address.port, 9001);
    assert_int_equal(example.strings.count, 2);
    assert_string_equal(example.strings.items[1], "two");
    assert_int_equal(example.networks.count, 2);
    assert_format(&example, "flag", "true");
    assert_format(&example, "limits.scaled", "2");
    assert_format(&example, "names.text", "\"hello\"");
    assert_format(&example, "names.choice", "\"green\"");
    assert_format(&example, "net.address", "\"*:9001\"");
    assert_format(&example, "net.deep.strings", "[ \"one\", \"two\" ]");
    assert_format(&example, "net.deep.networks", "[ \"127.0.0.0/8\", \"::1\" ]");
    config_table_deinit(&table, &example);
    assert_null(example.text);
    config_table_deinit(&table, &example);
}

static void test_whole_file(void **state)
{
    (void)state;
    struct example example;
    char *error;
    write_file(file, "flag = false; # a comment\n"
                     "limits = { number = 0x80; scaled = 3L; open = 5000000000L; };\n"
                     "names: { text = \"a:b\"; path = \"/x\"; choice = \"blue\"; };\n"
                     "net: { address = \"[::1]:0\";\n"
                     "  deep: { strings = (\"x\"); networks = [\"10.0.0.0/8\"]; }; };\n");
    assert_int_equal(config_table_load(&table, file, &example, &error), 0);
    assert_null(error);
    assert_false(example.flag);
    assert_int_equal(example.number, 128);
    assert_int_equal(example.scaled, 3000);
    assert_int_equal(example.open, 5000000000);
    assert_string_equal(example.text, "a:b");
    assert_string_equal(example.path, "/x");
    assert_int_equal(example.choice, 2);
    assert_format(&example, "net.address", "\"[::1]:0\"");
    assert_format(&example, "net.deep.strings", "[ \"x\" ]");
    assert_format(&example, "net.deep.networks", "[ \"10.0.0.0/8\" ]");
    config_table_deinit(&table, &example);
}

static void test_empty_file_means_defaults(void **state)
{
    (void)state;
    struct example example, defaults;
    char *error;
    write_file(file, "\n# nothing\n");
    assert_int_equal(config_table_load(&table, file, &example, &error), 0);
    assert_int_equal(config_table_init(&table, &defaults), 0);
    for (size_t i = 0; i < table.count; i++)
        assert_true(config_key_equal(&table.keys[i], &example, &defaults));
    config_table_deinit(&table, &defaults);
    config_table_deinit(&table, &example);
}

/* Each content is refused with exactly this, after the file's name. */
static const struct {
    const char *content, *error;
} broken[] = {
    {"\nlimits: { number = 5; };", ":2: key \"limits.number\": value 5: allowed are 64 to 65536 "
                                   "bytes"},
    {"limits: { number = -100; };",
     ":1: key \"limits.number\": value -100: allowed are 64 to 65536 "
     "bytes"},
    {"limits: { number = 65537; };", ":1: key \"limits.number\": value 65537: allowed are 64 to "
                                     "65536 bytes"},
    {"limits: { number = 9223372036854775807L; };",
     ":1: key \"limits.number\": value 9223372036854775807: allowed are 64 to 65536 bytes"},
    {"limits: { number = 5000000000L; };", ":1: key \"limits.number\": value 5000000000: allowed "
                                           "are 64 to 65536 bytes"},
    {"limits: { open = 0; };", ":1: key \"limits.open\": value 0: allowed is 1 or more"},
    {"limits: { number = \"many\"; };", ":1: key \"limits.number\": value \"many\" is a text: "
                                        "allowed are 64 to 65536 bytes"},
    {"limits: { number = 100.5; };",
     ":1: key \"limits.number\": value 100.5 is a floating-point number: "
     "allowed are 64 to 65536 bytes"},
    {"limits: { number = true; };", ":1: key \"limits.number\": value true is a boolean: allowed "
                                    "are 64 to 65536 bytes"},
    {"limits: { number = [ 100 ]; };", ":1: key \"limits.number\": value is a list: allowed are 64 "
                                       "to 65536 bytes"},
    {"limits: { number: { }; };", ":1: key \"limits.number\": value is a group: allowed are 64 to "
                                  "65536 bytes"},
    {"flag = 1;", ":1: key \"flag\": value 1 is a number: allowed are true and false"},
    {"flag = \"true\";", ":1: key \"flag\": value \"true\" is a text: allowed are true and false"},
    {"names: { text = \"\"; };", ":1: key \"names.text\": value \"\": allowed is a text of 1 to "
                                 "200 bytes without control characters, in quotes"},
    {"names: { text = \"a\\nb\"; };", ":1: key \"names.text\": value \"a\\x0ab\": allowed is a "
                                      "text of 1 to 200 bytes without control characters, in "
                                      "quotes"},
    {"names: { text = 7; };", ":1: key \"names.text\": value 7 is a number: allowed is a text of 1 "
                              "to 200 bytes without control characters, in quotes"},
    {"names: { path = \"here\"; };", ":1: key \"names.path\": value \"here\": allowed is an "
                                     "absolute path of at most 20 bytes, in quotes, or \"\""},
    {"names: { path = \"/a/b/c/d/e/f/g/h/i/j/k\"; };",
     ":1: key \"names.path\": value \"/a/b/c/d/e/f/g/h/i/j/k\": allowed is an absolute path of at "
     "most 20 bytes, in quotes, or \"\""},
    {"names: { choice = \"pink\"; };", ":1: key \"names.choice\": value \"pink\": allowed are "
                                       "\"red\", \"green\" and \"blue\""},
    {"net: { address = \"localhost:1\"; };",
     ":1: key \"net.address\": value \"localhost:1\": allowed is ADDRESS:PORT, such as "
     "\"192.0.2.1:9001\", \"[::1]:9001\" or \"*:9001\""},
    {"net: { address = \"127.0.0.1:70000\"; };",
     ":1: key \"net.address\": value \"127.0.0.1:70000\": allowed is ADDRESS:PORT, such as "
     "\"192.0.2.1:9001\", \"[::1]:9001\" or \"*:9001\""},
    {"net: { deep: { networks = [ ]; }; };", ":1: key \"net.deep.networks\": value []: allowed is "
                                             "a list of at least 1 networks, such as [ "
                                             "\"192.0.2.0/24\", \"::1\" ]"},
    {"net: { deep: { networks = \"::1\"; }; };",
     ":1: key \"net.deep.networks\": value \"::1\" is a text: allowed is a list of at least 1 "
     "networks, such as [ \"192.0.2.0/24\", \"::1\" ]"},
    {"net: { deep: {\n networks = [ \"::1\",\n \"10.0.0.0/33\" ]; }; };",
     ":2: key \"net.deep.networks\": value [\"::1\", \"10.0.0.0/33\"]: allowed is a list of at "
     "least 1 networks, such as [ \"192.0.2.0/24\", \"::1\" ]"},
    {"net: { deep: { strings = ( \"a\",\n 5 ); }; };",
     ":2: key \"net.deep.strings\": element 2: 5 is a number: allowed is a list of 0 to 3 texts, "
     "such as [ \"one\", \"two\" ]"},
    {"net: { deep: { strings = [ \"a\", \"b\", \"c\", \"d\" ]; }; };",
     ":1: key \"net.deep.strings\": value [\"a\", \"b\", \"c\", \"d\"]: allowed is a list of 0 to "
     "3 texts, such as [ \"one\", \"two\" ]"},
    {"net: { deep: { strings = [ \"\" ]; }; };", ":1: key \"net.deep.strings\": value [\"\"]: "
                                                 "allowed is a list of 0 to 3 texts, such as [ "
                                                 "\"one\", \"two\" ]"},
    {"\n\nlimits: { numbr = 100; };", ":3: unknown key \"limits.numbr\": the nearest known key is "
                                      "\"limits.number\""},
    {"number = 100;", ":1: unknown key \"number\": the nearest known key is \"limits.number\""},
    {"limit: { scaled = 1; };", ":1: unknown key \"limit.scaled\": the nearest known key is "
                                "\"limits.scaled\""},
    {"flags: { };", ":1: unknown key \"flags\": the nearest known key is \"flag\""},
    {"net: { deep = 5; };", ":1: key \"net.deep\": value is a number: allowed is a group, deep: { "
                            "… };"},
    {"flag = true;\nflag = false;\n", ":2: duplicate setting name in \"flag = false;\": allowed is "
                                      "each name once in its group"},
    {"flag = ;\n", ":1: syntax error in \"flag = ;\": allowed is NAME = VALUE; or NAME: { … }; "
                   "with text in quotes"},
    {"limits: {\n number = 100;\n", ":3: syntax error at the end: allowed is NAME = VALUE; or "
                                    "NAME: { … }; with text in quotes"},
    {"net: { deep: { strings = [ \"a\", 5 ]; }; };",
     ":1: mismatched element type in array in \"net: { deep: { strings = [ \\\"a\\\", 5 ]; }; "
     "};\": allowed is an array of values of one type"},
    {"flag = true;\n@include \"missing.conf\"\n",
     ":2: cannot open include file in \"@include \\\"missing.conf\\\"\": allowed is @include "
     "\"FILE\" with a file that can be read"},
    {"limits: {\n scaled = 60; };", ":2: key \"limits.scaled\": value 60: allowed is less than "
                                    "limits.number"},
};

static void test_broken_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        struct example example, before;
        char expected[1024], *error;
        memset(&example, 0x5a, sizeof example);
        before = example;
        write_file(file, broken[i].content);
        assert_int_equal(config_table_load(&table, file, &example, &error), -EINVAL);
        snprintf(expected, sizeof expected, "%s%s", file, broken[i].error);
        assert_non_null(error);
        assert_string_equal(error, expected);
        assert_memory_equal(&example, &before, sizeof example);
        free(error);
    }
}

static void test_overlong_value_is_shortened(void **state)
{
    (void)state;
    struct example example;
    char content[600] = "names: { text = \"", *error;
    size_t len = strlen(content);
    memset(content + len, 'x', 300);
    strcpy(content + len + 300, "\"; };");
    write_file(file, content);
    assert_int_equal(config_table_load(&table, file, &example, &error), -EINVAL);
    assert_non_null(strstr(error, "xxx...\": allowed"));
    assert_true(strlen(error) < 400);
    free(error);
}

static void test_include(void **state)
{
    (void)state;
    struct example example;
    char other[300], expected[600], *error;
    snprintf(other, sizeof other, "%s/b.conf", folder);
    write_file(file, "flag = false;\n@include \"b.conf\"\n");
    write_file(other, "limits: { number = 77; };\n");
    assert_int_equal(config_table_load(&table, file, &example, &error), 0);
    assert_int_equal(example.number, 77);
    assert_false(example.flag);
    config_table_deinit(&table, &example);

    write_file(other, "\nlimits: { number = 7; };\n");
    assert_int_equal(config_table_load(&table, file, &example, &error), -EINVAL);
    snprintf(expected, sizeof expected,
             "%s:2: key \"limits.number\": value 7: allowed are 64 to 65536 bytes", other);
    assert_string_equal(error, expected);
    free(error);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct example example;
    char *error, expected[300];
    unlink(file);
    assert_int_equal(config_table_load(&table, file, &example, &error), -ENOENT);
    snprintf(expected, sizeof expected, "%s: cannot be read: No such file or directory", file);
    assert_string_equal(error, expected);
    free(error);
    assert_int_equal(config_table_load(&table, folder, &example, &error), -EISDIR);
    snprintf(expected, sizeof expected, "%s: cannot be read: Is a directory", folder);
    assert_string_equal(error, expected);
    free(error);
}

static void test_set(void **state)
{
    (void)state;
    struct example example;
    char *error;
    assert_int_equal(config_table_init(&table, &example), 0);
    assert_int_equal(config_table_set(&table, &example, "limits.number", "64", "-n", &error), 0);
    assert_int_equal(example.number, 64);
    assert_int_equal(config_table_set(&table, &example, "limits.number", "63", "-n", &error),
                     -EINVAL);
    assert_string_equal(error, "-n: value 63: allowed are 64 to 65536 bytes");
    free(error);
    assert_int_equal(example.number, 64);
    static const char *const numbers[] = {"", " 64", "+64", "64x", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        assert_int_equal(
            config_table_set(&table, &example, "limits.number", numbers[i], "-n", &error), -EINVAL);
        free(error);
    }
    assert_int_equal(config_table_set(&table, &example, "names.text", "new", "-t", &error), 0);
    assert_string_equal(example.text, "new");
    assert_int_equal(
        config_table_set(&table, &example, "net.deep.networks", "::1 ,10.0.0.0/8", "-w", &error),
        0);
    assert_format(&example, "net.deep.networks", "[ \"::1\", \"10.0.0.0/8\" ]");
    assert_int_equal(
        config_table_set(&table, &example, "net.deep.networks", "::1,,::2", "-w", &error), -EINVAL);
    free(error);
    assert_int_equal(config_table_set(&table, &example, "net.deep.strings", "", "-s", &error), 0);
    assert_int_equal(example.strings.count, 0);
    assert_int_equal(config_table_set(&table, &example, "flag", "yes", "-f", &error), -EINVAL);
    assert_string_equal(error, "-f: value yes: allowed are true and false");
    free(error);
    assert_int_equal(config_table_set(&table, &example, "no.such", "1", "-x", &error), -EINVAL);
    assert_string_equal(error, "-x: unknown key \"no.such\"");
    free(error);
    config_table_deinit(&table, &example);
}

static void test_equal_and_copy(void **state)
{
    (void)state;
    static const char *const other[] = {"false", "101", "3",   "2",          "bye",
                                        "/tmp",  "red", "*:1", "one, three", "::1"};
    struct example a, b;
    char *error;
    assert_int_equal(config_table_init(&table, &a), 0);
    assert_int_equal(config_table_init(&table, &b), 0);
    for (size_t i = 0; i < table.count; i++) {
        assert_true(config_key_equal(&keys[i], &a, &b));
        assert_int_equal(config_table_set(&table, &b, keys[i].path, other[i], "-", &error), 0);
        assert_false(config_key_equal(&keys[i], &a, &b));
        assert_int_equal(config_key_copy(&keys[i], &b, &a), 0);
        assert_true(config_key_equal(&keys[i], &a, &b));
    }
    config_table_deinit(&table, &a);
    config_table_deinit(&table, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_whole_file),
        cmocka_unit_test(test_empty_file_means_defaults),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_overlong_value_is_shortened),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_equal_and_copy),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
