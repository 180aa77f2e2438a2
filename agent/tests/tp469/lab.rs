//! What all cases of a run share: a certificate authority and one Mosquitto.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use line3_proto::topic::ACL_BOX_PATTERNS;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use tempfile::TempDir;

/// How long Mosquitto may take to listen.
const START: Duration = Duration::from_secs(10);

/// The broker, once it runs.
struct Broker {
    boxes: SocketAddr,
    controllers: SocketAddr,
    _process: Started,
}

/// See the module.
pub(crate) struct Lab {
    dir: TempDir,
    authority: OnceLock<CertifiedIssuer<'static, KeyPair>>,
    broker: Mutex<Option<Broker>>,
    count: AtomicU32,
    /// The processes that may still run; nothing once the run is over.
    started: Mutex<Option<Vec<Weak<Mutex<Child>>>>>,
}

/// A process of this run. Dropping it ends it.
pub(crate) struct Started {
    id: u32,
    child: Arc<Mutex<Child>>,
}

impl Started {
    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// How it ends, if it does so in this time.
    pub(crate) fn ends_within(&self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        loop {
            match self.ended() {
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                ended => return ended,
            }
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// `kill -9`, which is nothing to a process that has ended.
fn end(child: &Mutex<Child>) {
    if let Ok(mut child) = child.lock() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The files of a certificate: the authority's, its own, its key.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Lab {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, authority: OnceLock::new(), broker: Mutex::default(), count: AtomicU32::new(0), started: Mutex::new(Some(Vec::new())) }
    }

    /// A directory of one's own, removed at the end of the run.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.path().join(format!("{number}-{name}"));
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    /// Writes a certificate for this endpoint id, or for the broker where that is an address, into a directory.
    pub(crate) fn issue(&self, dir: &Path, name: &str) -> Files {
        issue(self.authority(), dir, name)
    }

    /// Where boxes connect: Mosquitto, with TLS. Client id and user name are the identity in the certificate.
    pub(crate) fn boxes(&self) -> SocketAddr {
        self.broker(|broker| broker.boxes)
    }

    /// Where controllers connect: the same Mosquitto, with TLS. They may do everything.
    pub(crate) fn controllers(&self) -> SocketAddr {
        self.broker(|broker| broker.controllers)
    }

    /// Starts a process that ends with the run at the latest.
    pub(crate) fn spawn(&self, command: &mut Command) -> Started {
        let mut started = self.started.lock().unwrap();
        let started = started.as_mut().expect("the run is over");
        started.retain(|child| child.strong_count() > 0);
        let child = command.spawn().unwrap();
        let (id, child) = (child.id(), Arc::new(Mutex::new(child)));
        started.push(Arc::downgrade(&child));
        Started { id, child }
    }

    /// The run is over: ends every process that still runs, whoever holds it, and removes all that was written.
    pub(crate) fn end(&self) {
        let started = self.started.lock().ok().and_then(|mut started| started.take());
        started.into_iter().flatten().filter_map(|child| child.upgrade()).for_each(|child| end(&child));
        let _ = std::fs::remove_dir_all(self.dir.path());
    }

    /// The authority that signs everybody.
    pub(crate) fn authority(&self) -> &CertifiedIssuer<'static, KeyPair> {
        self.authority.get_or_init(|| authority("TP-469"))
    }

    fn broker<T>(&self, look: impl Fn(&Broker) -> T) -> T {
        look(self.broker.lock().unwrap().get_or_insert_with(|| self.start()))
    }

    fn start(&self) -> Broker {
        let dir = self.dir("mosquitto");
        let files = self.issue(&dir, "127.0.0.1");
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("these cases need Debian's package `mosquitto`: apt-get install mosquitto");
        // A port that is free now may be taken a moment later: another try gets others.
        for _ in 0..5 {
            let (boxes, controllers) = (free(), free());
            let conf = configure(&dir, &files, boxes, controllers);
            let log = std::fs::File::create(dir.join("log")).unwrap();
            let process = self.spawn(Command::new(program).arg("-c").arg(conf).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
            let until = Instant::now() + START;
            while Instant::now() < until && process.ended().is_none() {
                if TcpStream::connect(boxes).is_ok() && TcpStream::connect(controllers).is_ok() {
                    return Broker { boxes, controllers, _process: process };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("mosquitto does not start: {}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.end();
    }
}

/// An address that nobody listens on.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A new certificate authority.
pub(crate) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate that `authority` signs for this endpoint id or this address into a directory.
pub(crate) fn issue(authority: &CertifiedIssuer<'static, KeyPair>, dir: &Path, name: &str) -> Files {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::URI(format!("urn:bbf:usp:id:{name}").as_str().try_into().unwrap()),
    }];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let files = Files { ca: dir.join("ca.pem"), certificate: dir.join("certificate.pem"), key: dir.join("key.pem") };
    std::fs::write(&files.ca, authority.pem()).unwrap();
    std::fs::write(&files.certificate, certificate.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// Writes Mosquitto's configuration: two doors as in the field, one for boxes that may do what a box may and publish to the
/// topic of 10.13, one for controllers that may do everything.
fn configure(dir: &Path, files: &Files, boxes: SocketAddr, controllers: SocketAddr) -> PathBuf {
    let Files { ca, certificate, key } = files;
    std::fs::write(dir.join("boxes.acl"), format!("{}\npattern write mqtt-bulkdata\n", ACL_BOX_PATTERNS.join("\n"))).unwrap();
    std::fs::write(dir.join("controllers.acl"), "pattern readwrite #\n").unwrap();
    let mut text = "per_listener_settings true\nuser root\nset_tcp_nodelay true\nmax_queued_messages 10000\nlog_dest stderr\n".to_owned();
    for (who, address) in [("boxes", boxes), ("controllers", controllers)] {
        let (port, ip, dir) = (address.port(), address.ip(), dir.display());
        let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
        write!(
            text,
            "listener {port} {ip}\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n\
             use_identity_as_username true\nallow_anonymous false\nacl_file {dir}/{who}.acl\n"
        )
        .unwrap();
    }
    let conf = dir.join("mosquitto.conf");
    std::fs::write(&conf, text).unwrap();
    conf
}
