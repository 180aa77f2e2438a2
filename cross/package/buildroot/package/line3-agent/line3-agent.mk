################################################################################
#
# line3-agent
#
################################################################################

LINE3_AGENT_VERSION = 0.1.0
LINE3_AGENT_SOURCE = line3-agent-$(LINE3_AGENT_VERSION)-source.tar.gz
LINE3_AGENT_SITE = $(call qstrip,$(BR2_PACKAGE_LINE3_AGENT_SITE))
LINE3_AGENT_LICENSE = MIT or Apache-2.0
LINE3_AGENT_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
LINE3_AGENT_SUBDIR = agent

ifeq ($(BR2_PACKAGE_LINE3_AGENT_FLEET),y)
LINE3_AGENT_FEATURES = fleet
else ifeq ($(BR2_PACKAGE_LINE3_AGENT_TINY),y)
LINE3_AGENT_FEATURES = tiny
else
LINE3_AGENT_FEATURES = $(call qstrip,$(BR2_PACKAGE_LINE3_AGENT_FEATURES))
endif

# What the profile "box" says, for Buildroot builds "release". It strips by
# itself.
LINE3_AGENT_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=z \
	CARGO_PROFILE_RELEASE_LTO=fat \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
	CARGO_PROFILE_RELEASE_PANIC=abort

LINE3_AGENT_CARGO_OPTS = \
	--bin line3-agent \
	--no-default-features \
	--features "$(LINE3_AGENT_FEATURES)"

LINE3_AGENT_CARGO_BUILD_OPTS = $(LINE3_AGENT_CARGO_OPTS)

# In /usr/sbin, where the init files expect it; cargo install would put it into
# /usr/bin.
define LINE3_AGENT_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 \
		$(@D)/target/$(RUSTC_TARGET_NAME)/$(if $(BR2_ENABLE_DEBUG),debug,release)/line3-agent \
		$(TARGET_DIR)/usr/sbin/line3-agent
	$(INSTALL) -D -m 0644 $(@D)/cross/package/line3-agent.toml \
		$(TARGET_DIR)/etc/line3-agent.toml
	mkdir -p $(TARGET_DIR)/etc/line3-agent
endef

define LINE3_AGENT_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/cross/package/init/line3-agent.service \
		$(TARGET_DIR)/usr/lib/systemd/system/line3-agent.service
endef

define LINE3_AGENT_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/cross/package/init/line3-agent.sysvinit \
		$(TARGET_DIR)/etc/init.d/S60line3-agent
endef

define LINE3_AGENT_USERS
	line3-agent -1 line3-agent -1 * /var/lib/line3-agent - - Line3 agent
endef

# Certificates are read by the agent's group and written by root.
define LINE3_AGENT_PERMISSIONS
	/etc/line3-agent d 2750 root line3-agent - - - - -
	/var/lib/line3-agent d 700 line3-agent line3-agent - - - - -
endef

$(eval $(cargo-package))
