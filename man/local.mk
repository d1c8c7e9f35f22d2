# man: the manual pages.
dist_man_MANS += \
	man/multichat.1 \
	man/multichat-bench.1 \
	man/multichat-protocol.7 \
	man/multichatctl.8 \
	man/multichatd.8 \
	man/multichatd.conf.5
