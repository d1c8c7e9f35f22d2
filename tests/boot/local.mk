# tests/boot: a real systemd with multichat installed in it.
dist_check_SCRIPTS += tests/boot/boot-test.sh tests/boot/inside.sh
TESTS += tests/boot/boot-test.sh

# What it installed from, where no package build was given to it.
clean-local:
	rm -rf tests/boot/package
