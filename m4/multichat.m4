# Macros of multichat's configure.ac.
#
# SPDX-License-Identifier: GPL-3.0-or-later

# MULTICHAT_C17: the compiler speaks C17 with GNU extensions.
AC_DEFUN([MULTICHAT_C17], [
AC_MSG_CHECKING([for C17])
saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -std=gnu17"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [_Static_assert(__STDC_VERSION__ >= 201710L, "C17");])],
    [AC_MSG_RESULT([-std=gnu17])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([a C17 compiler is needed])])
CFLAGS=$saved_CFLAGS
C17_CFLAGS=-std=gnu17
AC_SUBST([C17_CFLAGS])
])

# MULTICHAT_WARNINGS: the warnings that matter, and --enable-werror to make them errors.
AC_DEFUN([MULTICHAT_WARNINGS], [
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [],
    [enable_werror=no])
AS_IF([test "$enable_werror" = yes], [werror=-Werror], [werror=])
WARNING_CFLAGS=
# snprintf() cuts on purpose, and what gcc guesses about it changes with each -O: no warning.
for flag in -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough \
    -Wunused-result -Wno-unused-parameter -Wno-missing-field-initializers \
    -Wno-format-truncation \
    -fno-strict-aliasing -fstack-protector-strong $werror; do
    saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $flag -Werror"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [WARNING_CFLAGS="$WARNING_CFLAGS $flag"])
    CFLAGS=$saved_CFLAGS
done
AC_SUBST([WARNING_CFLAGS])
])

# MULTICHAT_SANITIZERS: --enable-sanitizers=LIST as in -fsanitize=LIST.
AC_DEFUN([MULTICHAT_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST], [build with -fsanitize=LIST (address,undefined or thread)])],
    [], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers],
    [no], [SANITIZER_CFLAGS=],
    [yes], [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"],
    [SANITIZER_CFLAGS="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"])
AC_SUBST([SANITIZER_CFLAGS])
AM_CONDITIONAL([SANITIZED], [test "$enable_sanitizers" != no])
])

# MULTICHAT_FUZZING: --enable-fuzzing links the fuzz targets with libFuzzer and has everything tell
# it where it has been. It comes with clang; the other programs cannot be linked then.
AC_DEFUN([MULTICHAT_FUZZING], [
AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing], [build tests/fuzz for libFuzzer (clang)])],
    [], [enable_fuzzing=no])
AS_IF([test "$enable_fuzzing" != no], [SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fsanitize=fuzzer-no-link"])
AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" != no])
])

# MULTICHAT_FEATURE(name, SYMBOL, what it is, check): --with-NAME=yes|no|auto. The check sets
# feature_found. Defines HAVE_SYMBOL as 0 or 1, the conditional HAVE_SYMBOL and $have_name.
AC_DEFUN([MULTICHAT_FEATURE], [
AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=yes|no|auto], [$3 (auto)])], [], [with_$1=auto])
AS_CASE([$with_$1],
    [yes|no|auto], [],
    [AC_MSG_ERROR([--with-$1=$with_$1: allowed are yes, no and auto])])
feature_found=no
AS_IF([test "$with_$1" != no], [$4])
AS_IF([test "$with_$1:$feature_found" = yes:no],
    [AC_MSG_ERROR([--with-$1 was asked for, and its library is missing])])
have_$1=$feature_found
AS_IF([test "$feature_found" = yes], [feature_value=1], [feature_value=0])
AC_DEFINE_UNQUOTED([HAVE_$2], [$feature_value], [$3])
AM_CONDITIONAL([HAVE_$2], [test "$feature_found" = yes])
])

# MULTICHAT_SYSTEMD_DIRS: systemunitdir, sysusersdir, tmpfilesdir and catalogdir, below $prefix, so
# that `make install` of a user and `make distcheck` stay inside their prefix. A package overrides
# them or uses --prefix=/usr, where they are what systemd reads.
AC_DEFUN([MULTICHAT_SYSTEMD_DIRS], [
AC_ARG_WITH([systemunitdir], [AS_HELP_STRING([--with-systemunitdir=DIR], [systemd units (PREFIX/lib/systemd/system)])],
    [], [with_systemunitdir='${prefix}/lib/systemd/system'])
AC_ARG_WITH([sysusersdir], [AS_HELP_STRING([--with-sysusersdir=DIR], [sysusers.d (PREFIX/lib/sysusers.d)])],
    [], [with_sysusersdir='${prefix}/lib/sysusers.d'])
AC_ARG_WITH([tmpfilesdir], [AS_HELP_STRING([--with-tmpfilesdir=DIR], [tmpfiles.d (PREFIX/lib/tmpfiles.d)])],
    [], [with_tmpfilesdir='${prefix}/lib/tmpfiles.d'])
AC_ARG_WITH([catalogdir], [AS_HELP_STRING([--with-catalogdir=DIR], [journal catalog (PREFIX/lib/systemd/catalog)])],
    [], [with_catalogdir='${prefix}/lib/systemd/catalog'])
AC_SUBST([systemunitdir], [$with_systemunitdir])
AC_SUBST([sysusersdir], [$with_sysusersdir])
AC_SUBST([tmpfilesdir], [$with_tmpfilesdir])
AC_SUBST([catalogdir], [$with_catalogdir])
])
