#!/bin/sh
# What the image runs: an SSH server of this user, on port 2222, for the one key in ORCHA_KEY.
set -eu
umask 077
mkdir -p "$HOME/.ssh"
[ -e "$HOME/.ssh/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/host_key"
if [ -n "${ORCHA_KEY:-}" ]; then
  printf 'restrict,pty,port-forwarding,permitlisten="127.0.0.1:1" %s\n' "$ORCHA_KEY" >"$HOME/.ssh/authorized_keys"
fi
[ -s "$HOME/.ssh/authorized_keys" ] || {
  echo "orcha-start: set ORCHA_KEY to the public key of the control plane" >&2
  exit 64
}
# `AllowTcpForwarding no` would refuse sockets as well.
cat >"$HOME/.ssh/sshd_config" <<END
Port 2222
HostKey $HOME/.ssh/host_key
PidFile none
AuthorizedKeysFile $HOME/.ssh/authorized_keys
AuthenticationMethods publickey
UsePAM no
AllowTcpForwarding local
AllowStreamLocalForwarding yes
X11Forwarding no
END
exec /usr/sbin/sshd -D -e -f "$HOME/.ssh/sshd_config"
