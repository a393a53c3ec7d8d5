#!/usr/bin/env python3
"""Verifies a Strongroom archive directory with a public key: python3 verify.py DIRECTORY VKEY

An independent reading of archive.md. Needs Python 3.9 and `pip install cryptography`, for Ed25519 only.
Prints what it checked and exits 0, or prints the first thing that is wrong and exits 1.
"""
import base64, gzip, hashlib, json, pathlib, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def require(holds, reason, what):
    if not holds:
        sys.exit(f"{reason}: {what}")


def unbase64(text, reason, what):
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, reason, f"{what} has base64 that is not canonical")
    return data


def open_note(note, vkey, reason, what):
    """The text of a signed note (C2SP signed-note), if `vkey` signed it."""
    name, key_id, key = vkey.split("+", 2)
    key = unbase64(key, reason, "the key")
    require(key[0] == 1 and sha256(name.encode(), b"\n", key)[:4].hex() == key_id, reason, "not an Ed25519 vkey")
    text, separator, lines = note.rpartition("\n\n")
    require(separator and lines.endswith("\n"), reason, f"{what} is not a signed note")
    for line in lines[:-1].split("\n"):
        dash, signer, signature = line.split(" ")
        signature = unbase64(signature, reason, what)
        if (dash, signer, signature[:4].hex()) == ("\u2014", name, key_id):
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], (text + "\n").encode())
                return text + "\n"
            except InvalidSignature:
                break
    sys.exit(f"{reason}: {what} is not signed by {name}")


def append(subtrees, leaf):
    """RFC 6962: two neighbours of one height become their parent."""
    height = 0
    while subtrees and subtrees[-1][0] == height:
        leaf, height = sha256(b"\x01", subtrees.pop()[1], leaf), height + 1
    subtrees.append((height, leaf))


def root(subtrees):
    result = subtrees[-1][1]
    for _, left in reversed(subtrees[:-1]):
        result = sha256(b"\x01", left, result)
    return result


def read_object(directory, described, leaves):
    body = directory / described["key"]
    require(body.is_file(), "object-missing", body)
    stored = body.read_bytes()
    require(hashlib.sha256(stored).hexdigest() == described["sha256"], "object-hash-mismatch", body)
    sidecar = body.with_name(body.name + ".sha256")
    require(sidecar.is_file(), "sidecar-missing", sidecar)
    require(sidecar.read_bytes() == f"{described['sha256']}  {body.name}\n".encode(), "sidecar-mismatch", sidecar)
    for line in gzip.decompress(stored).splitlines(keepends=True):
        require(line.endswith(b"\n"), "entry-changed", body)
        entry = json.loads(line)
        found = (entry["stream"], entry["tenant"], entry["recorded_at"][:10])
        require(found == (described["stream"], described["tenant"], described["day"]), "entry-changed", body)
        require(entry["seq"] not in leaves, "entry-duplicate", f"{entry['seq']} in {body}")
        leaves[entry["seq"]] = sha256(b"\x00", line[:-1])


def main(directory, vkey):
    directory, manifests = pathlib.Path(directory), []
    for path in sorted(directory.glob("batches/**/*.manifest")):
        what, note = path.relative_to(directory).as_posix(), path.read_bytes()
        text = open_note(note.decode(), vkey, "manifest-signature-invalid", what)
        manifests.append((json.loads(text), what, hashlib.sha256(note).hexdigest()))
    subtrees, size, previous, objects = [], 0, None, 0
    for manifest, key, digest in sorted(manifests, key=lambda found: found[0]["first_seq"]):
        batch = manifest["batch"]
        require(manifest["first_seq"] <= size, "manifest-missing", f"no manifest covers entry {size}")
        expected_key = f"batches/{batch[:4]}/{batch[4:6]}/{batch[6:]}.manifest"
        follows = manifest["first_seq"] == size and manifest["previous"] == previous and key == expected_key
        require(follows and manifest["format"] == "strongroom-batch/1", "manifest-chain-broken", key)
        leaves = {}
        for described in manifest["objects"]:
            read_object(directory, described, leaves)
            objects += 1
        require(len(leaves) == manifest["last_seq"] + 1 - size, "entry-missing", key)
        for seq in range(size, manifest["last_seq"] + 1):
            require(seq in leaves, "entry-missing", f"{seq} in {key}")
            append(subtrees, leaves[seq])
        size, previous = manifest["last_seq"] + 1, {"key": key, "sha256": digest}
        checkpoint = open_note(manifest["checkpoint"], vkey, "checkpoint-signature-invalid", key)
        stated = [vkey.split("+")[0], str(size), base64.b64encode(root(subtrees)).decode(), f"batch {batch}"]
        require(checkpoint == "".join(line + "\n" for line in stated), "root-mismatch", key)
        copy = directory / f"log/checkpoint/{size:020}"
        require(copy.is_file(), "object-missing", copy)
        require(copy.read_text() == manifest["checkpoint"], "checkpoint-signature-invalid", copy)
    print(f"{len(manifests)} manifests, {objects} objects, {size} entries: complete up to tree size {size}")


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
