
unit=/usr/lib/systemd/system/line3-agent.service
wanted=/etc/systemd/system/multi-user.target.wants/line3-agent.service

# systemd runs here; in a root file system that is only being made it does not.
running() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}

enable() {
    mkdir -p "$root${wanted%/*}"
    ln -sf "$unit" "$root$wanted"
}

disable() {
    rm -f "$root$wanted"
    ! running || systemctl daemon-reload
}

# One that was turned off by hand is not turned on. That it does not start is no failure of the package.
restart() {
    if running; then
        systemctl daemon-reload
        if [ -L $wanted ]; then verb=restart; else verb=try-restart; fi
        systemctl $verb line3-agent.service || echo 'line3-agent did not start; see: journalctl -u line3-agent' >&2
    fi
}

stop() {
    ! running || systemctl stop line3-agent.service || true
}
