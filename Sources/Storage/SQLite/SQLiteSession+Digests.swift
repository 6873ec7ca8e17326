import S3Model
import SQLite

/// The digests of slots, kept in the transaction of the version that changes them.
extension SQLiteSession {
    func digests(bucket: Int64) throws -> DigestTree {
        var tree = DigestTree()
        try connection.withStatement("SELECT slot, high, low, versions FROM key_digests WHERE bucket = ?1") { rows in
            try rows.bind(1, bucket)
            while try rows.step() {
                let digest = Digest128(
                    high: UInt64(bitPattern: rows.int64(1)), low: UInt64(bitPattern: rows.int64(2)))
                tree.set(DigestTree.Node(digest: digest, versions: rows.int64(3)), slot: Int(rows.int64(0)))
            }
        }
        return tree
    }

    /// One version in place of another, either of which may be none.
    func moveDigest(from old: ObjectVersion?, to new: ObjectVersion?, bucket: Int64) throws {
        guard let key = (new ?? old)?.key, let change = DigestTree.Node(from: old, to: new) else { return }
        try add(change, slot: DigestTree.slot(of: key), bucket: bucket)
    }

    private func add(_ change: DigestTree.Node, slot: Int, bucket: Int64) throws {
        // SQLite has no exclusive or; "or" without "and" is the same and never overflows.
        try connection.run(
            """
            INSERT INTO key_digests (bucket, slot, high, low, versions) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET
                high = (high | ?3) - (high & ?3), low = (low | ?4) - (low & ?4), versions = versions + ?5
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, Int64(slot))
            try $0.bind(3, Int64(bitPattern: change.digest.high))
            try $0.bind(4, Int64(bitPattern: change.digest.low))
            try $0.bind(5, change.versions)
        }
    }

    func deleteDigests(bucket: Int64) throws {
        try connection.run("DELETE FROM key_digests WHERE bucket = ?1") { try $0.bind(1, bucket) }
    }

    /// Computes the digests of everything that is stored: once, when a file of an older format is opened. Records that
    /// cannot be read are left out, as they cannot be changed or removed either.
    func computeDigests() throws {
        try connection.execute("DELETE FROM key_digests")
        for bucket in try buckets() {
            var tree = DigestTree()
            try addVersions(
                to: &tree, bucket: bucket.id,
                "SELECT key, stamp, record, large FROM current_objects WHERE bucket = ?1")
            try addVersions(
                to: &tree, bucket: bucket.id, "SELECT key, stamp, record, large FROM other_versions WHERE bucket = ?1")
            for (slot, node) in tree.slots.enumerated() where node.versions > 0 {
                try add(node, slot: slot, bucket: bucket.id)
            }
        }
    }

    private func addVersions(to tree: inout DigestTree, bucket: Int64, _ sql: StaticString) throws {
        try connection.withStatement(sql) { rows in
            try rows.bind(1, bucket)
            while try rows.step() {
                do {
                    tree.insert(try version(in: rows))
                } catch StorageError.corrupt {
                    continue
                }
            }
        }
    }
}
