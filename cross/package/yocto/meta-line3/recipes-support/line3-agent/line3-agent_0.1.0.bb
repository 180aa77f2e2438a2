SUMMARY = "Remote diagnostics and repair of a set-top box"
DESCRIPTION = "A small daemon that reports the health of the box, and runs diagnostics \
and repairs on command, by USP (TR-369) over MQTT 5."
HOMEPAGE = "https://line3.invalid"
SECTION = "net"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "\
    file://LICENSE-MIT;md5=b377b220f43d747efdec40d69fcaa69d \
    file://LICENSE-APACHE;md5=22a53954e4e0ec258dfce4391e905dac \
"

# The server that has the archive of `cargo cross source`; or put it into DL_DIR.
LINE3_SOURCE ?= "https://line3.invalid"
SRC_URI = "${LINE3_SOURCE}/${BP}-source.tar.gz"

require ${BPN}-crates.inc
require ${BPN}-features.inc
# The archive's sum, which `cargo cross source` writes.
include ${BPN}-source.inc

inherit cargo systemd update-rc.d useradd

CARGO_SRC_DIR = "agent"
CARGO_BUILD_FLAGS += "--bin line3-agent --no-default-features"

# What the profile "box" says, for this class builds "release". Yocto strips by itself.
export CARGO_PROFILE_RELEASE_OPT_LEVEL = "z"
export CARGO_PROFILE_RELEASE_LTO = "fat"
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = "1"
export CARGO_PROFILE_RELEASE_PANIC = "abort"
# A panic ends the process, so nothing unwinds.
RUSTFLAGS:append = " -Cforce-unwind-tables=no"

# What a box carries: fleet is everything, tiny the least, or features by name.
PACKAGECONFIG ??= "fleet"

SYSTEMD_SERVICE:${PN} = "line3-agent.service"
INITSCRIPT_NAME = "line3-agent"
INITSCRIPT_PARAMS = "defaults 95 05"

USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --user-group --no-create-home --home-dir ${localstatedir}/lib/line3-agent --shell /bin/false line3-agent"

do_install() {
    install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/line3-agent ${D}${sbindir}/line3-agent
    install -D -m 0644 ${S}/cross/package/line3-agent.toml ${D}${sysconfdir}/line3-agent.toml
    # Where `line3 pki box` puts certificates: read by the agent's group, written by root.
    install -d -m 2750 -g line3-agent ${D}${sysconfdir}/line3-agent
    install -d -m 0700 -o line3-agent -g line3-agent ${D}${localstatedir}/lib/line3-agent
    if ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'true', 'false', d)}; then
        install -D -m 0644 ${S}/cross/package/init/line3-agent.service ${D}${systemd_system_unitdir}/line3-agent.service
    fi
    if ${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', 'true', 'false', d)}; then
        install -D -m 0755 ${S}/cross/package/init/line3-agent.sysvinit ${D}${sysconfdir}/init.d/line3-agent
    fi
}

CONFFILES:${PN} = "${sysconfdir}/line3-agent.toml"
FILES:${PN} += "${localstatedir}/lib/line3-agent"
