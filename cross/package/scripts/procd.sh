
script=/etc/init.d/line3-agent

# procd runs here; in a root file system that is only being made it does not.
running() {
    [ -z "$root" ] && [ -S /var/run/ubus/ubus.sock -o -S /var/run/ubus.sock ]
}

enable() {
    mkdir -p "$root/etc/rc.d"
    ln -sf ../init.d/line3-agent "$root/etc/rc.d/S95line3-agent"
    ln -sf ../init.d/line3-agent "$root/etc/rc.d/K05line3-agent"
}

disable() {
    rm -f "$root/etc/rc.d/S95line3-agent" "$root/etc/rc.d/K05line3-agent"
}

restart() {
    ! running || $script restart
}

stop() {
    ! running || $script stop
}
