# config: configuration files by table, and the daemon's table. May use util.
noinst_LIBRARIES += src/config/libconfig-table.a
src_config_libconfig_table_a_SOURCES = \
	src/config/config-file.c \
	src/config/config-key.c src/config/config-key.h \
	src/config/config-literal.c src/config/config-literal.h \
	src/config/config-table.c src/config/config-table.h \
	src/config/config-type.c src/config/config-type.h \
	src/config/credential.c src/config/credential.h \
	src/config/daemon-config.c src/config/daemon-config.h
src_config_libconfig_table_a_CFLAGS = $(AM_CFLAGS) $(LIBCONFIG_CFLAGS)
CONFIG_LIBS = src/config/libconfig-table.a $(UTIL_LIBS) $(LIBCONFIG_LIBS)
