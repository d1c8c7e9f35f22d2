# bll: the logic unit. No descriptor. May use util, proto, model, auth and dal.h.
noinst_LIBRARIES += src/bll/libbll.a
src_bll_libbll_a_SOURCES = src/bll/bll.h
BLL_LIBS = src/bll/libbll.a $(DAL_LIBS) $(AUTH_LIBS) $(PROTO_LIBS)
