# model: the things multichat is about. May use util.
noinst_LIBRARIES += src/model/libmodel.a
src_model_libmodel_a_SOURCES = \
	src/model/conversation.h \
	src/model/device.h \
	src/model/message.c src/model/message.h \
	src/model/name.c src/model/name.h \
	src/model/user.h
MODEL_LIBS = src/model/libmodel.a $(UTIL_LIBS)
