# Completion of multichat(1) for fish. What may stand where is what multichat --help says: a test
# compares them.
#
# SPDX-License-Identifier: GPL-3.0-or-later

set -l commands send recv rooms who history unread join part passwd
set -l none "not __fish_seen_subcommand_from $commands"
set -l seen __fish_seen_subcommand_from

complete -c multichat -f

complete -c multichat -n $none -a send -d 'send one message'
complete -c multichat -n $none -a recv -d 'receive what waits'
complete -c multichat -n $none -a rooms -d 'list the rooms'
complete -c multichat -n $none -a who -d 'list the members of a room'
complete -c multichat -n $none -a history -d 'show what was said'
complete -c multichat -n $none -a unread -d 'count what waits'
complete -c multichat -n $none -a join -d 'become a member of a room'
complete -c multichat -n $none -a part -d 'leave a room'
complete -c multichat -n $none -a passwd -d 'change the password'

complete -c multichat -l config -rF -d 'read another configuration file'
complete -c multichat -l user -x -d userid
complete -c multichat -l server -xa '(__fish_print_hostnames)' -d 'name or address of the server'
complete -c multichat -l poll-port -x -d 'its UDP port for polls'
complete -c multichat -l write-port -x -d 'its TCP port for messages'
complete -c multichat -l listen -xa none -d 'where to listen for messages'
complete -c multichat -l password-file -rF -d 'the password is the first line of a file'
complete -c multichat -l password-command -x -d 'it is the first line a command prints'
complete -c multichat -l password-fd -x -d 'it is the first line of a descriptor'
complete -c multichat -l tls-ca -rF -a system -d 'verify the server by these authorities'
complete -c multichat -l tls-certificate -rF -d 'own certificate'
complete -c multichat -l tls-key -rF -d 'its key'
complete -c multichat -l no-tls -d 'send everything in clear'
complete -c multichat -l help -s h -d 'show the options'
complete -c multichat -l version -d 'show the version'

complete -c multichat -n "$seen send history" -l room -x -d 'to or of that room'
complete -c multichat -n "$seen send" -l file -rF -d 'the text is what a file holds'
complete -c multichat -n "$seen send" -l wait -d 'until the receiver has acknowledged it'
complete -c multichat -n "$seen history" -l day -xa 'today yesterday' -d 'of that day'
complete -c multichat -n "$seen history" -l from -xa 'today yesterday' -d 'not what was before'
complete -c multichat -n "$seen history" -l to -xa 'today yesterday' -d 'not what was later'
complete -c multichat -n "$seen history" -l last -x -d 'no more than the last ones'
complete -c multichat -n "$seen history" -l number -x -d 'these numbers'
complete -c multichat -n "$seen recv" -l follow -d 'go on when nothing waits'
complete -c multichat -n "$seen recv" -l exec -x -d 'run a command for each message'
complete -c multichat -n "$seen recv" -l notices -d 'run it for notices, too'
complete -c multichat -n "$seen recv" -l count -x -d 'end after so many'
complete -c multichat -n "not $seen passwd" -l timeout -x -d 'how long to try'
complete -c multichat -n "$seen recv rooms who history unread join" -l json \
    -d 'one JSON object a line'
complete -c multichat -n "$none; or $seen recv" -l verbose -d 'tell how messages arrive'
complete -c multichat -n $none -l linger -x -d 'stay after the end of input'
complete -c multichat -n $none -l line -d 'not on the full screen'
complete -c multichat -n "$seen passwd" -l new-password-file -rF \
    -d 'the new password is the first line of a file'
complete -c multichat -n "$seen passwd" -l new-password-fd -x \
    -d 'it is the first line of a descriptor'
