# What the scripts share. Source it; it changes to the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '\n==> %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# need COMMAND PACKAGE: installs a Debian package where the command is missing.
missing_packages=()
need() { command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || missing_packages+=("$2"); }
install_missing() {
    [ "${#missing_packages[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "these Debian packages are needed, or what your system calls them: ${missing_packages[*]}"
    say "installing ${missing_packages[*]}"
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    # Servers are started by the tests themselves, on ports of their own: no service of the system is wanted. A Postfix that was not
    # there gets no configuration either, so that it does not become this machine's mail server, and takes no other one's place.
    if [[ " ${missing_packages[*]} " == *" postfix "* ]]; then
        echo "postfix postfix/main_mailer_type select No configuration" | "${sudo[@]}" debconf-set-selections
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends --no-remove "${missing_packages[@]}" >/dev/null
}

need_build_tools() {
    command -v cargo >/dev/null 2>&1 || die "Rust is missing: install the stable toolchain with rustup first"
    need cc gcc
    need make make
    need pkg-config pkg-config
    [ -e /usr/include/openssl/cms.h ] || missing_packages+=(libssl-dev)
    [ -e /usr/include/stdlib.h ] || missing_packages+=(libc6-dev)
}
