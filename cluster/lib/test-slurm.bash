# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/test
# Part of cluster/test: cluster/slurm on a cluster of two nodes with Debian's Slurm: slurmctld, munged and two slurmd.

make_hosts 2 "$store/node"
mkdir "$work/shared"
# Slurm takes some 20 s to notice that a node is gone.
steps=12000
head -c 1024 /dev/urandom >"$work/munge.key"
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=node1($(address_of 1))
SlurmUser=slurm
AuthType=auth/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
ReturnToService=2
SlurmdTimeout=6
KillWait=10
MpiDefault=none
NodeName=node1 NodeAddr=$(address_of 1) CPUs=2 State=UNKNOWN
NodeName=node2 NodeAddr=$(address_of 2) CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=20 State=UP
END
boot() { # HOST: its daemons
    plug_in "$1"
    on "$1" sh -c 'rm -f /run/munge/* /run/slurmd.pid; exec setpriv --reuid=munge --regid=munge --clear-groups munged --foreground' \
        >>"$work/munged$1.log" 2>&1 &
    until_ 10 test -S "$(root_of "$1")/run/munge/munge.socket.2" || fail "munged of host $1"
    if (($1 == 1)); then on 1 setpriv --reuid=slurm --regid=slurm --clear-groups slurmctld -D >>"$work/slurmctld.log" 2>&1 & fi
    on "$1" slurmd -D -N "node$1" >>"$work/slurmd$1.log" 2>&1 &
}
for host in 1 2; do
    root=$(root_of "$host")
    mkdir -p "$root/shared" "$root/run/munge" "$root/var/lib/slurm/slurmctld" "$root/var/lib/slurm/slurmd" "$root/etc/slurm"
    mount --bind "$work/shared" "$root/shared"
    cp "$work/munge.key" "$root/etc/munge/munge.key"
    cp "$work/slurm.conf" "$root/etc/slurm/slurm.conf"
    printf '127.0.0.1 localhost\n%s node1\n%s node2\n' "$(address_of 1)" "$(address_of 2)" >"$root/etc/hosts"
    on "$host" sh -c 'chown -R munge: /etc/munge /run/munge /var/lib/munge /var/log/munge; chmod 400 /etc/munge/munge.key
        chown -R slurm: /var/lib/slurm/slurmctld'
    boot "$host"
done
cp -r "$work/shoal" "$PWD/cluster/slurm" "$base" "$work/shared/"
train_config() { # the run under the nodes' paths
    write_run "$work/shared"
    sed -i "s,$work/shared,/shared,; s,^base: .*,base: /shared/${base##*/}," "$work/shared/config.yaml"
}
write_run "$work"
train_alone
train_config
on 1 chown -R shoal: /shared
as_user() { on 1 su - shoal -c "cd /shared && export SHOAL=/shared/shoal/bin/shoal && $*"; }
# Slurm lets a job that was queued again wait for two minutes, so that no node takes the new start for the old one; some seconds
# do here.
starts_again() {
    local state
    state=$(on 1 squeue -h -j "$job" -o %t)
    if [[ $state == PD ]]; then
        sleep 6
        on 1 scontrol update jobid="$job" starttime=now || true
    fi
    [[ $state == R && $(grep -c ' start [0-9]* of job' "$work/shared/shoal-$job.log") == "$((restarts + 1))" ]]
}
idle() { [[ $(on 1 sinfo -h -o %D -t idle 2>/dev/null) == 2 ]]; }
until_ 40 idle || fail 'two idle nodes'
run=$work/shared/runs/slurm

job=$(as_user "sbatch --parsable --nodes=2 --cpus-per-task=1 --time=10 slurm config.yaml --output runs/slurm") || fail 'sbatch'
say "job $job is queued"
slow 1
slow 2
until_ 40 trains "$run" 2 20 || { cat "$work/shared/shoal-$job.log" >&2; fail 'two workers at step 20'; }
say "two workers train (step $(step_of "$run"))"

power_off 2
until_ 40 trains "$run" 1 20 || fail 'going on with one worker'
down() { on 1 sinfo -h -n node2 -o %t | grep -q '^down'; }
until_ 40 down || fail 'Slurm giving node2 up'
[[ $(on 1 squeue -h -j "$job" -o %t) == R ]] || fail "the job does not run any more: $(on 1 squeue -h -j "$job" -o %t)"
say "node2 lost its power, Slurm gave it up, the job goes on without it (step $(step_of "$run"))"
boot 2
up() { on 1 sinfo -h -n node2 -o %t | grep -qE '^(idle|mix|alloc)$'; }
until_ 40 up || fail 'node2 coming back'
before=$(step_of "$run")
on 1 scontrol requeue "$job" || fail 'scontrol requeue'
restarts=1
until_ 40 starts_again || fail "the job starting again: $(on 1 scontrol show job "$job"; cat "$work/shared/shoal-$job.log")"
until_ 60 trains "$run" 2 "$before" || { cat "$work/shared/shoal-$job.log" >&2; fail 'the requeued job'; }
say "node2 is back; queued again, the job goes on with both (step $(step_of "$run"), it was $before)"

# The warning before the time limit, as --signal=B:TERM@120 sends it: the run is saved, and the job queues itself.
on 1 scancel --batch --signal=TERM "$job"
until_ 40 eval "on 1 squeue -h -j $job -o %t | grep -q PD" || { cat "$work/shared/shoal-$job.log" >&2; fail 'queueing itself'; }
contains "$work/shared/shoal-$job.log" 'the coordinator ended with status 75'
contains "$work/shared/shoal-$job.log" 'queued again'
say 'on the warning before its time limit it saves the run and queues itself'
brisk 1
brisk 2
restarts=2
until_ 40 starts_again || fail "the job starting again: $(on 1 scontrol show job "$job"; cat "$work/shared/shoal-$job.log")"
until_ 300 test -d "$run/adapter" || { cat "$work/shared/shoal-$job.log" >&2; fail 'the end of the run'; }
until_ 30 idle || fail 'idle nodes at the end'
for host in 1 2; do
    ! left_on "$host" | grep -qvE 'slurmd -D|slurmctld|munged' || fail "left on node$host: $(left_on "$host")"
done
same_adapter "$run" as_user shoal/bin/shoal audit runs/slurm
