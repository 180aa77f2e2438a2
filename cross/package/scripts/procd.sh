
script=/etc/init.d/line3-agent

# procd runs here; in a root file system that is only being made it does not.
running() {
    [ -z "$root" ] && { [ -S /var/run/ubus/ubus.sock ] || [ -S /var/run/ubus.sock ]; }
}

enable() {
    mkdir -p "$root/etc/rc.d"
    ln -sf ../init.d/line3-agent "$root/etc/rc.d/S95line3-agent"
    ln -sf ../init.d/line3-agent "$root/etc/rc.d/K05line3-agent"
}

disable() {
    rm -f "$root/etc/rc.d/S95line3-agent" "$root/etc/rc.d/K05line3-agent"
}

# That it does not start is no failure of the package.
restart() {
    ! running || $script restart || echo "line3-agent: $script restart failed" >&2
}

stop() {
    ! running || $script stop || true
}
