#!/bin/sh
# Prepares a bare Debian or Ubuntu machine as a runner: packages, Node, a user, its key, its work root, lingering.
# May be run again at any time: what is there is left as it is. It starts nothing and downloads no program of ours:
# the control plane puts the runner program there itself when the runner is registered.
set -eu

NODE_MAJOR_MIN=20
NODE_LINE=latest-v24.x
NODE_MIRROR=https://nodejs.org/dist

usage() {
  cat <<'END'
usage: install.sh [options]        as root, on the machine that is to run sessions

  --user NAME          user the agents run as, made when it is missing (default: orcha)
  --key FILE           public key of the control plane, a line of authorized_keys; - = stdin
  --work-root DIR      where checkouts go (default: .local/share/orcha-runner/work in the user's home)
  --node-sha256 SUM    take no other Node than the tarball with this sum, when one has to be downloaded
  --node-mirror URL    where to download Node from (default: https://nodejs.org/dist)
  --no-sshd            do not install the SSH server (images that bring their own, local runners)
  --no-linger          do not let the user's processes outlive its logins
  --dry-run            say what would be done and do nothing; needs no root
  --help
END
}

user=orcha key='' work_root='' node_sha256='' sshd=yes linger=yes dry=no
# A directory before all paths, for building images and for tests.
root=${ORCHA_INSTALL_ROOT:-}

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}
ok() { printf 'ok    %s\n' "$*"; }
note() { printf 'note  %s\n' "$*"; }
# Says what is done, and whether to do it.
step() {
  if [ "$dry" = yes ]; then
    printf 'would %s\n' "$*"
    return 1
  fi
  printf 'do    %s\n' "$*"
}
has() { command -v "$1" >/dev/null 2>&1; }

while [ $# -gt 0 ]; do
  case $1 in
    --user | --key | --work-root | --node-sha256 | --node-mirror)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case $1 in
        --user) user=$2 ;;
        --key) key=$2 ;;
        --work-root) work_root=$2 ;;
        --node-sha256) node_sha256=$2 ;;
        --node-mirror) NODE_MIRROR=$2 ;;
      esac
      shift 2
      ;;
    --no-sshd) sshd=no && shift ;;
    --no-linger) linger=no && shift ;;
    --dry-run) dry=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option: $1" ;;
  esac
done

case $user in
  '' | -* | *[!a-z0-9_-]*) fail "not a user name: $user" ;;
esac
case $work_root in
  '' | /*) ;;
  *) fail "the work root must be an absolute path: $work_root" ;;
esac
case $work_root in
  *[!A-Za-z0-9/._-]* | */../* | */..) fail "the work root has characters that are not letters, digits, / . _ or -: $work_root" ;;
esac
[ "$dry" = yes ] || [ "$(id -u)" = 0 ] || fail "run it as root, or with --dry-run"
has apt-get || fail "this is neither Debian nor Ubuntu (no apt-get): see runners/README.md for what a runner needs"

# The key first: nothing is done for one that is none.
key_line=''
if [ -n "$key" ]; then
  if [ "$key" = - ]; then key_line=$(cat); else key_line=$(cat -- "$key"); fi
  [ "$(printf '%s\n' "$key_line" | wc -l)" -eq 1 ] || fail "the key file has more than one line"
  printf '%s\n' "$key_line" |
    LC_ALL=C grep -Eq '^(sk-)?(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))(@openssh\.com)? [A-Za-z0-9+/]+=*( [[:print:]]*)?$' ||
    fail "not a public key: it must be one line like \"ssh-ed25519 AAAA... comment\", without options"
fi

updated=no
apt_update() {
  [ "$updated" = no ] || return 0
  DEBIAN_FRONTEND=noninteractive apt-get update -q
  updated=yes
}
# package, and what is there when it is installed
package() {
  if has "$2"; then
    ok "$1 ($2)"
  elif step "install $1"; then
    apt_update
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1"
  fi
}

node_major() {
  found=$("$1" --version 2>/dev/null || true)
  found=${found#v}
  found=${found%%.*}
  case $found in '' | *[!0-9]*) found=0 ;; esac
  printf '%s' "$found"
}

node_arch() {
  case $(uname -m) in
    x86_64) printf x64 ;;
    aarch64) printf arm64 ;;
    *) fail "no Node is published for $(uname -m): install Node $NODE_MAJOR_MIN or newer yourself" ;;
  esac
}

# The official tarball, unpacked beside everything else and linked into /usr/local/bin. No script from the net is run.
download_node() {
  package ca-certificates update-ca-certificates
  package curl curl
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  curl -fsSL --proto '=https,http,file' --max-time 60 -o "$temporary/sums" "$NODE_MIRROR/$NODE_LINE/SHASUMS256.txt"
  name=$(sed -n "s/^[0-9a-f]\{64\}  \(node-v[0-9.]*-linux-$(node_arch)\.tar\.gz\)\$/\1/p" "$temporary/sums" | head -n 1)
  [ -n "$name" ] || fail "$NODE_MIRROR/$NODE_LINE names no Node for this machine"
  sum=$(sed -n "s/^\([0-9a-f]\{64\}\)  $name\$/\1/p" "$temporary/sums" | head -n 1)
  [ -z "$node_sha256" ] || sum=$node_sha256
  curl -fsSL --proto '=https,http,file' --max-time 900 -o "$temporary/$name" "$NODE_MIRROR/$NODE_LINE/$name"
  printf '%s  %s\n' "$sum" "$temporary/$name" | sha256sum -c --status - ||
    fail "$name does not have the SHA-256 $sum: nothing was installed"
  mkdir -p "$root/opt" "$root/usr/local/bin"
  tar -xzf "$temporary/$name" -C "$temporary" --no-same-owner
  rm -rf "$root/opt/orcha-node.new"
  mv "$temporary/${name%.tar.gz}" "$root/opt/orcha-node.new"
  [ -e "$root/opt/orcha-node" ] || mv "$root/opt/orcha-node.new" "$root/opt/orcha-node"
  for program in node npm npx; do
    [ -e "$root/usr/local/bin/$program" ] || ln -s "/opt/orcha-node/bin/$program" "$root/usr/local/bin/$program"
  done
  note "Node is ${name%.tar.gz}, SHA-256 $sum"
}

install_node() {
  for node in node "$root/usr/local/bin/node" "$root/opt/orcha-node/bin/node"; do
    has "$node" || continue
    if [ "$(node_major "$node")" -ge $NODE_MAJOR_MIN ]; then
      ok "Node $("$node" --version)"
      return
    fi
  done
  candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9]*\)\..*/\2/p')
  if [ "${candidate:-0}" -ge $NODE_MAJOR_MIN ] && ! has node; then
    if step "install nodejs $candidate of the distribution"; then
      apt_update
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs
    fi
  elif step "download Node ($NODE_LINE) from $NODE_MIRROR, check its SHA-256, unpack it to /opt/orcha-node"; then
    download_node
  fi
}

home_of() { getent passwd "$1" | cut -d: -f6; }

# Also where nothing but keys is accepted and PAM is off: an account with `!` would be locked there, with `*` it only has no password.
make_user() {
  if getent passwd "$user" >/dev/null; then
    ok "user $user"
  elif step "make the user $user"; then
    useradd --create-home --shell /bin/bash --password '*' "$user"
  fi
}

# make_directory PATH: 0700 and the user's, or left as it is
make_directory() {
  if [ -d "$root$1" ]; then
    ok "$1"
  elif step "make $1 (0700, $user)"; then
    mkdir -p "$root$1"
    chmod 0700 "$root$1"
    chown "$user:" "$root$1"
  fi
}

# What the control plane needs: commands, sockets of this user through the connection, a terminal for takeover. Not: agents,
# X11, ~/.ssh/rc, listening ports. (permitopen would refuse sockets too; whoever may run commands needs no forwarding to
# reach what this user reaches.)
KEY_OPTIONS='restrict,pty,port-forwarding,permitlisten="127.0.0.1:1"'

authorize() {
  if [ -z "$key_line" ]; then
    note "no --key: add the control plane's public key to $home/.ssh/authorized_keys yourself"
    return
  fi
  file=$root$home/.ssh/authorized_keys
  blob=$(printf '%s\n' "$key_line" | cut -d' ' -f2)
  if [ -f "$file" ] && grep -qF -- "$blob" "$file"; then
    ok "the key is in $home/.ssh/authorized_keys"
    return
  fi
  make_directory "$home/.ssh"
  if step "add the key to $home/.ssh/authorized_keys"; then
    [ -e "$file" ] || {
      (umask 077 && : >"$file")
      chown "$user:" "$file"
    }
    # A last line without its end would swallow ours.
    [ -z "$(tail -c 1 "$file")" ] || printf '\n' >>"$file"
    printf '%s %s\n' "$KEY_OPTIONS" "$key_line" >>"$file"
  fi
}

let_linger() {
  if [ "$linger" = no ]; then
    note "lingering is left as it is (--no-linger)"
  elif [ ! -d "$root/run/systemd/system" ] || ! has loginctl; then
    ok "no systemd: nothing ends when $user logs out"
  elif [ -e "$root/var/lib/systemd/linger/$user" ]; then
    ok "$user lingers"
  elif step "let $user linger: its agents outlive its logins"; then
    loginctl enable-linger "$user"
  fi
}

package git git
package util-linux flock
package tmux tmux
package bubblewrap bwrap
if [ "$sshd" = yes ]; then
  # Not in everybody's PATH.
  if [ -x "$root/usr/sbin/sshd" ]; then ok "openssh-server (sshd)"; else package openssh-server sshd; fi
fi
install_node
make_user
home=$(home_of "$user") || home=''
[ -n "$home" ] || home=/home/$user
if [ -z "$work_root" ]; then
  make_directory "$home/.local"
  make_directory "$home/.local/share"
  make_directory "$home/.local/share/orcha-runner"
fi
make_directory "${work_root:-$home/.local/share/orcha-runner/work}"
authorize
let_linger

printf '\nnext, as %s: install the agents and log them in (claude, codex, ...). Then, on the control plane:\n' "$user"
printf '  orcha runner add NAME ssh://%s@HOST%s\n  orcha runner doctor NAME\n' "$user" "${work_root:+ --work-root $work_root}"
