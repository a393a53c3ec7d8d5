#!/usr/bin/env python3
"""Verifies a Strongroom archive directory with a public key: python3 verify.py DIRECTORY VKEY [AGE_IDENTITY_FILE]

An independent reading of archive.md. Needs Python 3.9 and `pip install cryptography`, for Ed25519 only. Exits 0 and
prints what it checked, 1 with the reason and place of the first thing that is wrong, or 2 if it could not check.
Encrypted objects are opened by the program `age`, with an identity; without one it exits 2 and says what it left out.

Checked: the signatures of manifests and checkpoints; that the manifests form one chain from entry 0 on, under their
keys; each object's derived key, SHA-256, sizes, count and bounds, checksum file, and its lines' stream, tenant and day;
every entry exactly once; what expiry notes say of objects that are gone; the tree's root after each batch; the batches' tiles and copies of checkpoints under `log/`;
and that no signed checkpoint there is larger than what the manifests cover.

Left out: a key ring with ranges (one key counts for all), a checkpoint from elsewhere, where gzip members begin, the
one form of the signed JSON, the limits on sizes (whole objects are read into memory), files no manifest names.
"""
import base64, collections, functools, gzip, hashlib, itertools, json, operator, pathlib, subprocess, sys, urllib.parse
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Key = collections.namedtuple("Key", "name id public")
NOTE_INVALID = "expiry-note-invalid"
group_of = operator.itemgetter("stream", "tenant", "day")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def stop(status, message):
    print(message, file=sys.stderr)
    sys.exit(status)


def require(holds, reason, what):
    if not holds:
        stop(1, f"{reason}: {what}")


def read(path, reason):
    require(path.is_file(), reason, f"{path} is not there")
    return path.read_bytes()


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 that is not canonical")
    return data


def read_vkey(vkey):
    try:
        name, key_id, key = vkey.split("+", 2)
        key = unbase64(key)
        if key[:1] == b"\x01" and sha256(name.encode(), b"\n", key)[:4].hex() == key_id:
            return Key(name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(key[1:]))
    except ValueError:
        pass
    stop(2, f"{vkey} is not an Ed25519 vkey")


def open_note(note, key, reason, what):
    """The text of a signed note (C2SP signed-note), if `key` signed it."""
    text, separator, lines = note.decode(errors="replace").rpartition("\n\n")
    require(separator and lines.endswith("\n"), reason, f"{what} is not a signed note")
    for line in lines.split("\n"):
        dash, _, signature = line.partition(f" {key.name} ")
        try:
            if dash == "\u2014" and unbase64(signature)[:4] == key.id:
                key.public.verify(unbase64(signature)[4:], (text + "\n").encode())
                return text + "\n"
        except (ValueError, InvalidSignature):
            break
    stop(1, f"{reason}: {what} is not signed by {key.name}")


def append(subtrees, rows, node):
    """RFC 6962: two neighbours of one height become their parent. Every eighth height is a row of hashes in tiles."""
    for height in itertools.count():
        if height % 8 == 0:
            rows[height // 8].append(node)
        if not subtrees or subtrees[-1][0] != height:
            return subtrees.append((height, node))
        node = sha256(b"\x01", subtrees.pop()[1], node)


def root(subtrees):
    hashes = [node for _, node in reversed(subtrees)]
    return functools.reduce(lambda right, left: sha256(b"\x01", left, right), hashes)


def check_tiles(directory, rows, first, size):
    """Each row begins with the tile that entry `first` changes; full tiles are dropped from it."""
    for level, row in rows.items():
        begin, end = (first >> 8 * level) // 256, size >> 8 * level
        for tile in range(begin, -(-end // 256)):
            width = min(256, end - tile * 256)
            path = directory / tile_path(level, tile, width)
            hashes = b"".join(row[(tile - begin) * 256:][:width])
            require(read(path, "tile-mismatch") == hashes, "tile-mismatch", path)
        del row[:(end // 256 - begin) * 256]


def short_digest(*fields):
    fields = [field.encode() for field in fields]
    return sha256(*(len(field).to_bytes(4, "big") + field for field in fields)).hex()[:16]


def object_key(batch, described, part):
    age = ".age" if described["key"].endswith(".age") else ""
    of_bytes = [described["sha256"]] * bool(age)
    digest = short_digest(batch, described["stream"], described["tenant"], described["day"], *of_bytes)
    tenant = urllib.parse.quote(described["tenant"], safe="").replace("~", "%7E")
    if tenant in (".", ".."):
        tenant = tenant.replace(".", "%2E")
    if not 0 < len(tenant) <= 128:
        tenant = "~" + sha256(described["tenant"].encode()).hex()
    name = f"{described['day'].replace('-', '/')}{batch[8:16]}-{digest}{f'-{part:04}' if part else ''}.jsonl.gz{age}"
    return f"{described['stream']}/org_{tenant}/{name}"


def tile_path(level, tile, width):
    path = f"{tile % 1000:03}"
    for power in range(1, (len(str(tile)) + 2) // 3):
        path = f"x{tile // 1000**power % 1000:03}/{path}"
    return f"log/tile/{level}/{path}{f'.p/{width}' if width < 256 else ''}"


def read_object(directory, described, identity):
    """The leaf of each entry of an object by its seq; None of one that is encrypted, without an identity."""
    body = directory / described["key"]
    stored = read(body, "object-missing")
    require(hashlib.sha256(stored).hexdigest() == described["sha256"], "object-hash-mismatch", body)
    sidecar = body.with_name(body.name + ".sha256")
    expected = f"{described['sha256']}  {body.name}\n".encode()
    require(read(sidecar, "sidecar-missing") == expected, "sidecar-mismatch", sidecar)
    if body.name.endswith(".age"):
        if identity is None:
            require(len(stored) == described["bytes"], "object-hash-mismatch", body)
            return None
        opened = subprocess.run(["age", "-d", "-i", identity], input=stored, capture_output=True, check=False)
        if opened.returncode != 0:
            stop(2, f"{body} cannot be decrypted: {opened.stderr.decode(errors='replace')}")
        stored_bytes, stored = len(stored), opened.stdout
    else:
        stored_bytes = len(stored)
    plain = gzip.decompress(stored)
    *lines, rest = plain.split(b"\n")
    entries = [json.loads(line) for line in lines]
    require(rest == b"" and len(entries) >= described["entries"] > 0, "entry-missing", body)
    for entry, line in zip(entries, lines):
        found = (entry["stream"], entry["tenant"], entry["recorded_at"][:10])
        require(found == group_of(described), "entry-changed", f"{entry['seq']} in {body}")
    seqs, occurred = [entry["seq"] for entry in entries], [entry["occurred_at"] for entry in entries]
    facts = {"entries": len(seqs), "first_seq": seqs[0], "last_seq": seqs[-1], "bytes": stored_bytes}
    facts |= {"first_occurred_at": min(occurred), "last_occurred_at": max(occurred), "bytes_uncompressed": len(plain)}
    require(facts.items() <= described.items() and seqs == sorted(seqs), "entry-changed", f"{body} has {facts}")
    require(len(set(seqs)) == len(seqs), "entry-duplicate", f"in {body}")
    return {seq: sha256(b"\x00", line) for seq, line in zip(seqs, lines)}


def leaves_of_tiles(directory, entries):
    """Leaf hashes from the copy of the tree, in place of lines that cannot be decrypted."""
    for tile in range(entries.start // 256, -(-entries.stop // 256)):
        width = min(256, entries.stop - tile * 256)
        hashes = read(directory / tile_path(0, tile, width), "tile-mismatch")
        for number in range(width):
            yield tile * 256 + number, hashes[number * 32:][:32]


def read_notes(directory, key):
    """The expiry notes by the key and SHA-256 of the manifest that they name."""
    notes = collections.defaultdict(list)
    for path in sorted(directory.glob("batches/**/*.expired")):
        what, stored = path.relative_to(directory).as_posix(), path.read_bytes()
        note = json.loads(open_note(stored, key, NOTE_INVALID, what))
        time = note["created_at"][:19].replace("-", "").replace(":", "")
        name = f"{time}Z-{short_digest(note['batch'], str(note['number']))}"
        named = note["expiry"] == name and what == f"batches/{name[:4]}/{name[4:6]}/{name[6:]}.expired"
        require(named and note["number"] > 0 and stored.count(b"\n") == 3, NOTE_INVALID, what)
        require(note["format"] == "strongroom-expiry/1" and note["origin"] == key.name, NOTE_INVALID, what)
        notes[note["manifest"]["key"], note["manifest"]["sha256"]].append((what, note))
    return notes


def expired_objects(manifest, notes):
    """What the notes of one manifest list: the leaves by seq of each object that they name."""
    objects, found = {described["key"]: described for described in manifest["objects"]}, {}
    for what, note in notes:
        fits = note["batch"] == manifest["batch"] and note["tree_size"] > manifest["last_seq"]
        require(fits and note["objects"], NOTE_INVALID, what)
        for expired in note["objects"]:
            described = objects.get(expired["key"], {})
            require(all(described.get(name) == expired[name] for name in ("sha256", "entries")), NOTE_INVALID, what)
            require(described["tenant"] != "_strongroom" and expired["key"] not in found, NOTE_INVALID, what)
            seqs = [seq for first, last in expired["seqs"] for seq in range(first, last + 1)]
            leaves = unbase64(expired["leaves"])
            hashes = [leaves[at:at + 32] for at in range(0, len(leaves), 32)]
            fits = len(seqs) == expired["entries"] and len(leaves) == 32 * len(seqs) and seqs == sorted(set(seqs))
            require(fits and [seqs[0], seqs[-1]] == [described["first_seq"], described["last_seq"]], NOTE_INVALID, what)
            found[expired["key"]] = dict(zip(seqs, hashes))
    return found


def read_batch(directory, manifest, key, what, expired, identity):
    """The leaves of a batch in order, how many are known from notes alone, and how many encrypted ones were not read."""
    invalid, leaves, gone, unread = "manifest-signature-invalid", {}, 0, 0
    entries = range(manifest["first_seq"], manifest["last_seq"] + 1)
    require(manifest["format"] == "strongroom-batch/1" and manifest["origin"] == key.name, invalid, what)
    counted = sum(described["entries"] for described in manifest["objects"])
    require(manifest["entries"] == len(entries) == counted, invalid, f"{what} contradicts itself on its entries")
    for _, parts in itertools.groupby(manifest["objects"], group_of):
        parts = sorted(parts, key=operator.itemgetter("first_seq"))
        for part, described in enumerate(parts, 1):
            derived = object_key(manifest["batch"], described, part if len(parts) > 1 else None)
            require(described["key"] == derived, invalid, f"{what} should name {derived}")
            noted = expired.get(derived)
            if noted and not (directory / derived).exists():
                found, gone = noted, gone + len(noted)
            else:
                found = read_object(directory, described, identity)
                require(noted in (None, found) or found is None, NOTE_INVALID, f"a note lists other leaf hashes for {derived}")
            if found is None:
                found, unread = {}, unread + described["entries"]
            twice = leaves.keys() & found.keys()
            require(not twice, "entry-duplicate", f"{min(twice, default=None)} in {derived}")
            leaves |= found
    missing = [seq for seq in entries if seq not in leaves]
    require(len(missing) == unread, "entry-missing", f"{missing[:1]} in {what}")
    if unread:
        leaves = dict(leaves_of_tiles(directory, entries)) | leaves
    return [leaves[seq] for seq in entries], gone, unread


def main(directory, vkey, identity=None):
    directory, key, manifests = pathlib.Path(directory), read_vkey(vkey), []
    if not directory.is_dir():
        stop(2, f"there is no directory {directory}")
    for path in sorted(directory.glob("batches/**/*.manifest")):
        what, note = path.relative_to(directory).as_posix(), path.read_bytes()
        text = open_note(note, key, "manifest-signature-invalid", what)
        require(note.count(b"\n") == 3, "manifest-signature-invalid", f"{what} has other signatures too")
        manifests.append((json.loads(text), what, hashlib.sha256(note).hexdigest()))
    subtrees, rows, size, previous, objects, gone = [], collections.defaultdict(list), 0, None, 0, 0
    notes, unread = read_notes(directory, key), 0
    for manifest, what, digest in sorted(manifests, key=lambda found: found[0]["first_seq"]):
        batch, first = manifest["batch"], manifest["first_seq"]
        require(first <= size, "manifest-missing", f"no manifest covers entry {size}")
        follows = first == size and manifest["previous"] == previous
        named = what == f"batches/{batch[:4]}/{batch[4:6]}/{batch[6:]}.manifest"
        require(follows and named, "manifest-chain-broken", what)
        expired = expired_objects(manifest, notes.pop((what, digest), []))
        leaves, expired, batch_unread = read_batch(directory, manifest, key, what, expired, identity)
        unread += batch_unread
        for leaf in leaves:
            append(subtrees, rows, leaf)
        gone += expired
        size, previous = manifest["last_seq"] + 1, {"key": what, "sha256": digest}
        checkpoint = open_note(manifest["checkpoint"].encode(), key, "checkpoint-signature-invalid", what)
        stated = [key.name, str(size), base64.b64encode(root(subtrees)).decode(), f"batch {batch}"]
        require(checkpoint == "".join(line + "\n" for line in stated), "root-mismatch", what)
        copy = directory / f"log/checkpoint/{size:020}"
        copied = open_note(read(copy, "object-missing"), key, "checkpoint-signature-invalid", copy)
        require(copied == checkpoint, "root-mismatch", copy)
        check_tiles(directory, rows, first, size)
        objects += len(manifest["objects"])
    for path in sorted(directory.glob("log/checkpoint/" + "[0-9]" * 20)):
        text = open_note(path.read_bytes(), key, "checkpoint-signature-invalid", path)
        require(int(text.split("\n")[1]) == int(path.name), "root-mismatch", f"{path} is of another size")
        require(int(path.name) <= size, "log-truncated", f"{path} is signed, and the manifests end at {size}")
    require(not notes, NOTE_INVALID, f"manifests that are not there are named: {[name for name, _ in notes]}")
    if unread:
        stop(2, f"not checked: the lines of {unread} of {size} entries, which are encrypted; all else is as it should be")
    expired = f" ({gone} expired)" if gone else ""
    empty = "the archive is empty: " if not manifests else ""
    print(f"{empty}{len(manifests)} manifests, {objects} objects, {size} entries{expired}: complete up to tree size {size}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if len(sys.argv) in (3, 4) else stop(2, __doc__)
    except OSError as error:
        stop(2, error)
