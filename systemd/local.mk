# systemd: units, user, folders and message catalog, where they are wanted.
SYSTEMD_IN = \
	systemd/multichatd.service.in \
	systemd/multichatd-control.socket.in \
	systemd/multichatd-polls.socket.in \
	systemd/multichatd-writes.socket.in \
	systemd/multichat.sysusers.in \
	systemd/multichat.tmpfiles.in
EXTRA_DIST += $(SYSTEMD_IN) systemd/multichat.catalog

if HAVE_SYSTEMD
systemunit_DATA = \
	systemd/multichatd.service \
	systemd/multichatd-control.socket \
	systemd/multichatd-polls.socket \
	systemd/multichatd-writes.socket
sysusers_DATA = systemd/sysusers.d/multichat.conf
tmpfiles_DATA = systemd/tmpfiles.d/multichat.conf
catalog_DATA = systemd/multichat.catalog
CLEANFILES += $(systemunit_DATA) $(sysusers_DATA) $(tmpfiles_DATA)

systemd/multichatd.service: $(srcdir)/systemd/multichatd.service.in Makefile
	$(substitute)
systemd/multichatd-control.socket: $(srcdir)/systemd/multichatd-control.socket.in Makefile
	$(substitute)
systemd/multichatd-polls.socket: $(srcdir)/systemd/multichatd-polls.socket.in Makefile
	$(substitute)
systemd/multichatd-writes.socket: $(srcdir)/systemd/multichatd-writes.socket.in Makefile
	$(substitute)
systemd/sysusers.d/multichat.conf: $(srcdir)/systemd/multichat.sysusers.in Makefile
	$(substitute)
systemd/tmpfiles.d/multichat.conf: $(srcdir)/systemd/multichat.tmpfiles.in Makefile
	$(substitute)
endif
