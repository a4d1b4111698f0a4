"""Keys from a file, an environment variable and AWS KMS; time stamps of a real authority; their failures."""

from __future__ import annotations

import datetime
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gameday import environment
from gameday.errors import GamedayError
from gameday.evidence import keys
from gameday.evidence.pack import STAMP, Pack
from gameday.evidence.seal import Sealing, seal
from gameday.evidence.verify import verify
from tests.aws import use
from tests.evidence.conftest import KeyPair
from tests.evidence.test_verify import cli
from tests.faults.parts import need

TSA_CONFIG = """
[tsa]
default_tsa = config
[config]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@pytest.fixture
def pack(real_packs: list[Pack], tmp_path: Path) -> Pack:
    return Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))


def test_a_key_pair_signs_and_verifies_and_is_never_replaced(tmp_path: Path) -> None:
    code, said = cli("keys", "--name", "mine", cwd=tmp_path)
    assert code == 0 and "mine.key: keep it secret" in said
    assert oct((tmp_path / "mine.key").stat().st_mode & 0o777) == "0o600"
    code, said = cli("keys", "--name", "mine", cwd=tmp_path)
    assert code == 2 and "mine.key is there already" in said
    code, said = cli("keys", "--public-of", "mine.key", cwd=tmp_path)
    assert (code, said) == (0, (tmp_path / "mine.pub").read_text())


def test_a_key_from_the_environment_signs_and_no_child_inherits_it(
    key_pair: KeyPair, monkeypatch: pytest.MonkeyPatch, pack: Pack
) -> None:
    for value in (str(key_pair.private), key_pair.private.read_text()):
        monkeypatch.setenv("GAMEDAY_SIGNING_KEY", value)
        sealing = Sealing.taken(None, None, None, None)
        assert "GAMEDAY_SIGNING_KEY" not in environment.of_child() and "PRIVATE KEY" not in repr(sealing)
        assert seal(pack, pack.read_record(), sealing).troubles == ()
        assert verify(pack, keys.public_key(key_pair.public)).findings == []


def test_an_encrypted_key_needs_its_password(tmp_path: Path, pack: Pack) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    hidden = serialization.BestAvailableEncryption(b"open sesame")
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    (tmp_path / "hidden.key").write_bytes(pem)
    where = str(tmp_path / "hidden.key")
    for password, message in ((None, "is encrypted; set"), ("wrong", "the password is wrong")):
        with pytest.raises(GamedayError, match=message):
            Sealing(where, password).check()
    sealed = seal(pack, pack.read_record(), Sealing(where, "open sesame"))
    (tmp_path / "hidden.pub").write_bytes(keys.public_half(where, "open sesame"))
    assert sealed.troubles == () and verify(pack, keys.public_key(tmp_path / "hidden.pub")).findings == []


def test_a_key_of_aws_kms_signs_and_its_public_half_verifies(
    aws: str, monkeypatch: pytest.MonkeyPatch, pack: Pack, tmp_path: Path
) -> None:
    use(aws, monkeypatch)
    kms = boto3.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/evidence", TargetKeyId=made)
    sealed = seal(pack, pack.read_record(), Sealing("awskms:alias/evidence"))
    assert sealed.troubles == () and sealed.keyid
    code, said = cli("keys", "--public-of", "awskms:alias/evidence", cwd=tmp_path)
    assert code == 0, said
    (tmp_path / "kms.pub").write_text(said)
    assert verify(pack, keys.public_key(tmp_path / "kms.pub")).findings == []


def test_a_key_that_cannot_sign_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("title: t\ndescription: d\nmethod: []\n")
    (tmp_path / "bad.key").write_text("not a key")
    for key, message in (("bad.key", "holds no private key"), ("none.key", "cannot be read")):
        code, said = cli("run", "x.yaml", "--key", key, cwd=tmp_path)
        assert code == 2 and message in said, said
    assert not (tmp_path / "results").exists()


def test_a_key_that_fails_at_the_end_leaves_a_pack_sealed_by_hashes(pack: Pack, tmp_path: Path) -> None:
    sealed = seal(pack, pack.read_record(), Sealing(str(tmp_path / "gone.key")))
    assert sealed.keyid is None and "cannot be read" in sealed.troubles[0]
    assert verify(pack).findings == []


@dataclass(frozen=True)
class Authority:
    """A time-stamp authority."""

    address: str
    root: Path


def certificates(folder: Path) -> None:
    """A root, and under it a certificate that may stamp time."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a root")])

    def certificate(name: x509.Name, public: ec.EllipticCurvePublicKey, is_root: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
        )
        if not is_root:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(root_key, hashes.SHA256())

    tsa_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a clock")])
    for name, made in (
        ("root.pem", certificate(root_name, root_key.public_key(), True)),
        ("tsa.pem", certificate(tsa_name, key.public_key(), False)),
    ):
        (folder / name).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(TSA_CONFIG.format(folder=folder))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """OpenSSL stamps, behind a small web server."""
    need("openssl")
    folder = tmp_path_factory.mktemp("tsa")
    certificates(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", str(folder / "tsa.cnf")]
            command += ["-queryfile", str(folder / "query.tsq"), "-out", str(folder / "reply.tsr")]
            subprocess.run(command, check=True, capture_output=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write((folder / "reply.tsr").read_bytes())

        def log_message(self, *_: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Authority(f"http://127.0.0.1:{server.server_port}", folder / "root.pem")
    server.shutdown()
    server.server_close()


def test_a_time_stamp_says_when_the_seal_existed_and_is_of_this_seal(
    authority: Authority, key_pair: KeyPair, pack: Pack
) -> None:
    sealed = seal(pack, pack.read_record(), Sealing(str(key_pair.private), time_stamp=authority.address))
    assert sealed.troubles == () and sealed.stamped
    public = keys.public_key(key_pair.public)
    found = verify(pack, public, authority.root)
    assert found.findings == [] and any("by its time stamp" in line for line in found.holds)
    stamp = (pack.folder / STAMP).read_bytes()
    other, _, _ = keys.make(pack.folder.parent, "other")
    seal(pack, pack.read_record(), Sealing(str(other), time_stamp=authority.address))
    (pack.folder / STAMP).write_bytes(stamp)  # that of the seal before
    assert [finding.file for finding in verify(pack, None, authority.root).findings] == [STAMP]


def test_every_flipped_byte_of_a_time_stamp_is_found(authority: Authority, pack: Pack) -> None:
    seal(pack, pack.read_record(), Sealing(time_stamp=authority.address))
    stamp = (pack.folder / STAMP).read_bytes()
    for at in range(0, len(stamp), 37):
        (pack.folder / STAMP).write_bytes(stamp[:at] + bytes([stamp[at] ^ 1]) + stamp[at + 1 :])
        assert STAMP in {finding.file for finding in verify(pack, None, authority.root).findings}, at


def test_a_server_that_gives_no_stamp_is_said_and_the_pack_is_sealed_all_the_same(pack: Pack) -> None:
    for address in ("http://127.0.0.1:9", "file:///etc/passwd"):
        sealed = seal(pack, pack.read_record(), Sealing(time_stamp=address))
        assert sealed.stamped is None and address in sealed.troubles[0]
        assert verify(pack).findings == []
