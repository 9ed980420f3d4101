#!/usr/bin/env bash
# Set-up for `make`: system packages, .venv, Python packages, WordNet. May be run again at any time; keep it to bash 3.2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

NEEDED_GB=12 # 6 for .venv, the rest while packages are fetched and unpacked
LOG=.venv/install.log

say() { printf '%s\n' "$*"; }
fail() {
    printf 'Set-up stopped: %s\n' "$*" >&2
    exit 1
}

# --- Debian and Ubuntu packages ---

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }
may_apt() { has_apt && [ "$(id -u)" -eq 0 ]; }

apt_install() {
    say "Installing system packages: $*"
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" \
            </dev/null >/dev/null
}

missing_packages() {
    local name
    while read -r name; do
        [ -n "$name" ] || continue
        case "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" in
            *"ok installed") ;;
            *) printf '%s ' "$name" ;;
        esac
    done < <(cat packages.txt packages-dev.txt)
}

system_packages() {
    has_apt || return 0 # NLTK downloads the word lists instead; bring Chromium for the page's tests yourself
    local missing
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # a list of names
    if may_apt && apt_install $missing; then return 0; fi
    say "Not installed: word lists (NLTK downloads its own where there is a network) or Chromium (for the page's tests):"
    say "    sudo apt-get install --no-install-recommends $missing"
}

# --- Python ---

fits() { "$1" -c 'import sys; raise SystemExit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Sets PY. A name on the PATH may be a shim that fails, so each candidate is tried.
choose_python() {
    local candidate version candidates="python3.12 python3.11 python3 /usr/bin/python3.12 /usr/bin/python3.11"
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON does not run or is not Python 3.11 or 3.12."
        candidates=$PYTHON
    fi
    for candidate in $candidates; do
        if fits "$candidate" && has_venv "$candidate"; then
            PY=$candidate
            return
        fi
    done
    for candidate in $candidates; do # Debian's Python comes without venv
        fits "$candidate" || continue
        version=$(version_of "$candidate")
        if may_apt && apt_install "python$version-venv" && has_venv "$candidate"; then
            PY=$candidate
            return
        fi
        fail "$candidate (Python $version) lacks venv. On Debian or Ubuntu: sudo apt-get install python$version-venv"
    done
    if may_apt; then
        for version in 3.12 3.11; do
            if apt_install "python$version" "python$version-venv" 2>/dev/null && fits "/usr/bin/python$version"; then
                PY=/usr/bin/python$version
                return
            fi
        done
    fi
    fail "no Python 3.11 or 3.12 was found. Install one, or name it: make setup PYTHON=/path/to/python3.12"
}

virtual_environment() {
    if fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
    choose_python
    say "Making .venv with $PY (Python $(version_of "$PY"))"
    "$PY" -m venv --clear .venv || fail "$PY could not make .venv."
}

torch_is_here() { ls .venv/lib/python3*/site-packages/torch/__init__.py >/dev/null 2>&1; }

enough_space() {
    local free_gb
    torch_is_here && return
    free_gb=$(df -Pk . | awk 'NR == 2 { print int($4 * 1024 / 1e9) }')
    [ "$free_gb" -ge "$NEEDED_GB" ] ||
        fail "the packages need $NEEDED_GB GB of free disk space, and $PWD has $free_gb GB. Free some and run it again."
}

# Of pip's many lines, those that somebody who waits wants to see: files from 100 MB, and the unpacking.
long_steps() {
    local line file
    while IFS= read -r line; do
        if [[ $line =~ (Downloading|Using cached)\ ([^ ]+)\ \(([0-9]{3,}[0-9.]*\ MB|[0-9.]+\ GB)\) ]]; then
            file=${BASH_REMATCH[2]##*/}
            say "  ${file%%-*} (${BASH_REMATCH[3]})"
        elif [[ $line == "Installing collected packages"* ]]; then
            say "  unpacking"
        fi
    done
}

python_packages() {
    if torch_is_here; then
        say "Bringing the packages in .venv up to date"
    else
        say "Installing packages (about 6 GB with CUDA, 3 minutes or more)"
    fi
    mkdir -p .venv/tmp # here and not in /tmp, which is small on some machines
    if ! TMPDIR=$PWD/.venv/tmp .venv/bin/python -m pip install --progress-bar off \
        -c constraints.txt -r requirements-dev.txt -e . 2>&1 |
        tee "$LOG" | long_steps; then
        tail -n 15 "$LOG" >&2
        fail "pip could not install the packages (all it said is in $LOG). Is there a network? Run it again to go on."
    fi
    rm -rf .venv/tmp
}

# --- WordNet ---

word_lists() {
    say "Preparing WordNet"
    .venv/bin/python - <<'PY' || say "Set-up goes on without it; commands that look up words will try again."
from tgvig_core.utils.errors import TgvigError
from tgvig_core.prompting.wordnet import ensure_wordnet

try:
    ensure_wordnet()
except TgvigError as error:
    raise SystemExit(str(error)) from None
PY
}

enough_space
system_packages
virtual_environment
python_packages
word_lists
say "Set up: .venv is ready."
