//! What a package manager is told, and the scripts that it runs. A script is put together from `cross/package/scripts/`: the start for
//! the format, the user, what the init system takes, and what happens when.

use std::path::Path;

use anyhow::{Context, Result};

use super::layout::PROGRAM;
use super::tree::Tree;
use crate::target::{Init, Target};

const DESCRIPTION: &str = "remote diagnostics and repair of a set-top box";

/// The control files of a Debian package that holds `data`.
pub fn deb(parts: &Path, target: &Target, version: &str, data: &Tree) -> Result<Tree> {
    let needs = needs(data.bytes(PROGRAM)?);
    let size: usize = data.files().map(|(_, file)| file.bytes.len().div_ceil(1024)).sum();
    let mut control = format!("Package: line3-agent\nVersion: {version}\nArchitecture: {}\n", target.architecture.deb);
    control += "Maintainer: Line3 <line3@line3.invalid>\nSection: net\nPriority: optional\n";
    control += &format!("Installed-Size: {size}\n");
    if !needs.is_empty() {
        control += &format!("Depends: {}\n", needs.join(", "));
    }
    control += &format!("Description: {DESCRIPTION}\n");
    control +=
        " A small daemon that reports the health of the box, and runs diagnostics and\n repairs on command, by USP (TR-369) over MQTT.\n";
    let mut tree = Tree::default();
    tree.file("control", control);
    tree.file("conffiles", conffiles(data, |_| true));
    for step in ["postinst", "prerm", "postrm"] {
        tree.program(step, script(parts, "deb", target.init, step)?);
    }
    Ok(tree)
}

/// The control files of an opkg package that holds `data`, for procd.
pub fn ipk(parts: &Path, target: &Target, version: &str, data: &Tree) -> Result<Tree> {
    let mut control = format!("Package: line3-agent\nVersion: {version}\nArchitecture: {}\n", target.architecture.ipk);
    control += "Maintainer: Line3 <line3@line3.invalid>\nSection: net\nPriority: optional\nLicense: MIT OR Apache-2.0\n";
    control += &format!("Installed-Size: {}\nDescription: {DESCRIPTION}\n", data.size());
    let mut tree = Tree::default();
    tree.file("control", control);
    tree.file("conffiles", conffiles(data, |path| !path.starts_with("etc/init.d/")));
    for step in ["postinst", "prerm"] {
        tree.program(step, script(parts, "ipk", Init::Procd, step)?);
    }
    Ok(tree)
}

/// What may be changed on the box, which an upgrade leaves alone: of `/etc`, what `which` says.
fn conffiles(data: &Tree, which: impl Fn(&str) -> bool) -> String {
    let files = data.files().map(|(path, _)| path).filter(|path| path.starts_with("etc/") && which(path));
    files.map(|path| format!("/{path}\n")).collect()
}

fn script(parts: &Path, format: &str, init: Init, step: &str) -> Result<String> {
    let pieces = [format!("{format}.sh"), "user.sh".to_owned(), format!("{}.sh", init.name()), format!("{format}.{step}")];
    let read = |piece: &String| {
        let file = parts.join("scripts").join(piece);
        std::fs::read_to_string(&file).with_context(|| file.display().to_string())
    };
    pieces.iter().map(read).collect()
}

/// Debian's packages that a program needs: none for a static one, else the C library that is as new as the newest symbol it asks for.
fn needs(program: &[u8]) -> Vec<String> {
    let newest = marked(program, b"GLIBC_").filter_map(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let text = std::str::from_utf8(rest.get(..digits)?).ok()?;
        text.split('.').map(|number| number.parse::<u32>().ok()).collect::<Option<Vec<_>>>()
    });
    let libc = newest.max().map(|version| {
        let version: Vec<_> = version.iter().map(u32::to_string).collect();
        format!("libc6 (>= {})", version.join("."))
    });
    let libgcc = marked(program, b"libgcc_s.so.1").next().map(|_| "libgcc-s1".to_owned());
    libc.into_iter().chain(libgcc).collect()
}

/// What comes after each `mark` that starts a text in `bytes`.
fn marked<'a>(bytes: &'a [u8], mark: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    bytes.split(|byte| *byte == 0).filter_map(move |text| text.strip_prefix(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root file system without a running init, and a `chown` that needs no rights.
    struct Image(tempfile::TempDir);

    impl Image {
        fn new(init: Init) -> Self {
            let image = Self(tempfile::tempdir().expect("a folder"));
            for (name, text) in
                [("etc/passwd", "root:x:0:0::/:/bin/sh\nother:x:999:5::/:\n"), ("etc/group", "other:x:998:\n"), ("etc/shadow", "")]
            {
                image.write(name, text);
            }
            if init == Init::Busybox {
                image.write("etc/inittab", "::sysinit:/bin/true\n");
                let lines = std::fs::read_to_string(parts().join("init/line3-agent.busybox")).expect("it is there");
                image.write("usr/share/line3-agent/inittab", &lines);
            }
            image.write("bin/chown", "#!/bin/sh\n");
            let chown = std::process::Command::new("chmod").arg("+x").arg(image.path("bin/chown")).status();
            assert!(chown.expect("chmod runs").success());
            image
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let file = self.path(name);
            std::fs::create_dir_all(file.parent().expect("it has one")).expect("it is made");
            std::fs::write(file, text).expect("it is written");
        }

        fn run(&self, format: &str, init: Init, step: &str, words: &[&str]) {
            let text = script(&parts(), format, init, step).expect("the script is there");
            let mut sh = std::process::Command::new("sh");
            sh.args(["-u", "-c", &text, step]).args(words).env("DPKG_ROOT", self.0.path()).env("IPKG_INSTROOT", self.0.path());
            sh.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
                .env("PKG_UPGRADE", if words == ["upgrade"] { "1" } else { "0" });
            let output = sh.output().expect("sh runs");
            assert!(output.status.success() && output.stderr.is_empty(), "{init:?} {step} {words:?}: {output:?}");
        }

        /// What names the agent: the lines of files, and links.
        fn named(&self) -> Vec<String> {
            let mut find = std::process::Command::new("sh");
            find.arg("-c")
                .arg("grep -h ^line3-agent etc/passwd etc/group etc/shadow; grep -h line3-agent etc/inittab; find etc var -name '*line3*'");
            let output = find.current_dir(self.0.path()).output().expect("sh runs");
            let mut lines: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        }
    }

    fn parts() -> std::path::PathBuf {
        super::super::layout::parts(&crate::place::root())
    }

    const USER: [&str; 3] = ["line3-agent:!:::::::", "line3-agent:x:997:", "line3-agent:x:997:997::/var/lib/line3-agent:/bin/false"];

    #[test]
    fn in_an_image_each_script_leaves_what_it_should_and_takes_it_away() {
        let links = [(Init::Systemd, 1), (Init::Sysvinit, 7), (Init::Procd, 2), (Init::Busybox, 3)];
        for (init, count) in links {
            let image = Image::new(init);
            image.run("deb", init, "postinst", &["configure", ""]);
            let installed = image.named();
            assert_eq!(installed.len(), USER.len() + 2 + count, "{init:?}: {installed:?}");
            assert!(USER.iter().all(|line| installed.iter().any(|known| known == line)), "{init:?}: {installed:?}");
            image.run("deb", init, "prerm", &["upgrade", "2"]);
            image.run("deb", init, "postinst", &["configure", "1"]);
            assert_eq!(image.named(), installed, "{init:?}: an upgrade changes nothing");
            image.run("deb", init, "prerm", &["remove"]);
            image.run("deb", init, "postrm", &["remove"]);
            image.run("deb", init, "postinst", &["configure", "1"]);
            assert_eq!(image.named(), installed, "{init:?}: what was removed is back");
            image.run("deb", init, "prerm", &["remove"]);
            image.run("deb", init, "postrm", &["purge"]);
            assert_eq!(image.named(), USER, "{init:?}: only the user stays");
        }
    }

    #[test]
    fn what_was_turned_off_by_hand_stays_off() {
        for init in [Init::Systemd, Init::Sysvinit, Init::Procd] {
            let image = Image::new(init);
            image.run("deb", init, "postinst", &["configure", ""]);
            let mut off = std::process::Command::new("find");
            off.current_dir(image.0.path()).args(["etc", "-type", "l", "-delete"]);
            assert!(off.status().expect("find runs").success());
            let turned_off = image.named();
            image.run("deb", init, "postinst", &["configure", "1"]);
            assert_eq!(image.named(), turned_off, "{init:?}");
        }
    }

    #[test]
    fn opkgs_scripts_do_the_same() {
        let image = Image::new(Init::Procd);
        image.run("ipk", Init::Procd, "postinst", &[]);
        let installed = image.named();
        assert_eq!(installed.len(), USER.len() + 2 + 2, "{installed:?}");
        image.run("ipk", Init::Procd, "prerm", &["upgrade"]);
        assert_eq!(image.named(), installed, "an upgrade changes nothing");
        image.run("ipk", Init::Procd, "prerm", &["remove"]);
        assert_eq!(image.named().len(), USER.len() + 2, "the links are gone; opkg has no purge");
    }

    #[test]
    fn a_program_needs_the_c_library_of_its_newest_symbol() {
        let program = b"\x7fELF\0libgcc_s.so.1\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.17\0GLIBC_PRIVATE\0";
        assert_eq!(needs(program), ["libc6 (>= 2.34)", "libgcc-s1"]);
    }

    #[test]
    fn a_static_program_needs_nothing() {
        assert_eq!(needs(b"\x7fELF\0musl\0the GLIBC_2.4 of another\0"), [""; 0]);
    }
}
