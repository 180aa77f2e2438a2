
lines=/usr/share/line3-agent/inittab

# BusyBox init runs here; in a root file system that is only being made the first process is another's.
running() {
    [ -z "$root" ] && [ /proc/1/root/. -ef /. ] && grep -q init /proc/1/cmdline
}

# Lines that name the agent stay as they are: they may have been turned off by hand.
enable() {
    touch "$root/etc/inittab"
    grep -q line3-agent "$root/etc/inittab" || cat "$root$lines" >>"$root/etc/inittab"
}

disable() {
    edit /line3-agent/d
}

# Lines that `stop` left out are in again; the init brings the new program up.
restart() {
    edit 's/^#without-package#//'
    end
}

stop() {
    edit 's/^[^#].*line3-agent/#without-package#&/'
    end
}

edit() {
    [ ! -f "$root/etc/inittab" ] || sed -i "$1" "$root/etc/inittab"
    ! running || kill -HUP 1
}

end() {
    ! running || killall line3-agent 2>/dev/null || true
}
