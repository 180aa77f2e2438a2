
script=/etc/init.d/line3-agent

# An init runs here; in a root file system that is only being made the first process is another's.
running() {
    [ -z "$root" ] && [ /proc/1/root/. -ef /. ] && grep -q init /proc/1/cmdline
}

enable() {
    if [ -z "$root" ] && command -v update-rc.d >/dev/null; then
        update-rc.d line3-agent defaults >/dev/null
        return
    fi
    for level in 2 3 4 5; do
        mkdir -p "$root/etc/rc$level.d"
        ln -sf ../init.d/line3-agent "$root/etc/rc$level.d/S99line3-agent"
    done
    for level in 0 1 6; do
        mkdir -p "$root/etc/rc$level.d"
        ln -sf ../init.d/line3-agent "$root/etc/rc$level.d/K01line3-agent"
    done
}

disable() {
    rm -f "$root"/etc/rc[0-6].d/[SK][0-9][0-9]line3-agent
}

restart() {
    act restart
}

stop() {
    act stop
}

# That it does not start is no failure of the package. invoke-rc.d asks whether services may be started here.
act() {
    if running && [ -x $script ]; then
        if command -v invoke-rc.d >/dev/null; then
            invoke-rc.d line3-agent "$1"
        else
            $script "$1"
        fi || echo "line3-agent: $script $1 failed" >&2
    fi
}
