
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

restart() {
    if running; then
        systemctl daemon-reload
        systemctl restart line3-agent.service
    fi
}

stop() {
    ! running || systemctl stop line3-agent.service
}
