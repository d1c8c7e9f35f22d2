# dal: the storage unit. Its public header is dal.h alone. May use util and model.
noinst_LIBRARIES += src/dal/libdal.a
src_dal_libdal_a_SOURCES = src/dal/dal.c src/dal/dal.h
src_dal_libdal_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(MYSQL_CFLAGS)
DAL_LIBS = src/dal/libdal.a $(MODEL_LIBS) $(SQLITE_LIBS) $(MYSQL_LIBS)
