# The Python environment of the tests that talk to peers written in Python. Source it after common.sh.

# need_python_env: makes the environment in $LOKET_PYTHON_ENV, or target/python-env, unless it is there and complete.
need_python_env() {
    local env="${LOKET_PYTHON_ENV:-target/python-env}" oscrypto file
    if ! command -v python3 >/dev/null 2>&1 || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        missing_packages+=(python3 python3-venv)
        install_missing
    fi
    # A mark made last tells a complete environment from one whose making was broken off.
    local mark="$env/made-by-script-python-2"
    [ ! -e "$mark" ] || return 0
    say "Python environment for the tests in $env"
    python3 -m venv --clear "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check pyas2lib==1.4.4 oscrypto==1.3.0 dkimpy==1.1.8 pynacl==1.6.2
    # oscrypto 1.3.0 knows no patch level with two digits, such as OpenSSL 3.0.19.
    oscrypto="$("$env/bin/python" -c 'import importlib.util, os; print(os.path.dirname(importlib.util.find_spec("oscrypto").origin))')"
    for file in _libcrypto_cffi.py _libcrypto_ctypes.py; do
        sed -i 's/\\\\d\\\\\.\\\\d\\\\\.\\\\d\[a-z\]/\\\\d+\\\\.\\\\d+\\\\.\\\\d+[a-z]/' "$oscrypto/_openssl/$file"
        grep -qF '\\d+\\.\\d+\\.\\d+[a-z]' "$oscrypto/_openssl/$file" || die "oscrypto's $file is not as expected and could not be patched"
    done
    "$env/bin/python" -c 'import pyas2lib, pyas2lib.cms' || die "pyas2lib does not load in $env"
    touch "$mark"
}
