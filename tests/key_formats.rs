//! Keys in the formats that people have: those that are legal are read, and the error for each other one names a command
//! that converts it. The commands are run.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use secrecy::ExposeSecret;
use tango_token::{Algorithm, DpopKey, Status};

mod support;

/// A directory with one key of every kind, made by OpenSSL and OpenSSH.
struct Keys(PathBuf);

impl Keys {
    fn new(test: &str) -> Self {
        let keys = Self::empty(test);
        keys.shell(
            "genpkey() { openssl genpkey -quiet \"$@\" 2>/dev/null || openssl genpkey \"$@\" 2>/dev/null; }
             genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem
             genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec384.pem
             genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out ec521.pem
             genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out koblitz.pem
             genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -out explicit.pem
             for name in ed25519 ed448 x25519; do genpkey -algorithm $name -out $name.pem; done
             genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
             genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.pem
             genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem
             genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 \
                 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32 -out pss256.pem
             genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 \
                 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48 -out pss384.pem",
        );
        keys
    }

    fn empty(test: &str) -> Self {
        Self(support::fresh_directory(&format!("key-formats-{test}")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs commands in the directory, with `hush-hush` for each password that they ask for.
    fn shell(&self, commands: &str) {
        // Without a terminal nothing can ask for a password.
        let mut shell = Command::new("setsid");
        let script = format!("set -e\numask 077\n{commands}");
        shell.args(["sh", "-c", &script]).current_dir(&self.0).stdin(Stdio::null());
        let output = shell.output().expect("a shell");
        assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    fn read(&self, name: &str) -> DpopKey {
        DpopKey::from_file(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Returns what is said of a file without a usable key, after the name of the file.
    fn problem(&self, name: &str) -> String {
        let path = self.path(name);
        let error = DpopKey::from_file(&path).expect_err(name);
        assert_eq!(error.status(), Status::KeyRejected);
        let content = fs::read(&path).unwrap();
        let lines = content.split(u8::is_ascii_whitespace).filter(|line| line.len() > 30);
        for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
            assert!(!error.message().contains(line), "{name}: the key is repeated: {error}");
        }
        error.message().strip_prefix(&format!("{}: ", path.display())).expect("the file is named").to_owned()
    }

    /// Runs the command that a problem ends with, and returns the key that it made.
    fn convert(&self, name: &str, expected: &str) -> DpopKey {
        let problem = self.problem(name);
        assert!(problem.contains(expected), "{name}: {problem}");
        let (_, command) = problem.split_once(": ").expect("a command");
        let command = command.replace("openssl pkcs12", "openssl pkcs12 -passin pass:hush-hush");
        let command = command.replace("openssl pkey", "openssl pkey -passin pass:hush-hush");
        let command = command.replace("openssl pkcs8", "openssl pkcs8 -passin pass:hush-hush");
        let command = command.replace("ssh-keygen -p", "ssh-keygen -p -P ''");
        let _ = fs::remove_file(self.path("converted.pem"));
        self.shell(&command);
        self.read("converted.pem")
    }
}

#[test]
fn legal_key_is_read_in_every_form() {
    let keys = Keys::new("legal");
    keys.shell(
        "openssl ec -in ec.pem -out sec1.pem
         openssl rsa -in rsa.pem -traditional -out pkcs1.pem
         (openssl ecparam -name prime256v1; cat sec1.pem) > parameters.pem
         (openssl req -x509 -key ec.pem -subj /CN=x -days 1; cat ec.pem) > after-certificate.pem
         (printf '\\357\\273\\277'; cat ec.pem) > bom.pem
         sed 's/^/    /' ec.pem > indented.pem
         sed 's/$/\\r/' ec.pem > crlf.pem
         tr '\\n' ' ' < ec.pem > folded.pem
         sed 's/$/  /' ec.pem > trailing.pem",
    );
    let forms =
        ["sec1", "parameters", "after-certificate", "bom", "indented", "crlf", "folded", "trailing", "explicit"];
    let ec = keys.read("ec.pem");
    for form in forms {
        let key = keys.read(&format!("{form}.pem"));
        assert_eq!(key.algorithm(), Algorithm::Es256, "{form}");
        assert!(form == "explicit" || key.thumbprint() == ec.thumbprint(), "{form}");
    }
    assert_eq!(keys.read("ec384.pem").algorithm(), Algorithm::Es384);
    assert_eq!(keys.read("ed25519.pem").algorithm(), Algorithm::Eddsa);
    assert_eq!(keys.read("pkcs1.pem").thumbprint(), keys.read("rsa.pem").thumbprint());
    for pss in ["pss", "pss256"] {
        assert_eq!(keys.read(&format!("{pss}.pem")).algorithm(), Algorithm::Ps256);
        let pem = fs::read_to_string(keys.path(&format!("{pss}.pem"))).unwrap();
        let error = DpopKey::from_pem(&pem, Some(Algorithm::Rs256)).unwrap_err();
        assert_eq!(error.message(), "an RSA-PSS key signs with PS256 only");
    }
}

#[test]
fn command_in_the_error_converts_the_key() {
    let keys = Keys::new("converted");
    keys.shell(
        "openssl pkcs8 -topk8 -in ec.pem -passout pass:hush-hush -out encrypted.pem
         openssl ec -in ec.pem -aes128 -passout pass:hush-hush -out legacy.pem
         openssl pkey -in ec.pem -outform DER -out 'my ec.der'
         openssl ec -in ec.pem -outform DER -out sec1.der
         openssl pkcs8 -topk8 -in ec.pem -passout pass:hush-hush -outform DER -out encrypted.der
         openssl req -x509 -key ec.pem -subj /CN=x -days 1 -out certificate.pem
         openssl pkcs12 -export -inkey ec.pem -in certificate.pem -passout pass:hush-hush -out ec.p12
         iconv -f UTF-8 -t UTF-16 ec.pem > utf-16.pem
         awk '{ printf \"%s\\\\n\", $0 }' ec.pem > literal.pem
         base64 ec.pem > base64.pem
         grep -v -- ----- ec.pem > body.pem",
    );
    let expected = keys.read("ec.pem").thumbprint().to_owned();
    for (name, found) in [
        ("encrypted.pem", "the file holds an encrypted private key; decrypt it: openssl pkey -in /"),
        ("legacy.pem", "the file holds an encrypted private key; decrypt it: openssl pkey -in /"),
        ("my ec.der", "the file holds a private key in DER; convert it to PEM: openssl pkey -inform DER -in '/"),
        ("sec1.der", "the file holds a private key in DER"),
        ("encrypted.der", "the file holds an encrypted private key in DER"),
        ("ec.p12", "the file is a PKCS#12 file"),
        ("utf-16.pem", "the file is in UTF-16"),
        ("literal.pem", r"the file has \n written out"),
        ("base64.pem", "the file holds PEM in base64"),
        ("body.pem", "the file holds base64 without the BEGIN and END lines"),
    ] {
        assert_eq!(keys.convert(name, found).thumbprint(), expected, "{name}");
    }
}

#[test]
fn key_of_openssh_is_converted_where_openssh_can() {
    let keys = Keys::empty("openssh");
    keys.shell("for type in ecdsa rsa ed25519; do ssh-keygen -q -t $type -N '' -f $type; done");
    keys.shell("ssh-keygen -q -t ed25519 -N hush-hush -f encrypted");
    assert_eq!(keys.convert("ecdsa", "in OpenSSH's own format").algorithm(), Algorithm::Es256);
    assert_eq!(keys.convert("rsa", "in OpenSSH's own format").algorithm(), Algorithm::Ps256);
    for name in ["ed25519", "encrypted"] {
        assert!(keys.problem(name).contains("Ed25519 key in OpenSSH's own format, which ssh-keygen cannot convert"));
    }
    assert_eq!(keys.problem("rsa.pub"), "the file holds no private key, only a public key of OpenSSH");
}

#[test]
fn file_without_a_usable_key_is_told_by_what_it_holds() {
    let keys = Keys::new("unusable");
    keys.shell(
        "openssl pkey -in ec.pem -pubout -out public.pem
         openssl pkey -in ec.pem -pubout -outform DER -out public.der
         openssl req -x509 -key ec.pem -subj /CN=x -days 1 -out certificate.pem
         openssl x509 -in certificate.pem -outform DER -out certificate.der
         openssl ec -in koblitz.pem -out koblitz-sec1.pem
         head -3 ec.pem > half.pem
         sed '2s/./?/' ec.pem > damaged.pem
         echo hello > text.pem
         printf '\\n' > blank.pem
         : > empty.pem
         head -c 70000 /dev/zero > large.pem",
    );
    for (name, found) in [
        ("public.pem", "holds no private key, only a public key"),
        ("public.der", "holds no private key, only a public key"),
        ("certificate.pem", "holds no private key, only a certificate"),
        ("certificate.der", "holds no private key, only a certificate"),
        ("half.pem", "that is damaged: its END line is missing"),
        ("damaged.pem", "that is damaged"),
        ("text.pem", "holds neither PEM nor a JWK"),
        ("blank.pem", "the file is empty"),
        ("empty.pem", "the file is empty"),
        ("large.pem", "larger than 64 KiB"),
        ("ec521.pem", "an EC key on the curve P-521"),
        ("koblitz.pem", "an EC key on the curve secp256k1"),
        ("koblitz-sec1.pem", "an EC key on the curve secp256k1"),
        ("ed448.pem", "a key for Ed448"),
        ("x25519.pem", "a key for X25519"),
        ("short.pem", "an RSA key of 1,024 bits, and at least 2,048 are required"),
        ("pss384.pem", "an RSA-PSS key for other parameters"),
    ] {
        let problem = keys.problem(name);
        assert!(problem.contains(found), "{name}: {problem}");
        if let Some((_, command)) = problem.split_once("make one: ") {
            keys.shell(command);
            assert_eq!(keys.read("key.pem").algorithm(), Algorithm::Es256);
        }
    }
    assert!(keys.0.join("nowhere").to_str().is_some_and(|path| {
        DpopKey::from_file(path).unwrap_err().message().starts_with(&format!("{path}: No such file"))
    }));
}

#[cfg(unix)]
#[test]
fn key_file_that_every_user_can_write_to_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let keys = Keys::empty("permissions");
    let pem = DpopKey::generate(Algorithm::Es256).unwrap().to_pem().unwrap();
    fs::write(keys.path("key.pem"), pem.expose_secret()).unwrap();
    symlink("key.pem", keys.path("link.pem")).unwrap();
    let set = |mode| fs::set_permissions(keys.path("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
    for name in ["key.pem", "link.pem"] {
        for mode in [0o400, 0o440, 0o600, 0o640, 0o644, 0o660] {
            set(mode);
            keys.read(name);
        }
        for mode in [0o602, 0o666, 0o777] {
            set(mode);
            assert!(keys.problem(name).contains("every user of this machine can write to the file"), "{mode:o}");
        }
    }
}
