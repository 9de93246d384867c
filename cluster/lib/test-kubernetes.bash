# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test: the manifest is valid; the image's steps are run in bare roots, and in those the manifest's own commands,
# as their containers would run them: first process, user 10001, environment. A worker is drained on the way, then the
# coordinator. The systemd units are checked, too.

python() { PYTHONPATH=$store/python python3 "$@"; }
for version in 1.29 1.32; do
    python -m kubernetes_validate --strict -k "$version" cluster/kubernetes/shoal.yaml >"$work/manifest.log" 2>&1 ||
        { cat "$work/manifest.log" >&2; fail "the manifest, Kubernetes $version"; }
done
say 'the manifest is valid for Kubernetes 1.29 and 1.32'
script_of() { # JOB: what its container's shell runs
    python -c 'import sys, yaml
for one in yaml.safe_load_all(open("cluster/kubernetes/shoal.yaml")):
    if one["kind"] == "Job" and one["metadata"]["name"] == sys.argv[1]:
        print(one["spec"]["template"]["spec"]["containers"][0]["command"][2])' "$1"
}

make_hosts 2 "$store/bare"
write_run "$work"
train_alone
mkdir -p "$work/data"
write_run "$work/data"
cp -r "$base" "$work/data/base"
sed -i "s,$work/data,/data,; s,^base: .*,base: /data/base," "$work/data/config.yaml"
chown -R 10001:10001 "$work/data"
"$SHOAL" keys new "$work/keys" >/dev/null
for host in 1 2; do
    root=$(root_of "$host")
    # The image's base system has no such user yet.
    on "$host" userdel --force --remove shoal >"$work/userdel.log" 2>&1 || fail 'userdel'
    while read -r word rest; do
        case $word in
            ADD) tar -xzf "$store/${rest%% *}" -C "$root${rest##* }" ;;
            RUN) on "$host" sh -ec "$rest" || fail "Containerfile: RUN $rest" ;;
            USER) user=$rest ;;
            WORKDIR) home=$rest ;;
            ENTRYPOINT) entry=$(tr -d '[]"' <<<"$rest") ;;
        esac
    done <cluster/Containerfile
    mkdir -p "$root/data" "$root/secret"
    if ((host == 1)); then mount --bind "$work/data" "$root/data"; fi
    printf '127.0.0.1 localhost\n%s shoal-coordinator\n' "$(address_of 1)" >"$root/etc/hosts"
    on "$host" setpriv --reuid="$user" --regid="$user" --clear-groups "$entry" --version >"$work/image.log" 2>&1 ||
        fail 'the entry point of the image'
done
cp "$work/keys/"* "$(root_of 1)/secret/"
chmod 644 "$(root_of 1)/secret/"*
say "the image's steps, and its entry point: $(head -n 1 "$work/image.log")"
systemd_root=$(root_of 1)
if command -v systemd-analyze >/dev/null; then
    mkdir -p "$systemd_root/etc/systemd/system"
    for unit in cluster/systemd/*.service; do
        # Of what it says only what concerns the unit's own text; its programs and targets are not in this root.
        systemd-analyze verify "$unit" 2>&1 | grep -vE 'is not executable|Failed to (open|create)' >"$work/units.log" || true
        [[ ! -s $work/units.log ]] || { cat "$work/units.log" >&2; fail "$unit"; }
    done
    say 'systemd finds nothing wrong with the units'
else
    say 'skipped: the systemd units (there is no systemd-analyze)'
fi

# contain HOST SCRIPT [NAME=VALUE…]: as the first process of a container, with a /proc of its own, as containers have it: by
# another one Swift's dispatch library looks for threads under numbers that are not theirs, and ends the process.
contain() {
    local host=$1 script=$2
    shift 2
    ip netns exec "$(namespace_of "$host")" unshare --pid --fork --kill-child "--mount-proc=$(root_of "$host")/proc" \
        env -i PATH=/usr/local/bin:/usr/bin:/bin "HOME=$home" "$@" "$(command -v chroot)" --userspec="$user:$user" "$(root_of "$host")" \
        /bin/sh -c "cd $([[ $host == 1 ]] && echo /data || echo "$home") && $script" >>"$work/container$host.log" 2>&1 &
    contained[host]=$!
}
# drain HOST: SIGTERM to the container's first process, the one whose parent is unshare; its exit status.
drain() {
    local status=0
    kill -TERM "$(pgrep -P "${contained[$1]}" | head -n 1)"
    wait "${contained[$1]}" || status=$?
    echo "$status"
}
declare -a contained
coordinator=$(script_of shoal-coordinator) worker=$(script_of shoal-workers)
token=$("$SHOAL" keys invite --keys "$work/keys" --address tcp://shoal-coordinator:7700)
run=$work/data/run
contain 1 "$coordinator"
contain 2 "$worker" "SHOAL_TOKEN=$token" "POD_IP=$(address_of 2)"
slow 1
until_ 30 trains "$run" 1 50 || fail 'a worker at step 50'
drain 2 >"$work/status"
[[ $(<"$work/status") == 143 ]] || fail "a drained worker ended with $(<"$work/status"), expected 143"
contains "$work/container2.log" 'the worker ends (reason SIGTERM)'
contains "$work/container2.log" 'fetching the base'
say 'a drained worker leaves, and ends so that the Job starts another'
contain 2 "$worker" "SHOAL_TOKEN=$token" "POD_IP=$(address_of 2)"
before=$(step_of "$run")
until_ 30 trains "$run" 1 "$((before + 20))" || fail 'another worker'
drain 1 >"$work/status"
[[ $(<"$work/status") == 75 ]] || fail "a drained coordinator ended with $(<"$work/status"), expected 75"
say "a drained coordinator saves step $(step_of "$run")"
wait "${contained[2]}" || true
brisk 1
contain 1 "$coordinator"
contain 2 "$worker" "SHOAL_TOKEN=$token" "POD_IP=$(address_of 2)"
wait "${contained[1]}" || fail 'the coordinator that went on'
wait "${contained[2]}" || fail "the worker at the end of the run: status $?, expected 0"
same_adapter "$run" on 1 setpriv --reuid="$user" --regid="$user" --clear-groups sh -c 'cd /data && shoal audit run'
