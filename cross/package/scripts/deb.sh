#!/bin/sh
set -e

# Where the root file system is: empty for the one that this runs in.
root=${DPKG_ROOT:-}
