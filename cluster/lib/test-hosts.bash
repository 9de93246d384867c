# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test, inside its namespaces: hosts with an address, a name and a root of their own, which lose power and get
# it back; the run that is trained on them; and what must hold.

# The package's shoal is the one that everything here runs, as its users do.
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
chmod 755 "$work"
# Foundation waits for ever where there is no loopback.
ip link set lo up
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
mkdir "$work/home"
export HOME=$work/home SHOAL_CACHE=$work/cache OPENBLAS_NUM_THREADS=1
tar -xzf "$store/shoal.tar.gz" -C "$work"
export SHOAL=$work/shoal/bin/shoal
base=$PWD/Tests/Fixtures/tiny-base
steps=3000
began=$SECONDS

say() { printf '%5d s  %s\n' "$((SECONDS - began))" "$*"; }
fail() {
    printf 'cluster/test: %s\n' "$*" >&2
    for file in "$work"/*.log "$work"/runs/*.ssh/*.log "$work"/runs/*.ssh/hosts/*.log; do
        [[ ! -s $file ]] || { echo "--- $file"; tail -n 15 "$file"; } >&2
    done
    exit 1
}
# until_ SECONDS COMMAND…: until it succeeds.
until_() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}
# contains FILE TEXT: or fails.
contains() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "'$2' is missing above"; }; }

# --- Hosts: 0 is this checkout's machine, 1 and up have roots

root_of() { echo "$work/root$1"; }
make_hosts() { # COUNT LOWER
    local index root
    "$SHOAL" lab up "$1" --name test >/dev/null
    for ((index = 1; index <= $1; index++)); do
        root=$(root_of "$index")
        mkdir -p "$root" "$work/changes$index/"{upper,work}
        mount -t overlay overlay -o "lowerdir=$2,upperdir=$work/changes$index/upper,workdir=$work/changes$index/work" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
    done
}
address_of() { echo "10.78.0.$(($1 + 1))"; }
namespace_of() { echo "shoal-lab-test-$1"; }
# on HOST COMMAND…: as root, in the host's root and under its name. Host 0 has this machine's root.
on() {
    local index=$1
    shift
    if ((index == 0)); then
        ip netns exec "$(namespace_of 0)" "$@"
    else
        # shellcheck disable=SC2016
        ip netns exec "$(namespace_of "$index")" unshare --uts sh -c 'hostname "$1"; shift; exec "$@"' sh "node$index" \
            env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
            chroot "$(root_of "$index")" "$@"
    fi
}
unplug() { ip -n shoal-lab-test link set "port$1" down; }
plug_in() { ip -n shoal-lab-test link set "port$1" up; }
# slow HOST: its link carries little from now on, so that there is time to pull plugs; brisk takes that back.
slow() { tc -n "$(namespace_of "$1")" qdisc replace dev eth0 root tbf rate 8mbit burst 16kb latency 200ms; }
brisk() { tc -n "$(namespace_of "$1")" qdisc del dev eth0 root; }
power_off() {
    unplug "$1"
    ip netns pids "$(namespace_of "$1")" | xargs -r kill -KILL
}
# left_on HOST: command lines of Shoal's on it.
left_on() {
    local pid
    for pid in $(ip netns pids "$(namespace_of "$1")"); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -E 'shoal|srun|slurmstepd' || true
    done
}

# --- The run

# write_run FOLDER [STEPS]: rows and configuration of a tiny run.
write_run() {
    local names=(zero one two three four five six seven eight nine) index filler
    mkdir -p "$1"
    for ((index = 0; index < 96; index++)); do
        filler=$(printf ' plus zero%.0s' $(seq $((index * 5 % 4))))
        ((index * 5 % 4)) || filler=
        printf '{"prompt": "What is %s plus %s%s?", "completion": " It is row %d."}\n' "${names[index * 7 % 10]}" \
            "${names[(index * 3 + index / 10) % 10]}" "$filler" $((index % 13))
    done >"$1/train.jsonl"
    cat >"$1/config.yaml" <<END
base: ${3:-$base}
data:
  train: [$1/train.jsonl]
  max_sequence_length: 64
adapter: {r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: all-linear}
training:
  max_steps: ${2:-$steps}
  batch_size: 16
  learning_rate: 0.01
  micro_batches: 8
  max_tokens_per_micro_batch: 96
  seed: 7
checkpoint: {every_steps: 50, keep: 3}
cluster: {lost_after_seconds: 2}
END
}
# train_alone: one machine trains alone with the package, meanwhile; same_adapter waits for it.
train_alone() {
    "$SHOAL" train "$work/config.yaml" --workers 1 --threads 1 --output "$work/alone" >"$work/alone.log" 2>&1 &
    process_alone=$!
}
digest_of_adapter() { sha256sum <"$1/adapter/adapter_model.safetensors" | cut -f1 -d' '; }
step_of() { tail -n 1 "$1/metrics.jsonl" 2>/dev/null | sed -n 's/^{"step":\([0-9]*\).*/\1/p'; }
workers_of() { tail -n 1 "$1/metrics.jsonl" 2>/dev/null | sed -n 's/.*"workers":\([0-9]*\).*/\1/p'; }
# trains RUN WORKERS STEP: whether it has passed the step, with so many workers now.
trains() { (($(step_of "$1" || echo 0) + 0 >= $3)) && (($(workers_of "$1" || echo 0) + 0 == $2)); }
# same_adapter RUN [COMMAND…]: that its adapter is the one trained alone, and its ledger has each step once; COMMAND
# audits a run that cannot be audited from here.
same_adapter() {
    local digest
    wait "$process_alone" || fail 'the run on one machine'
    digest=$(digest_of_adapter "$work/alone")
    [[ -d $1/adapter ]] || fail "$1 has no adapter"
    [[ $(digest_of_adapter "$1") == "$digest" ]] || fail "$1: the adapter has other bytes than the one trained alone"
    local audit=("$SHOAL" audit "$1")
    if (($# > 1)); then audit=("${@:2}"); fi
    "${audit[@]}" >"$work/audit.log" 2>&1 || fail "$1: shoal audit"
    say "the adapter is the one trained alone: ${digest:0:16}…, and the audit is clean"
}
