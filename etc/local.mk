# etc: the sample configuration, installed where there is none yet. Uninstalling removes it unless
# it has been changed.
EXTRA_DIST += etc/multichatd.conf.in
noinst_DATA = etc/multichatd.conf
CLEANFILES += etc/multichatd.conf

if HAVE_SQLITE
DEFAULT_DRIVER = sqlite
else
DEFAULT_DRIVER = mysql
endif

# What the files of etc and systemd are told about the build.
SUBSTITUTE = $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@statedir[@]|$(localstatedir)/lib/multichat|g' -e 's|@driver[@]|$(DEFAULT_DRIVER)|g'
substitute = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(SUBSTITUTE) $< >$@.tmp && mv $@.tmp $@

etc/multichatd.conf: $(srcdir)/etc/multichatd.conf.in Makefile
	$(substitute)

install-data-local: etc/multichatd.conf
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/multichat'
	test -e '$(DESTDIR)$(sysconfdir)/multichat/multichatd.conf' || \
		$(INSTALL_DATA) etc/multichatd.conf '$(DESTDIR)$(sysconfdir)/multichat/multichatd.conf'

uninstall-local: etc/multichatd.conf
	! cmp -s etc/multichatd.conf '$(DESTDIR)$(sysconfdir)/multichat/multichatd.conf' || \
		rm -f '$(DESTDIR)$(sysconfdir)/multichat/multichatd.conf'
	-rmdir '$(DESTDIR)$(sysconfdir)/multichat' 2>/dev/null
