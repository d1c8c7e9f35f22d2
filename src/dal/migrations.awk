# Turns sql/<dialect>/<number>-<what>.sql files into C: one array of statements a file, one table
# of files a dialect. A statement ends with ';' at the end of a line; lines of comment are left out.
#
# SPDX-License-Identifier: GPL-3.0-or-later
function flush_file()
{
    if (name == "")
        return
    if (statement != "") {
        print file ": the last statement lacks its ';'" > "/dev/stderr"
        failed = 1
    }
    print "    NULL,\n};\n"
}

function start_file(parts, count)
{
    flush_file()
    file = FILENAME
    count = split(FILENAME, parts, "/")
    dialect = parts[count - 1]
    number = parts[count] + 0
    if (number != ++last[dialect]) {
        print file ": migrations of one dialect are numbered 1, 2, 3 …" > "/dev/stderr"
        failed = 1
    }
    name = dialect "_" number
    tables[dialect] = tables[dialect] "    {" number ", " name "},\n"
    print "static const char *const " name "[] = {"
    statement = ""
}

BEGIN {
    print "/* Made from the files in sql/ by migrations.awk. */"
    print "#include \"dal/schema.h\"\n\n#include <stddef.h>\n"
}

FNR == 1 { start_file() }

/^[ \t]*--/ || /^[ \t]*$/ { next }

{
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    gsub(/^[ \t]+/, "")
    done = sub(/;[ \t]*$/, "")
    statement = statement (statement == "" ? "    \"" : "\n    \" ") $0 "\""
    if (done) {
        print statement ","
        statement = ""
    }
}

END {
    flush_file()
    for (dialect in last)
        print "const struct migration migrations_" dialect "[] = {\n" tables[dialect] \
            "    {0, NULL},\n};\n"
    exit failed
}
