# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test: workers without the base fetch it over links of 1 Gbit/s. Four at once, one of them killed on the way and
# started again; then one whose copy was damaged, which gives others wrong bytes; then a late one.

# The tiny base with weights that nothing reads, so that it takes a while.
cp -r "$base" "$work/base"
python3 - "$work/base/model.safetensors" <<'END'
import json, os, struct, sys
path = sys.argv[1]
data = open(path, "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, values = json.loads(data[8:8 + size]), data[8 + size:]
count = 12_000_000
header["unread.weight"] = {"dtype": "F32", "shape": [count], "data_offsets": [len(values), len(values) + 4 * count]}
# Its bytes as small floats: no exponent is that of a NaN.
noise = bytearray(os.urandom(4 * count))
noise[3::4] = bytes(count)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + values + noise)
END
size=$(cat "$work/base/"* | wc -c)
"$SHOAL" lab up 4 --name test --rate 1gbit >/dev/null
write_run "$work" 400 "$work/base"
train_alone
"$SHOAL" keys new "$work/keys" >/dev/null
run=$work/run
in_net() { ip netns exec "$(namespace_of "$1")" "${@:2}"; }
sent() { in_net 0 cat /sys/class/net/eth0/statistics/tx_bytes; }
times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# join NAME HOST [FAULT]: a worker with a cache of its own.
declare -A joined
join() {
    in_net "$2" env "SHOAL_CACHE=$work/cache-$1" ${3:+SHOAL_FAULT="$3"} \
        "$SHOAL" worker --connect "tcp://$(address_of 0):7700" --keys "$work/keys" --threads 1 >>"$work/worker-$1.log" 2>&1 &
    joined[$1]=$!
}
registered() { (($(grep -c '"event":"registered"' "$run/events.jsonl" 2>/dev/null || true) + 0 >= $1)); }
fetched() { (($(grep -c '"event":"base_fetched"' "$run/events.jsonl" 2>/dev/null || true) + 0 >= $1)); }

in_net 0 "$SHOAL" coordinator "$work/config.yaml" --listen "tcp://$(address_of 0):7700" --keys "$work/keys" \
    --min-workers 6 --output "$run" >"$work/coordinator.log" 2>&1 &
coordinator=$!
until_ 20 grep -qs '^workers: ' "$work/coordinator.log" || fail 'the coordinator'
before=$(sent)
join a 1
join b 2
join c 3 base-chunk:60
join d 4
status=0
wait "${joined[c]}" || status=$?
((status == 137)) || fail "the worker that was to be killed ended with $status"
join c 3
until_ 60 fetched 4 || fail 'four workers with the base'
until_ 60 registered 4 || fail 'four workers'
once=$(($(sent) - before))
((once < 2 * size)) || fail "the coordinator's link carried $once bytes for a base of $size"
sed -n 's/.* \([0-9]*\) are in the cache.*/\1/p' "$work/worker-c.log" | tail -n 1 >"$work/kept"
(($(<"$work/kept") >= 60)) || fail "the worker that was killed began with $(<"$work/kept") chunks, expected 60 or more"
say "four workers have the base; the coordinator's link carried it $(times "$once" "$size") times, one went on with $(<"$work/kept") chunks"

# Host 1's copy goes bad behind its back: the weights that nothing reads, as the middle of the file.
damaged=$(echo "$work"/cache-a/fetched/*/model.safetensors)
head -c 40000000 /dev/zero | dd of="$damaged" bs=1M seek=4 conv=notrunc status=none
join e 4
until_ 60 registered 5 || fail 'a fifth worker'
contains "$work/worker-e.log" "sent wrong bytes"
contains "$run/events.jsonl" '"what":"sent wrong bytes"'
kill -KILL "${joined[a]}" || true
ip netns pids "$(namespace_of 1)" | xargs -r kill -KILL
wait "${joined[a]}" 2>/dev/null || true
say "the worker that gives wrong bytes is named: $(sed -n 's/.*the worker at \(tcp[^ ]*\) sent wrong bytes.*/\1/p' "$work/worker-e.log" | head -n 1)"
join a 1
join f 2
until_ 60 grep -q 'the base in the cache is damaged' "$work/worker-a.log" || fail 'a damaged base that is noticed'
wait "$coordinator" || fail 'the run'
for name in a b c d e f; do
    wait "${joined[$name]}" || fail "worker $name"
done
say "it mended its copy; with a fifth and a sixth the link carried the base $(times $(($(sent) - before)) "$size") times, training included"
same_adapter "$run"
