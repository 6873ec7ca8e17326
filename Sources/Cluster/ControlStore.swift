/// A small versioned record that every edge agrees on.
package struct ControlRecord: Sendable, Hashable {
    package let key: String
    package let value: [UInt8]
    /// The store's revision at which the record was last written.
    package let revision: Int64
    package init(key: String, value: [UInt8], revision: Int64) {
        self.key = key
        self.value = value
        self.revision = revision
    }
}

/// All records below a prefix, at one revision.
package struct ControlSnapshot: Sendable, Hashable {
    package let revision: Int64
    /// In key order.
    package let records: [ControlRecord]
    package init(revision: Int64, records: [ControlRecord]) {
        self.revision = revision
        self.records = records
    }
}

/// All or nothing: the writes happen only when every expectation holds.
package struct ControlTransaction: Sendable {
    package enum Expectation: Sendable, Hashable {
        case absent(key: String)
        /// The record was last written at this revision.
        case unchanged(key: String, revision: Int64)
    }
    package enum Write: Sendable, Hashable {
        case put(key: String, value: [UInt8])
        case delete(key: String)
    }
    package var expectations: [Expectation] = []
    package var writes: [Write] = []
    package init() {}
}

package enum ControlStoreError: Error, Sendable, Equatable {
    /// An expectation did not hold; nothing was written. Read again and decide anew.
    case conflict
    case unavailable(reason: String)
}

extension ControlStoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .conflict: "another change came first"
        case .unavailable(let reason): reason
        }
    }
}

/// What all roles agree on: access points, routes, async requests, bucket names. Embedded SQLite by default, etcd across
/// sites. A commit is linearizable, and every watcher sees it.
package protocol ControlStore: Sendable {
    func snapshot(prefix: String) async throws -> ControlSnapshot
    func record(_ key: String) async throws -> ControlRecord?
    /// Durable when it returns; the result is the new revision.
    func commit(_ transaction: ControlTransaction) async throws -> Int64
    /// Returns once the store's revision is above `revision` (or the task is cancelled), with the revision then.
    func changed(after revision: Int64) async throws -> Int64
    func close() async throws
}
