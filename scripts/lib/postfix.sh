# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Postfix that the host does not notice: its package is unpacked into the build folder,
# never installed, and runs in the namespace `mx` with configuration, queue, data and log of its own.
# It borrows accounts that every Debian has, so no user is created either.

POSTFIX_DIR=$SLUICE_BUILD/postfix
POSTFIX_STATE=
POSTFIX_LOG=

# postfix_fetch: downloads and unpacks the package, and sees to the libraries it is linked with.
postfix_fetch() {
    if [ ! -e "$POSTFIX_DIR/complete" ]; then
        rm -rf "$POSTFIX_DIR"
        mkdir -p "$POSTFIX_DIR"
        refresh_package_lists postfix
        (cd "$POSTFIX_DIR" && apt-get -qq -o APT::Sandbox::User=root download postfix)
        dpkg-deb -x "$POSTFIX_DIR"/postfix_*.deb "$POSTFIX_DIR/root"
        touch "$POSTFIX_DIR/complete"
    fi
    local libraries
    mapfile -t libraries < <(dpkg-deb -f "$POSTFIX_DIR"/postfix_*.deb Depends |
        tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p')
    install_packages "${libraries[@]}"
}

postfix_library_path() { printf '%s' "$POSTFIX_DIR/root/usr/lib/postfix"; }

# smtp_source ARGUMENT…: Postfix's test client; run it in a client's namespace by `in_ns`.
smtp_source() {
    local client=$1
    shift
    in_ns "$client" env LD_LIBRARY_PATH="$(postfix_library_path)" \
        "$POSTFIX_DIR/root/usr/sbin/smtp-source" "$@"
}

postfix_write_config() {
    local root=$POSTFIX_STATE/root dir
    # By a link, so that a folder whose name holds spaces does no harm.
    ln -s "$POSTFIX_DIR/root" "$root"
    mkdir -p "$POSTFIX_STATE"/{etc,data,queue/pid}
    for dir in active bounce corrupt defer deferred flush hold incoming private saved trace \
        maildrop public; do
        mkdir -p "$POSTFIX_STATE/queue/$dir"
        chown daemon "$POSTFIX_STATE/queue/$dir"
    done
    chmod 700 "$POSTFIX_STATE"/queue/*
    chmod 755 "$POSTFIX_STATE"/queue/{public,pid}
    chown daemon "$POSTFIX_STATE/data"
    # No limits of Postfix's own: only sluice decides here. Mail is accepted and thrown away.
    cat >"$POSTFIX_STATE/etc/main.cf" <<-CONFIG
	compatibility_level = 3.6
	config_directory = $POSTFIX_STATE/etc
	queue_directory = $POSTFIX_STATE/queue
	data_directory = $POSTFIX_STATE/data
	daemon_directory = $root/usr/lib/postfix/sbin
	command_directory = $root/usr/sbin
	shlib_directory = $root/usr/lib/postfix
	meta_directory = $root/etc/postfix
	import_environment = MAIL_CONFIG MAIL_LOGTAG LANG=C LD_LIBRARY_PATH=$root/usr/lib/postfix
	maillog_file = $POSTFIX_LOG
	maillog_file_prefixes = $POSTFIX_STATE
	mail_owner = daemon
	setgid_group = mail
	default_privs = nobody
	myhostname = mx.example.net
	mydestination = example.net
	mynetworks = 127.0.0.0/8
	inet_interfaces = all
	inet_protocols = all
	local_recipient_maps =
	local_transport = discard:
	alias_maps =
	alias_database =
	smtpd_peername_lookup = no
	smtpd_relay_restrictions = reject_unauth_destination
	smtpd_client_connection_count_limit = 0
	smtpd_client_connection_rate_limit = 0
	smtpd_tls_security_level = none
	smtputf8_enable = no
	in_flow_delay = 0
	max_idle = 600s
	default_process_limit = 2000
	CONFIG
    # The default process limit is also the length of the listen queue, so it is large.
    # 465 speaks plain SMTP: sluice looks at TCP only, and nobody needs a certificate here.
    cat >"$POSTFIX_STATE/etc/master.cf" <<-SERVICES
	25        inet  n - n - 40 smtpd
	465       inet  n - n - 40 smtpd -o syslog_name=postfix/smtps
	587       inet  n - n - 40 smtpd -o syslog_name=postfix/submission
	cleanup   unix  n - n - 0 cleanup
	qmgr      unix  n - n 300 1 qmgr
	rewrite   unix  - - n - - trivial-rewrite
	bounce    unix  - - n - 0 bounce
	defer     unix  - - n - 0 bounce
	trace     unix  - - n - 0 bounce
	verify    unix  - - n - 1 verify
	flush     unix  n - n 1000? 0 flush
	proxymap  unix  - - n - - proxymap
	error     unix  - - n - - error
	retry     unix  - - n - - error
	discard   unix  - - n - - discard
	anvil     unix  - - n - 1 anvil
	postlog   unix-dgram n - n - 1 postlogd
	SERVICES
}

# postfix_start: in `mx`, on 25, 465 and 587, over IPv4 and IPv6; ready when it returns.
postfix_start() {
    POSTFIX_STATE=$RUN_DIR/postfix
    POSTFIX_LOG=$POSTFIX_STATE/mail.log
    mkdir -p "$POSTFIX_STATE"
    postfix_write_config
    spawn_in mx env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin MAIL_CONFIG="$POSTFIX_STATE/etc" \
        LD_LIBRARY_PATH="$(postfix_library_path)" \
        "$POSTFIX_DIR/root/usr/lib/postfix/sbin/master" -c "$POSTFIX_STATE/etc" -d \
        >"$RUN_DIR/master.out" 2>&1
    at_exit "stop_process $SPAWNED"
    if ! wait_until 10 postfix_answers; then
        cat "$RUN_DIR/master.out" "$POSTFIX_LOG" >&2 || true
        fail "Postfix did not start"
    fi
}

postfix_answers() {
    in_ns mx python3 - <<-'PYTHON' 2>/dev/null
	import socket
	for port in (25, 465, 587):
	    for host in ("127.0.0.1", "::1"):
	        with socket.create_connection((host, port), 2) as s:
	            assert s.recv(4) == b"220 "
	PYTHON
}

# postfix_connects ADDRESS [25|465|587]: how often this address reached Postfix, by Postfix's own
# log. ADDRESS is an extended regular expression; dots may stay as they are.
postfix_connects() {
    local service=
    case ${2:-} in
    25) service='postfix/smtpd' ;;
    465) service='postfix/smtps/smtpd' ;;
    587) service='postfix/submission/smtpd' ;;
    esac
    grep -cE "${service}\[[0-9]+\]: connect from [^ ]*\[$1\]" "$POSTFIX_LOG" || true
}

# postfix_sync: everything that Postfix accepted before now is in its log after this. Log records
# travel in order, so a connection of our own over lo (which sluice never touches) marks the place.
postfix_sync() {
    local before
    before=$(postfix_connects 127.0.0.1)
    in_ns mx bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; read -r -t 5 _ <&3; printf "QUIT\r\n" >&3; cat <&3 >/dev/null'
    wait_until 5 postfix_logged_more "$before" || fail "Postfix's log stands still"
}
postfix_logged_more() { [ "$(postfix_connects 127.0.0.1)" -gt "$1" ]; }

# postfix_who: a table of all clients and ports, by Postfix's log.
postfix_who() {
    grep -E 'connect from' "$POSTFIX_LOG" | grep -v disconnect |
        sed -E 's/.* postfix\/(([a-z]+)\/)?smtpd\[[0-9]+\]: connect from [^[]*\[([^]]*)\].*/\3 \2/' |
        awk '$1 !~ /^(127\.|::1)/ { n[$1 " " ($2 == "" ? 25 : $2 == "smtps" ? 465 : 587)]++ }
             END { for (k in n) { split(k, f, " "); printf "%-28s port %-4s %5d\n", f[1], f[2], n[k] } }' | sort
}
