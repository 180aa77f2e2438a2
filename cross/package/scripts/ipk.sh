#!/bin/sh
set -e

# Where the root file system is: empty for the one that this runs in.
root=${IPKG_INSTROOT:-${PKG_ROOT:-}}
root=${root%/}
