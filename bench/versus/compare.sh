#!/bin/bash
# Builds Cairn and the glommio twin, then measures them with what rivals are installed, one core each.
# Arguments go to compare.py, e.g. `--rounds 3 --items 0 --load multi-random,hot-keys`. SHARDS=2 gives Cairn
# two shards and pins nothing; the twin has one core only and stays away then, and so does memory per item.
# Debian: redis-server, redis-tools, python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --locked
cargo build --release --locked --manifest-path bench/load/Cargo.toml

shards=${SHARDS:-1}
cairn="target/release/cairn-server --port {port} --shards $shards --save ''"
servers=("cairn=$cairn" "cairn-epoll=$cairn --backend epoll")
options=("$@")
if [ "$shards" -eq 1 ]; then
    # The twin answers GET and SET only.
    if [[ " $* " != *" --load "* ]]; then
        cargo build --release --locked --manifest-path bench/versus/Cargo.toml
        servers+=("glommio-twin=bench/versus/target/release/glommio-twin --port {port}")
    fi
else
    options+=(--float --items 0)
fi
for rival in valkey-server redis-server; do
    if command -v "$rival" >/dev/null; then
        servers+=("$rival=$rival --port {port} --save ''")
    fi
done

date -u +"%Y-%m-%d %H:%M UTC"
uname -srm
sed -n 's/^model name.*: //p' /proc/cpuinfo | sort | uniq -c
cut -d" " -f1-3 /proc/loadavg | sed "s/^/load average before: /"
exec python3 bench/versus/compare.py "${options[@]}" "${servers[@]}"
