# completions: what the shells complete of multichat's command line. Each shell has a folder and a way
# to call a file.
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
fishcompdir = $(datadir)/fish/vendor_completions.d

dist_bashcomp_DATA = completions/bash/multichat
dist_zshcomp_DATA = completions/zsh/_multichat
dist_fishcomp_DATA = completions/fish/multichat.fish
