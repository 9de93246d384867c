# What cluster/ssh has a node do: a POSIX shell script that travels in the ssh command and needs nothing but a common Linux.
# usage: VERB FOLDER [ARGUMENT…]; FOLDER holds all that belongs to Shoal on the node, ~ is the user's home.
set -u
verb=$1 folder=$2
shift 2
case $folder in '~'*) folder=$HOME${folder#\~} ;; esac

# The worker's process, where it lives: the process file is one of ours only if the folder stands on its command line.
worker() {
    [ -r "$run/pid" ] || return 1
    pid=$(cat "$run/pid")
    [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$run/keys"
}

case $verb in
    check) # SHOAL DIGEST: what the node is, and whether it has this shoal (a path, or '' for a package's DIGEST)
        echo "client=${SSH_CONNECTION%% *}"
        echo "processors=$(getconf _NPROCESSORS_ONLN)"
        echo "system=$(uname -m), $(getconf GNU_LIBC_VERSION 2>/dev/null || echo 'no glibc')"
        for tool in setsid sha256sum tar; do command -v $tool >/dev/null || echo "lacks=$tool"; done
        mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || echo "unwritable=$folder"
        shoal=$1
        [ -z "$2" ] || shoal=$folder/packages/$2/shoal/bin/shoal
        if path=$(command -v "$shoal"); then
            echo "shoal=$path"
            echo "version=$("$path" --version 2>&1 | sed -n '1s/^shoal //p; s/^protocol: /, protocol /p' | tr -d '\n')"
        fi
        ;;
    have) # KIND DIGEST
        [ -d "$folder/$1/$2" ]
        ;;
    put) # KIND DIGEST: a tar on stdin of files and their SHA256SUMS, whose digest is DIGEST; a package is unpacked
        part=$folder/$1/.$2.$$
        trap 'rm -rf "$part"' EXIT
        trap 'exit 1' HUP INT TERM
        mkdir -p "$part" && tar -C "$part" -xf - || exit 74
        if [ "$(sha256sum <"$part/SHA256SUMS")" != "$2  -" ] || ! (cd "$part" && sha256sum --quiet -c SHA256SUMS) >&2; then
            echo "what arrived is not what was sent" >&2
            exit 74
        fi
        if [ "$1" = packages ]; then tar -C "$part" -xzf "$part"/*.tar.gz || exit 74; fi
        [ -d "$folder/$1/$2" ] || mv "$part" "$folder/$1/$2"
        ;;
    keys) # RUN: a tar on stdin
        run=$folder/runs/$1
        umask 077
        mkdir -p "$run/keys" && tar -C "$run/keys" -xf -
        ;;
    work) # RUN BASE SHOAL CORE ARGUMENT…: starts the worker unless it runs, and tells of it until it ends; no BASE has it fetched
        run=$folder/runs/$1 base=$2 shoal=$3
        [ -z "$4" ] || export OPENBLAS_CORETYPE="$4"
        shift 4
        case $base in '~'*) base=$HOME${base#\~} ;; esac
        if [ -n "$base" ]; then set -- --base "$base" "$@"; else export SHOAL_CACHE="$folder/cache"; fi
        case $shoal in packages/*) shoal=$folder/$shoal ;; esac
        if worker; then
            echo "state running, process $pid, as before"
        else
            rm -f "$run/status" "$run/pid"
            touch "$run/worker.log"
            size=$(wc -c <"$run/worker.log")
            # The shell in between writes down how the worker ended. Neither hangs on this connection.
            # shellcheck disable=SC2016
            setsid sh -c '
                run=$1; shift
                "$@" >>"$run/worker.log" 2>&1 </dev/null & echo $! >"$run/pid"
                wait $!; echo $? >"$run/status"' \
                sh "$run" "$shoal" worker --keys "$run/keys" "$@" >/dev/null 2>&1 </dev/null &
            until [ -s "$run/pid" ]; do sleep 0.1; done
            echo "state starting, process $(cat "$run/pid")"
            until [ -e "$run/status" ] || tail -c "+$((size + 1))" "$run/worker.log" | grep -q '^connected to the coordinator'; do
                sleep 0.2
            done
            [ -e "$run/status" ] || echo "state running, process $(cat "$run/pid")"
        fi
        # A word now and then: where nobody listens any more, it ends this script, not the worker.
        seconds=0
        while worker; do
            sleep 1
            seconds=$((seconds + 1))
            [ $((seconds % 5)) -ne 0 ] || echo alive || exit 0
        done
        tries=25
        until [ -s "$run/status" ] || [ $tries -eq 0 ]; do sleep 0.2; tries=$((tries - 1)); done
        echo "ended $(cat "$run/status" 2>/dev/null || echo 137) $(tail -n 1 "$run/worker.log")"
        ;;
    log) # RUN LINES
        tail -n "$2" "$folder/runs/$1/worker.log"
        ;;
    stop) # RUN PATIENCE: ends the worker, prints its log, removes the run's folder with its keys
        run=$folder/runs/$1
        [ -d "$run" ] || exit 0
        tries=$(($2 * 5))
        while worker && [ $tries -gt 0 ]; do sleep 0.2; tries=$((tries - 1)); done
        if worker; then
            kill -TERM "$pid"
            tries=50
            while worker && [ $tries -gt 0 ]; do sleep 0.2; tries=$((tries - 1)); done
            if worker; then kill -KILL "$pid"; sleep 0.5; fi
            if worker; then echo "process $pid does not end" >&2; exit 1; fi
        fi
        cat "$run/worker.log" 2>/dev/null
        rm -rf "$run"
        ;;
esac
