# doc: how it is built and why, and the picture of the README.
EXTRA_DIST += doc/ARCHITECTURE.md doc/picture.py doc/screen.svg

# Has people talk with what was just built, and draws what one of them sees.
.PHONY: picture
picture: multichat$(EXEEXT) multichatd$(EXEEXT) multichatctl$(EXEEXT)
	MULTICHAT_BUILDDIR=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 $(srcdir)/doc/picture.py
