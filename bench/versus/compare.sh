#!/bin/bash
# Builds Cairn and the glommio twin, then measures them with what rivals are installed, one core each.
# Arguments go to compare.py, e.g. `--rounds 3 --items 0`. Debian: redis-server, redis-tools, python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --locked
cargo build --release --locked --manifest-path bench/versus/Cargo.toml

cairn=target/release/cairn-server
servers=(
    "cairn=$cairn --port {port} --shards 1 --save ''"
    "cairn-epoll=$cairn --port {port} --shards 1 --save '' --backend epoll"
    "glommio-twin=bench/versus/target/release/glommio-twin --port {port}"
)
for rival in valkey-server redis-server; do
    if command -v "$rival" >/dev/null; then
        servers+=("$rival=$rival --port {port} --save ''")
    fi
done

date -u +"%Y-%m-%d %H:%M UTC"
uname -srm
sed -n 's/^model name.*: //p' /proc/cpuinfo | sort | uniq -c
exec python3 bench/versus/compare.py "$@" "${servers[@]}"
