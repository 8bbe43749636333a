#!/bin/sh
# The key file comes as a secret; the gateway reads it from its folder.
set -eu
umask 077
mkdir -p "$XDG_CONFIG_HOME/penstock"
printf '%s' "$PENSTOCK_KEYS" >"$XDG_CONFIG_HOME/penstock/keys.json"
unset PENSTOCK_KEYS
exec penstock "$@"
