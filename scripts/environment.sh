# shellcheck shell=sh
# Sourced by the scripts beside it: where Kyso lies and which Node it runs with.
# Sets $root; use_node puts the chosen Node first in PATH.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH
# A loader or debugger that was meant for another program must not get into this one.
unset NODE_OPTIONS

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) arch=$(uname -m) ;;
esac
own_node=$root/.node/node_modules/node-linux-$arch

# fail SENTENCE…: prints each on a line of its own and stops.
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Finds the machine's own Node: sets $node_prefix; false when it is older than 24.7, has no npm beside it, or lacks
# the headers that native modules are compiled against.
find_machine_node() {
  command -v npm >/dev/null || return 1
  node_prefix=$(node -p '
    const [major, minor] = process.versions.node.split(".").map(Number);
    if (major < 24 || (major === 24 && minor < 7)) process.exit(1);
    require("node:path").dirname(require("node:path").dirname(process.execPath));
  ' 2>/dev/null) || return 1
  [ -f "$node_prefix/include/node/node.h" ]
}

# Chooses the Node that scripts/setup brought into .node/, else the machine's; false when there is neither.
# node-gyp compiles against the headers that lie beside it instead of downloading them.
use_node() {
  [ -z "${node_chosen-}" ] || return 0
  if [ -x "$own_node/bin/node" ]; then
    PATH=$own_node/bin:$root/.node/node_modules/.bin:$PATH
    npm_package_config_node_gyp_nodedir=$own_node
  elif find_machine_node; then
    npm_package_config_node_gyp_nodedir=$node_prefix
  else
    return 1
  fi
  export PATH npm_package_config_node_gyp_nodedir
  node_chosen=yes
}
