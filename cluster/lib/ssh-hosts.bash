# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # shares variables with cluster/ssh
# Part of cluster/ssh: reads a hosts file into arrays by name, in the file's order.

names=()
# shellcheck disable=SC2088  # the host's own ~
default_folder='~/.shoal'
declare -A target port threads base remote_shoal folder more
read_hosts() {
    local file=$1 number=0 line words word key value host name
    [[ -r $file ]] || fail 64 "$file: cannot be read; it has a line a host (cluster/ssh --help)"
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        read -ra words <<<"${line%%#*}"
        ((${#words[@]})) || continue
        host=${words[0]}
        [[ $host =~ ^([A-Za-z_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] ||
            fail 64 "$file:$number: '$host' is no [user@]host"
        local -A given=()
        for word in "${words[@]:1}"; do
            key=${word%%=*} value=${word#*=}
            [[ $word == *=* && -n $value ]] || fail 64 "$file:$number: '$word' is no KEY=VALUE"
            case $key in
                port | threads | data-port)
                    [[ $value =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "$file:$number: $key is '$value', expected a number from 1"
                    ;;
                base | shoal | folder)
                    [[ $value == [/~]* ]] || fail 64 "$file:$number: $key is '$value', expected a path from / or ~ on the host"
                    ;;
                advertise) ;;
                *) fail 64 "$file:$number: unknown key '$key', expected port, threads, base, shoal, folder, advertise or data-port" ;;
            esac
            [[ -z ${given[$key]:-} ]] || fail 64 "$file:$number: $key stands twice"
            given[$key]=$value
        done
        name=${host#*@}${given[port]:+:${given[port]}}
        [[ -z ${target[$name]:-} ]] || fail 64 "$file:$number: $name stands twice"
        names+=("$name")
        target[$name]=$host port[$name]=${given[port]:-} threads[$name]=${given[threads]:-} base[$name]=${given[base]:-}
        remote_shoal[$name]=${given[shoal]:-} folder[$name]=${given[folder]:-$default_folder}
        more[$name]="${given[advertise]:+--advertise ${given[advertise]} }${given[data-port]:+--data-port ${given[data-port]}}"
    done <"$file"
    ((${#names[@]})) || fail 64 "$file: there is no host in it"
}
