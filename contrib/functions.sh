# Shared by the scripts in contrib and .ci/run: missing Debian packages, configure and make, counting results.
# Sourced with the current folder anywhere; defines functions and the package lists only.
# shellcheck shell=bash

# shellcheck disable=SC2034 # used by those who source this
packages_build=(autoconf automake binutils gcc libc6-dev libmicrohttpd-dev libsasl2-dev libssl-dev libuv1-dev libyaml-dev make pkg-config)
# shellcheck disable=SC2034
packages_tests=(chromium-headless-shell clang clang-format-14 default-jdk-headless haproxy krb5-admin-server krb5-kdc
    krb5-user libcmocka-dev
    libcurator-framework-java libcurator-recipes-java libsasl2-modules libsasl2-modules-gssapi-mit libzookeeper-mt-dev
    openssl procps prometheus python3 python3-kazoo systemd xz-utils zookeeper)

# shellcheck disable=SC2034
packages_package=(adduser autopkgtest debhelper dpkg-dev git libcmocka-dev libslf4j-java lintian mandoc
    perl-base python3 rpm zookeeper)

# shellcheck disable=SC2034
packages_fuzz=(clang libclang-rt-14-dev libcmocka-dev python3)

# shellcheck disable=SC2034
packages_storm=(default-jdk-headless krb5-admin-server krb5-kdc krb5-user libsasl2-modules libsasl2-modules-gssapi-mit
    libslf4j-java libzookeeper-java maven openssl procps python3 python3-pip)

say()
{
    printf '== %s\n' "$*"
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# as_root COMMAND...: as it is for root, with sudo for others; without a terminal sudo must not ask.
as_root()
{
    if [[ $(id -u) = 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [[ -t 0 ]]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "not root and no sudo: cannot run $*"
    fi
}

# install_missing LOG PACKAGE...: installs those packages that are not there; asks nothing.
install_missing()
{
    local log=$1 package missing=()
    shift
    command -v dpkg-query >/dev/null || die "this is no Debian: install the like of $* yourself"
    for package; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) = installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing ${missing[*]}"
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
    } </dev/null >"$log" 2>&1 || { tail -30 "$log" >&2; die "apt-get failed; its output is in $log"; }
}

# run_logged LOG COMMAND...: silent when it works; when it fails, shows the end of what it said.
run_logged()
{
    local log=$1
    shift
    "$@" </dev/null >"$log" 2>&1 || { tail -60 "$log" >&2; die "failed: $*; the whole output is in $log"; }
}

# configure_in SOURCE BUILD FLAG...: makes ./configure where it is missing or old, and runs it in the build folder.
# A source tree in which configure has been run serves no second build folder, which is given a copy of it then.
configure_in()
{
    local source=$1 build=$2
    shift 2
    mkdir -p "$build" || die "cannot make $build"
    if [[ ! -e $source/configure || $source/configure.ac -nt $source/configure ||
          $source/Makefile.am -nt $source/Makefile.in ]]; then
        say "autoreconf"
        run_logged "$build/autoreconf.log" autoreconf -fi "$source"
    fi
    if [[ -e $source/config.status && ! $build -ef $source ]]; then
        build=$(cd "$build" && pwd) || exit 1
        say "the source tree has been built in itself: a copy of it is built, in $build/source"
        run_logged "$build/distdir.log" make -C "$source" distdir distdir="$build/source"
        source=$build/source
    fi
    say "configure${*:+ $*}"
    (cd "$build" && run_logged configure.log "$source/configure" "$@") || exit 1
}

# count_results BUILD: sets passed and failed from automake's result files; whatever is not PASS has failed.
count_results()
{
    local result file
    passed=0 failed=0
    while IFS= read -r -d '' file; do
        while read -r _ result; do
            if [[ $result = PASS ]]; then
                passed=$((passed + 1))
            else
                failed=$((failed + 1))
                say "$result: ${file#"$1"/}"
            fi
        done < <(grep '^:test-result:' "$file")
    done < <(find "$1" -name '*.trs' -print0)
}
