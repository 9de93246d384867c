# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test: the tarball of scripts/package trains in a bare root, without Swift, as a user without rights.

make_hosts 1 "$store/bare"
root=$(root_of 1)
write_run "$work"
train_alone
# The same run under paths of that root.
write_run "$root/home/shoal/data"
sed "s,$root,,; s,^base: .*,base: /home/shoal/base," "$root/home/shoal/data/config.yaml" >"$root/home/shoal/config.yaml"
cp -r "$base" "$root/home/shoal/base"
cp "$store/shoal.tar.gz" "$root/home/shoal/"
on 1 chown -R shoal: /home/shoal
as_user() { on 1 su - shoal -c "$*"; }

! as_user 'command -v swift' >/dev/null || fail 'the bare root has a swift'
as_user 'tar -xzf shoal.tar.gz && shoal/bin/shoal --version' >"$work/version.log" || fail 'shoal --version in the bare root'
contains "$work/version.log" 'protocol:'
# What it loads comes from the tarball, all but glibc.
as_user 'ldd shoal/bin/shoal' >"$work/libraries.log"
if grep -vE '/home/shoal/shoal/bin/\.\./lib/|linux-vdso|ld-linux|/lib(c|m|dl|rt|pthread|resolv)\.so' "$work/libraries.log"; then
    fail 'libraries above come from elsewhere'
fi
for licence in shoal swift libzmq5 libsodium23 libopenblas0-pthread libprotobuf-c1 libpcre2-8-0; do
    [[ -s $root/home/shoal/shoal/licences/$licence.txt ]] || fail "the tarball lacks the licence of $licence"
done
say "shoal $(sed -n '1s/^shoal //p' "$work/version.log") starts in a bare $(sed -n 's/^PRETTY_NAME=//p' "$root/etc/os-release")"

as_user 'shoal/bin/shoal train config.yaml --workers 2 --threads 1 --output run' >"$work/train.log" 2>&1 &
training=$!
until_ 60 trains "$root/home/shoal/run" 2 50 || fail 'two workers at step 50'
# All processes here are the test's: it has a process namespace of its own.
kill -KILL "$(pgrep -n -f '^/home/shoal/shoal/bin/shoal worker')"
wait "$training" || fail 'the run in the bare root'
grep -q '"event":"lost"' "$root/home/shoal/run/events.jsonl" || fail 'no worker was lost'
say 'two workers trained there; one was killed on the way'
same_adapter "$root/home/shoal/run" as_user shoal/bin/shoal audit run
