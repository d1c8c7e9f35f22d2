#!/bin/bash
# What the boot test does inside the system it has booted: multichat as a service, from the first
# datagram to the last stop. Prints TAP; what went wrong goes to standard error.
#
# Each case is a function test_*, run in the order of the file, in a subshell that ends at the
# first command that fails. Waiting is done on events: the journal is followed, systemctl and the
# client block until they are done.
#
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C.UTF-8 HOME=/root

service=multichatd.service
sockets="multichatd-polls.socket multichatd-writes.socket multichatd-control.socket"
config=/etc/multichat/multichatd.conf
state=/root/boot-test # files that cases leave for later ones
mkdir -p "$state"

number=0
run_case() {
    number=$((number + 1))
    local words=${1#test_}
    words=${words//_/ }
    echo "==== $words" >&2
    # Not in a condition: there bash would take no notice of what fails.
    (
        set -eEu -o pipefail
        trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR
        "$1"
    ) >&2
    if [ $? -eq 0 ]; then
        echo "ok $number - $words"
    else
        echo "not ok $number - $words"
        systemctl --no-pager --lines=30 status "$service" >&2
    fi
}

# -- what cases use ---------------------------------------------------------------------------

# A place in the journal, and waiting for a line (extended regular expression) after it.
cursor() { journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p'; }
since() { journalctl -q -o cat --after-cursor="$1" -u "$service"; }
wait_journal() {
    local after=$1 pattern=$2
    timeout 60 journalctl -q -f -n all -o cat --after-cursor="$after" -u "$service" |
        grep -qE -m1 "$pattern" || since "$after" | grep -qE "$pattern"
}

# fails COMMAND...: succeeds where the command does not ("!" would not end a case).
fails() {
    if "$@"; then
        echo "this succeeded: $*" >&2
        return 1
    fi
}

# set_key KEY VALUE: a key of the installed configuration, by the only line that has it.
set_key() {
    [ "$(grep -cE "^[ \t]*(# *)?$1 *=" $config)" = 1 ]
    sed -Ei "s|^([ \t]*)(# *)?$1 *=.*|\\1$1 = $2;|" $config
}

property() { systemctl show --value -p "$1" "$service"; }
active() { [ "$(property ActiveState)" = active ]; }

# The client as USER; what it keeps is below /root/USER.
as() {
    local user=$1
    shift
    mkdir -p "/root/$user"
    HOME=/root/$user XDG_CONFIG_HOME='' XDG_STATE_HOME='' timeout 60 multichat --user "$user" \
        --server 127.0.0.1 --password-file "/root/$user.password" "$@"
}

add_user() {
    (umask 077 && echo "secret of $1" >"/root/$1.password")
    multichatctl user add "$1" --password-file "/root/$1.password"
}

# pass FROM TO TEXT: a message that has to arrive, and to be the next one.
pass() {
    local got
    as "$1" send "$2" "$3"
    got=$(as "$2" recv --count 1 --timeout 30)
    echo "$2 got: $got"
    [[ $got == *"$3" ]]
}

# Its socket unit, where it has one, would start it again.
stop_mariadb() {
    systemctl stop mariadb.socket 2>/dev/null || :
    systemctl stop mariadb.service
}

# -- the cases --------------------------------------------------------------------------------

test_sysusers_makes_the_user_and_the_group() {
    systemd-sysusers
    systemd-tmpfiles --create
    journalctl --update-catalog
    getent passwd multichat
    getent group multichat
}

test_the_sample_configuration_is_accepted() {
    [ -f $config ]
    multichatd --config $config --check
}

test_sockets_listen_and_the_service_sleeps() {
    systemctl daemon-reload
    # shellcheck disable=SC2086 # a list
    systemctl enable --now $sockets
    # shellcheck disable=SC2086
    systemctl is-active $sockets
    fails active
}

test_a_first_datagram_starts_the_service() {
    local here
    here=$(cursor)
    echo -n 'poll:nobody:nothing:10001' >/dev/udp/127.0.0.1/9001
    wait_journal "$here" '^Started multichatd'
    active
}

test_it_notifies_and_says_how_it_is() {
    [ "$(property Type)" = notify ]
    [ -n "$(property StatusText)" ]
    property StatusText
    [ "$(property WatchdogUSec)" != infinity ]
    [ "$(property User)" = multichat ] || [ "$(property DynamicUser)" = yes ]
}

test_users_are_made_by_multichatctl() {
    add_user alice
    add_user bob
    multichatctl user list
    multichatctl user list --json | grep -q '"alice"'
    multichatctl status
}

test_certificate_and_secret_are_made_or_handed_over() {
    local credstore=/etc/credstore/multichat
    multichatctl status --all | grep -qE '^ *source +self-signed$'
    [ "$(stat -c '%a %U' /var/lib/multichat/key.pem)" = "600 multichat" ]
    [ "$(stat -c '%a %U' /var/lib/multichat/server-secret)" = "600 multichat" ]
    mkdir -p -m 0700 /etc/credstore
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=boot \
        -keyout $credstore.tls-key -out $credstore.tls-certificate
    (umask 077 && head -c 32 /dev/urandom >$credstore.server-secret)
    systemctl restart $service
    multichatctl status --all | grep -qE '^ *source +credentials$'
    rm $credstore.tls-key $credstore.tls-certificate $credstore.server-secret
    systemctl restart $service
    multichatctl status --all | grep -qE '^ *source +self-signed$'
}

test_a_message_passes_between_two_users() {
    pass alice bob 'first: "through" a real service, 안녕'
    pass bob alice 'and back 🙂'
}

test_a_wrong_password_is_refused() {
    (umask 077 && echo wrong >/root/mallory.password)
    fails multichat --user alice --server 127.0.0.1 --password-file /root/mallory.password \
        send bob 'not from alice'
}

test_it_stops_and_its_sockets_stay() {
    systemctl stop $service
    [ "$(property Result)" = success ]
    [ "$(property ExecMainStatus)" = 0 ]
    # shellcheck disable=SC2086
    systemctl is-active $sockets
}

test_a_first_connection_starts_the_service() {
    local here
    here=$(cursor)
    fails active
    as alice send bob 'wake up'
    wait_journal "$here" '^Started multichatd'
    active
    as bob recv --count 1 --timeout 30 | grep -q 'wake up'
}

test_a_command_to_the_control_socket_starts_the_service() {
    systemctl stop $service
    multichatctl status
    active
}

test_reload_keeps_the_process_and_takes_the_configuration() {
    local here pid
    pid=$(property MainPID)
    here=$(cursor)
    cp $config "$state/good.conf"
    set_key text 100
    systemctl reload $service
    [ "$(property MainPID)" = "$pid" ]
    fails as alice send bob "$(printf '%200s' x)"
    cp "$state/good.conf" $config
    systemctl reload $service
    [ "$(property MainPID)" = "$pid" ]
    pass alice bob "$(printf '%200s' x)"
    since "$here"
}

test_a_bad_configuration_leaves_the_old_one_in_force() {
    local here pid
    pid=$(property MainPID)
    here=$(cursor)
    echo 'storage = 7 # broken' >>$config
    systemctl reload $service || :
    wait_journal "$here" 'multichatd\.conf'
    cp "$state/good.conf" $config
    [ "$(property MainPID)" = "$pid" ]
    active
    pass bob alice 'still here'
}

test_a_restart_among_clients_loses_nothing() {
    local i receiver restart here
    here=$(cursor)
    as bob recv --count 20 --timeout 50 >"$state/twenty" &
    receiver=$!
    for i in $(seq 1 20); do
        if [ "$i" = 6 ]; then
            systemctl restart $service &
            restart=$!
        fi
        as alice send bob "number $i."
    done
    wait $restart
    wait $receiver
    wait_journal "$here" '^Started multichatd'
    seq -f 'number %g.' 1 20 | diff - <(sed 's/.*\(number [0-9]*\.\)$/\1/' "$state/twenty")
}

test_half_a_frame_is_carried_over_a_restart() {
    local answer
    exec 3<>/dev/tcp/127.0.0.1/9002
    printf 'wrmsg:alice:secret of alice:bob:one half' >&3
    # The half has been read when a later connection has been answered.
    pass bob alice 'in between'
    systemctl restart $service
    printf ', and the other\003' >&3
    IFS= read -r -t 30 -d $'\003' answer <&3
    exec 3>&-
    echo "answer: $answer"
    [ "$answer" = ack ]
    as bob recv --count 1 --timeout 30 | grep -q 'one half, and the other'
}

test_the_watchdog_ends_a_daemon_that_hangs_and_it_comes_back() {
    local here pid
    mkdir -p /run/systemd/system/$service.d
    printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/$service.d/short.conf
    systemctl daemon-reload
    systemctl restart $service
    here=$(cursor)
    pid=$(property MainPID)
    as alice send bob 'before it hung'
    kill -STOP "$pid"
    wait_journal "$here" 'Watchdog timeout'
    wait_journal "$here" '^Started multichatd'
    [ "$(property MainPID)" != "$pid" ]
    as bob recv --count 1 --timeout 30 | grep -q 'before it hung'
    rm /run/systemd/system/$service.d/short.conf
    systemctl daemon-reload
}

test_kill_9_and_it_comes_back() {
    local here pid
    systemctl restart $service
    here=$(cursor)
    pid=$(property MainPID)
    as bob send alice 'before it was killed'
    kill -KILL "$pid"
    wait_journal "$here" '^Started multichatd'
    as alice recv --count 1 --timeout 30 | grep -q 'before it was killed'
}

test_mariadb_starts() {
    mariadb-install-db --user=mysql --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=socket
    systemctl start mariadb.service
}

test_one_command_makes_the_database() {
    multichatctl db init --driver mysql
    multichatctl db init --driver mysql # again, and nothing is broken
}

test_a_message_passes_through_mariadb() {
    set_key driver '"mysql"'
    # Another database counts anew: sessions and what clients have shown are of the one before.
    rm -r /root/alice /root/bob /var/lib/multichat/server-secret
    multichatd --config $config --check
    systemctl restart $service
    add_user alice
    add_user bob
    pass alice bob 'kept by MariaDB: 안녕 🙂'
    mariadb multichat -N -e 'SELECT COUNT(*) FROM messages' | grep -qx 1
    multichatctl db check
}

test_without_its_database_it_refuses_and_recovers() {
    local here
    here=$(cursor)
    stop_mariadb
    fails as alice send bob 'nobody can store this'
    active
    multichatctl status
    systemctl start mariadb.service
    wait_journal "$here" 'is available again'
    # What was refused stayed in the client's outbox, and goes out before the next one.
    as alice send bob 'stored again'
    as bob recv --count 2 --timeout 40 >"$state/two"
    grep -q 'nobody can store this' "$state/two"
    grep -q 'stored again' "$state/two"
}

test_a_start_without_the_database_is_a_start() {
    stop_mariadb
    systemctl restart $service
    active
    property StatusText
    systemctl start mariadb.service
}

test_it_stops_cleanly() {
    systemctl stop $service
    [ "$(property Result)" = success ]
    [ "$(property ExecMainStatus)" = 0 ]
    fails pgrep -x multichatd
}

test_the_journal_has_fields() {
    journalctl -q -o json SYSLOG_IDENTIFIER=multichatd >"$state/journal"
    [ -s "$state/journal" ]
    grep -q '"_SYSTEMD_UNIT":"multichatd.service"' "$state/journal"
    grep -q '"CODE_FUNC"' "$state/journal"
    # A message of the catalog, with its explanation.
    journalctl -q -x -u $service MESSAGE_ID=6314a47c1fa04a5abce0230cbc976de8 >"$state/explained"
    grep -q '^░░' "$state/explained"
    grep -q '"PRIORITY"' "$state/journal"
}

test_no_password_and_no_text_is_in_the_journal() {
    journalctl -q >"$state/all"
    fails grep -F -e 'secret of' -e 'before it hung' -e 'not from alice' "$state/all"
}

test_the_sandbox_killed_nothing() {
    journalctl -q >"$state/all"
    fails grep -E 'status=31/SYS|SECCOMP|type=1326|apparmor="DENIED"' "$state/all"
}

mapfile -t names < <(grep -oE '^test_[a-z0-9_]+' "$0")
for name in "${names[@]}"; do run_case "$name"; done
echo "1..$number"
