# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/ssh
# Part of cluster/ssh: one host, by ssh; ssh-node.sh has what it does there.
words_for_node=$(<"$here/lib/ssh-node.sh")

quoted() { # WORD…: for a POSIX shell
    local word
    for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}
node() { # NAME VERB ARGUMENT…: has ssh-node do VERB on the host; 255 where ssh itself failed
    local name=$1 verb=$2
    shift 2
    ssh ${ssh_config:+-F "$ssh_config"} ${port[$name]:+-p "${port[$name]}"} -o BatchMode=yes -o ConnectTimeout=10 \
        -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o ControlPath=none "${target[$name]}" \
        "sh -c $(quoted "$words_for_node") sh $(quoted "$verb" "${folder[$name]}" "$@")"
}
# why NAME STATUS FILE: what ssh, or the host, said in FILE, in our words.
why() {
    local said
    said=$(grep -v '^Warning: ' "$3" | tail -n 1 | tr -d '\r')
    case $2:$said in
        255:*'Permission denied'*) echo "does not accept your ssh key ($said); try: ssh ${target[$1]}" ;;
        255:*'Host key verification failed'*) echo "has a host key that is not known here; connect once by hand: ssh ${target[$1]}" ;;
        255:*) echo "does not answer (${said:-ssh ended})" ;;
        *) echo "failed with status $2: $said" ;;
    esac
}
# check NAME: prints "ok DETAIL" or "no REASON"; leaves what the host said of itself in $checks/NAME.
check() {
    local name=$1 lines file=$checks/$1 detail status=0 digest=$package_digest
    [[ -z ${remote_shoal[$name]} ]] || digest=
    node "$name" check "${remote_shoal[$name]:-shoal}" "$digest" </dev/null >"$file" 2>"$file.errors" || status=$?
    if ((status)); then
        echo "no $(why "$name" "$status" "$file.errors")"
        return
    fi
    lines=$(<"$file")
    said() { sed -n "s/^$1=//p" <<<"$lines" | head -n 1; }
    detail="$(said processors) processors, $(said system)"
    if [[ -n $(said lacks) ]]; then
        echo "no lacks the command $(said lacks)"
    elif [[ -n $(said unwritable) ]]; then
        echo "no cannot write to $(said unwritable); name another in HOSTS: folder=PATH"
    elif [[ -z $(said shoal) && -n $digest ]]; then
        echo "ok $detail; gets the package"
    elif [[ -z $(said shoal) ]]; then
        echo "no has no ${remote_shoal[$name]:-shoal on its PATH}; name it in HOSTS (shoal=PATH), or give --package"
    elif [[ $(said version) != "$own_version" ]]; then
        echo "no has another shoal at $(said shoal): $(said version), here is $own_version; install the same, or give --package"
    else
        echo "ok $detail"
    fi
}
check_all() { # fills fit[]; prints a line a host
    checks=$(mktemp -d)
    trap 'rm -rf "$checks"' EXIT
    local name answer
    for name in "${names[@]}"; do check "$name" >"$checks/$name.answer" & done
    wait
    fit=()
    for name in "${names[@]}"; do
        answer=$(<"$checks/$name.answer")
        if [[ $answer == ok* ]]; then
            fit+=("$name")
            seen_as=${seen_as:-$(sed -n 's/^client=//p' "$checks/$name")}
            printf '%-24s fit: %s\n' "$name" "${answer#ok }"
        else
            printf '%-24s %s\n' "$name" "${answer#no }" >&2
        fi
    done
}

digest_of() { # FILE…: the digest of their SHA256SUMS, under their names alone
    (cd "$(dirname "$1")" && for file in "$@"; do sha256sum "${file##*/}"; done) | sha256sum | cut -d' ' -f1
}
send() { # NAME KIND DIGEST FILE…
    local name=$1 kind=$2 digest=$3 sums
    shift 3
    if node "$name" have "$kind" "$digest" </dev/null; then return; fi
    sums=$(mktemp -d)
    (cd "$(dirname "$1")" && for file in "$@"; do sha256sum "${file##*/}"; done) >"$sums/SHA256SUMS"
    local status=0
    tar -chf - -C "$sums" SHA256SUMS -C "$(realpath "$(dirname "$1")")" "${@##*/}" |
        node "$name" put "$kind" "$digest" || status=$?
    rm -rf "$sums"
    return "$status"
}
