
# The agent's own user and group, made by what there is; in a root file system that does not run, in its files.
make_user() {
    if ! grep -q '^line3-agent:' "$root/etc/passwd"; then
        if [ -z "$root" ] && command -v useradd >/dev/null; then
            useradd --system --user-group --no-create-home --home-dir /var/lib/line3-agent --shell /bin/false line3-agent
        elif [ -z "$root" ] && command -v adduser >/dev/null && command -v addgroup >/dev/null; then
            addgroup -S line3-agent
            adduser -S -D -H -h /var/lib/line3-agent -s /bin/false -G line3-agent line3-agent
        else
            write_user
        fi
    fi
}

write_user() {
    id=999
    while grep -q "^[^:]*:[^:]*:$id:" "$root/etc/passwd" "$root/etc/group"; do
        id=$((id - 1))
    done
    echo "line3-agent:x:$id:$id::/var/lib/line3-agent:/bin/false" >>"$root/etc/passwd"
    echo "line3-agent:x:$id:" >>"$root/etc/group"
    [ ! -f "$root/etc/shadow" ] || echo 'line3-agent:!:::::::' >>"$root/etc/shadow"
    [ ! -f "$root/etc/gshadow" ] || echo 'line3-agent:!::' >>"$root/etc/gshadow"
}

# What the agent writes is its own; what it reads, its key above all, is for root and for its group. By number, for the names are
# those of the root file system.
own_files() {
    user=$(sed -n 's/^line3-agent:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
    group=$(sed -n 's/^line3-agent:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group")
    mkdir -p "$root/var/lib/line3-agent" "$root/etc/line3-agent"
    chown "$user:$group" "$root/var/lib/line3-agent"
    chmod 0700 "$root/var/lib/line3-agent"
    chown -R "0:$group" "$root/etc/line3-agent"
    chmod -R g+rX,g-w,o= "$root/etc/line3-agent"
    chmod g+s "$root/etc/line3-agent"
}
