# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test: cluster/ssh on two hosts with sshd, and four lines that cannot take part.

make_hosts 2 "$store/node"
write_run "$work"
train_alone
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
# boot HOST: starts its sshd.
boot() {
    plug_in "$1"
    on "$1" /usr/sbin/sshd -D -e >>"$work/sshd$1.log" 2>&1 &
    until_ 20 ip netns exec "$(namespace_of 0)" bash -c "exec 3<>/dev/tcp/$(address_of "$1")/22" 2>/dev/null || fail "sshd of host $1"
}
for host in 1 2; do
    root=$(root_of "$host")
    mkdir -p "$root/run/sshd" "$root/home/shoal/.ssh" "$root/opt/old"
    cp "$work/key.pub" "$root/home/shoal/.ssh/authorized_keys"
    # Another base for the same rows, and a shoal that says it is older.
    cp -r "$base" "$root/home/shoal/other-base"
    printf '\x01' | dd of="$root/home/shoal/other-base/model.safetensors" bs=1 seek=20000 conv=notrunc status=none
    printf '#!/bin/sh\necho "shoal 0.0.9 (commit 0123456789ab)"\necho "protocol: 0"\n' >"$root/opt/old/shoal"
    chmod +x "$root/opt/old/shoal"
    on "$host" chown -R shoal: /home/shoal
    boot "$host"
    printf '%s %s\n' "$(address_of "$host")" "$(<"$root/etc/ssh/ssh_host_ed25519_key.pub")" >>"$work/known_hosts"
done
cat >"$work/ssh_config" <<END
Host node1
    HostName $(address_of 1)
Host node2 other old
    HostName $(address_of 2)
Host locked
    HostName $(address_of 1)
    User nobody
Host absent
    HostName 10.78.0.99
Host *
    User shoal
    IdentityFile $work/key
    IdentitiesOnly yes
    UserKnownHostsFile $work/known_hosts
    GlobalKnownHostsFile /dev/null
END
launch() { # ARGUMENT…: cluster/ssh on host 0, its output in $work/launch.log
    (cd "$work" && on 0 "$OLDPWD/cluster/ssh" "$@") >"$work/launch.log" 2>&1
}
refused() { # STATUS TEXT ARGUMENT…
    local status=0
    launch "${@:3}" || status=$?
    [[ $status == "$1" ]] || { cat "$work/launch.log" >&2; fail "cluster/ssh ${*:3}: status $status, expected $1"; }
    contains "$work/launch.log" "$2"
    say "refused with $1: $2"
}
nothing_left() {
    local host
    for host in 1 2; do
        [[ -z $(left_on "$host") ]] || fail "left on host $host: $(left_on "$host")"
        [[ -z $(ls -A "$(root_of "$host")/home/shoal/.shoal/runs" 2>/dev/null) ]] || fail "left on host $host: folders of runs"
    done
    say 'nothing is left running on the hosts'
}
options=(--package "$store/shoal.tar.gz" --ssh-config "$work/ssh_config")
run=$work/runs/ssh

say 'bad input, before anything starts'
printf 'node1\nnode2 threds=2\n' >"$work/typo"
refused 64 "typo:2: unknown key 'threds'" start typo config.yaml --output "$run" "${options[@]}"
printf 'node1\nnode1 threads=2\n' >"$work/twice"
refused 64 'twice:2: node1 stands twice' start twice config.yaml --output "$run" "${options[@]}"
printf 'absent\nlocked\nold shoal=/opt/old/shoal\n' >"$work/unfit"
refused 69 '0 of 3 hosts are fit' start unfit config.yaml --output "$run" "${options[@]}"
[[ ! -e $run && ! -e $run.ssh ]] || fail 'a start that was refused left a run behind'

say 'a start with two good hosts and four that cannot take part'
cat >"$work/hosts" <<END
# the cluster
node1  threads=1
node2  threads=1
absent
locked
other  base=~/other-base threads=1 data-port=7901
old    shoal=/opt/old/shoal
END
launch start hosts config.yaml --output "$run" "${options[@]}" --min-workers 2 || { cat "$work/launch.log" >&2; fail 'start'; }
contains "$work/launch.log" 'does not answer'
contains "$work/launch.log" 'does not accept your ssh key'
contains "$work/launch.log" 'has another shoal at /opt/old/shoal: 0.0.9'
contains "$work/launch.log" 'ended with status 65'
contains "$work/launch.log" 'the base on node2 has digest'
slow 1
slow 2
until_ 30 trains "$run" 2 20 || fail 'two workers at step 20'
say "two workers train (step $(step_of "$run")); who cannot was named"
token=$("$SHOAL" keys invite --keys "$run.ssh/keys" --address "tcp://$(address_of 0):7700")
pasted=$(sed -n 's/^one more by hand: shoal //p' "$work/launch.log")
[[ $pasted == *"--token $token "* ]] || fail "the command printed has another token than keys invite: $pasted"
# shellcheck disable=SC2086  # as a shell takes it
on 0 "$SHOAL" $pasted --threads 1 >"$work/pasted.log" 2>&1 &
by_hand=$!
until_ 20 trains "$run" 3 20 || fail 'the command that was printed'
kill -TERM "$(pgrep -n -f 'shoal worker .*--token')"
wait "$by_hand" || fail 'the worker started by hand'
say 'the command that start prints adds a third worker; it leaves on SIGTERM'
refused 69 "is under way" start hosts config.yaml --output "$run" "${options[@]}"
refused 74 'Address already in use' start hosts config.yaml --output "$work/runs/second" "${options[@]}"

say 'host 2 loses its power'
power_off 2
until_ 20 trains "$run" 1 20 || fail 'going on with one worker'
before=$(step_of "$run")
boot 2
say "without it at step $before; its power is back"
until_ 40 trains "$run" 2 "$before" || fail 'host 2 taking part again'
say "it takes part again at step $(step_of "$run")"
launch show "$run" || fail 'show'
contains "$work/launch.log" 'active'
contains "$work/launch.log" 'absent'
launch logs "$run" node2 || fail 'logs'
contains "$work/launch.log" 'connected to the coordinator'

say 'stop, and resume'
launch stop "$run" || [[ $? == 69 ]] || fail 'stop'
contains "$work/launch.log" 'is saved'
nothing_left
[[ $(cat "$run.ssh/status") == 75 ]] || fail "the coordinator ended with $(cat "$run.ssh/status"), expected 75"
brisk 1
brisk 2
printf 'node1 threads=1\nnode2 threads=1\n' >"$work/hosts"
launch start hosts --resume "$run" "${options[@]}" || { cat "$work/launch.log" >&2; fail 'start --resume'; }
until_ 300 test -e "$run.ssh/status" || fail 'the end of the run'
[[ $(cat "$run.ssh/status") == 0 ]] || fail "the coordinator ended with $(cat "$run.ssh/status")"
nothing_left
same_adapter "$run"

say 'no host that can take part'
printf 'other base=~/other-base threads=1\n' >"$work/hosts"
refused 65 'no host can take part; everything is taken down' start hosts config.yaml --output "$work/runs/none" "${options[@]}"
nothing_left
