# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/ssh
# Part of cluster/ssh: what runs in the background, in a session of its own: the coordinator, and a loop for each host.

state() { # NAME WORDS…
    # Its own file: a host's loop and `stop` may write at the same moment.
    local name=$1 part=$folder_of_states/$1.$BASHPID.part
    shift
    printf '%s %s\n' "$(date +%T)" "$*" | tee -a "$folder_of_states/$name.log" >"$part"
    mv "$part" "$folder_of_states/$name.state"
}
is_over() { [[ -e $side/over ]]; }
# tend NAME: sees to it that a worker runs there, until the run is over or the host cannot take part.
tend() {
    local name=$1 errors=$folder_of_states/$1.errors line status node_shoal=shoal
    local options=(--connect "$address")
    [[ -z ${threads[$name]} ]] || options+=(--threads "${threads[$name]}")
    # shellcheck disable=SC2206  # words without spaces
    options+=(${more[$name]})
    while ! is_over; do
        status=0
        if [[ -n ${remote_shoal[$name]} ]]; then
            node_shoal=${remote_shoal[$name]}
        elif [[ -n $package_digest ]]; then
            node_shoal=packages/$package_digest/shoal/bin/shoal
            state "$name" 'getting the package'
            send "$name" packages "$package_digest" "$package" 2>"$errors" || status=$?
        fi
        if ((status == 0)); then
            tar -cf - -C "$side/keys" worker.key coordinator.pub | node "$name" keys "$identity.$name" 2>"$errors" || status=$?
        fi
        if ((status == 0)); then
            while IFS= read -r line; do
                case $line in
                    state\ *) state "$name" "${line#state }" ;;
                    ssh\ *) status=${line#ssh } ;;
                    ended\ *)
                        line=${line#ended }
                        state "$name" "ended with status ${line%% *}: ${line#* }"
                        case ${line%% *} in 64 | 65 | 70 | 74 | 126 | 127) return ;; esac
                        ;;
                esac
            done < <(node "$name" work "$identity.$name" "${base[$name]}" "$node_shoal" "${OPENBLAS_CORETYPE:-}" "${options[@]}" \
                </dev/null 2>"$errors" || echo "ssh $?")
        fi
        is_over && return
        ((status == 0)) || state "$name" "$(why "$name" "$status" "$errors")"
        sleep 3
    done
}
# take_down PATIENCE: ends what runs on the hosts, and keeps their logs here.
take_down() {
    local name errors status taking=()
    touch "$side/over"
    for name in "${names[@]}"; do
        (
            errors=$folder_of_states/$name.stop.errors status=0
            node "$name" stop "$identity.$name" "$1" </dev/null >>"$folder_of_states/$name.worker.log" 2>"$errors" || status=$?
            if ((status)); then state "$name" "not stopped: it $(why "$name" "$status" "$errors")"; else state "$name" 'stopped'; fi
        ) &
        taking+=($!)
    done
    wait "${taking[@]}"
}
background() {
    local name pid status=0 failed
    exec 9>"$side/lock"
    flock -n 9 || exit 69
    trap 'kill -TERM "$pid" 2>/dev/null || true' TERM INT HUP
    "$shoal" "${coordinator[@]}" >"$side/coordinator.log" 2>&1 9>&- </dev/null &
    pid=$!
    echo "$pid" >"$side/coordinator.pid"
    until grep -qs '^workers: ' "$side/coordinator.log" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    if kill -0 "$pid" 2>/dev/null; then
        for name in "${names[@]}"; do tend "$name" 9>&- & done
    fi
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        failed=$({ grep -lsE '^[0-9:]+ ended with status (64|65|70|74|126|127):' "$folder_of_states"/*.state || true; } | wc -l)
        if ((failed == ${#names[@]})) && [[ ! -e $side/unmanned ]]; then
            touch "$side/unmanned"
            kill -TERM "$pid" 2>/dev/null || true
        fi
    done
    wait "$pid" || status=$?
    # At its end the coordinator has told the workers; so they get a moment. Once more when nobody can start one any more.
    take_down 5
    wait
    take_down 0
    echo "$status" >"$side/status"
}
