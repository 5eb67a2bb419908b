//! Archives as others write them, by Python: sound ones, and those that mean harm. Knows no cases.

use crate::Sandbox;

/// What every script may use. `add` adds a member to a tar file.
const PRELUDE: &str = r"
import io, struct, sys, tarfile, warnings, zipfile
warnings.simplefilter('ignore')
def add(t, name, data=b'x', **more):
    i = tarfile.TarInfo(name); i.size = len(data)
    [setattr(i, k, v) for k, v in more.items()]
    t.addfile(i, io.BytesIO(data))
";

/// Writes `bomb.zip` and `bomb.tar.gz`, of 80 MB of `zeros` each.
pub const BOMBS: &str = r"
zeros = bytes(80_000_000)
with zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('zeros', zeros)
with tarfile.open('bomb.tar.gz', 'w:gz') as t: add(t, 'zeros', zeros)
";

/// Writes `overlap.zip`, which has two names for the bytes of one file: the bomb of overlapping files. Its parts
/// are `data` up to `at`, then `entry` and `other`.
pub const OVERLAP: &str = r"
with zipfile.ZipFile('one.zip', 'w') as z: z.writestr('a', 'x' * 500)
data = open('one.zip', 'rb').read()
at = data.index(b'PK\x01\x02'); end = data.index(b'PK\x05\x06')
entry = data[at:end]; other = entry.replace(b'a', b'b')
tail = struct.pack('<4s4H2LH', b'PK\x05\x06', 0, 0, 2, 2, len(entry) * 2, at, 0)
open('overlap.zip', 'wb').write(data[:at] + entry + other + tail)
";

/// Writes archives into the working folder.
///
/// # Panics
/// If Python is missing, or finds the script wrong.
pub fn python(store: &Sandbox, script: &str) {
    let mut command = store.other("python3");
    let output = command.args(["-c", &format!("{PRELUDE}{script}")]).output();
    let output = output.expect("python3 can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}
