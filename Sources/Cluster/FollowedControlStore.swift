import Synchronization

/// Brings a ``ControlFeedDocument`` from the process that has the store.
package protocol ControlFeedSource: Sendable {
    /// A document whose revision is above `revision`, at once or as soon as there is one; `nil` when there was none for a
    /// while. Throws when the other process cannot be reached or does not answer as it should.
    func fetch(after revision: Int64) async throws -> [UInt8]?
}

/// The control store as a process sees it that only follows: reads come from another process's feed of one prefix, changes
/// are refused. ``RoutingTable`` and its relatives run over it unchanged.
package final class FollowedControlStore: ControlStore {
    private let prefix: String
    private let source: any ControlFeedSource
    /// What `changed` has brought and nobody has read yet.
    private let brought = Mutex<ControlSnapshot?>(nil)

    package init(prefix: String, source: any ControlFeedSource) {
        self.prefix = prefix
        self.source = source
    }

    package func snapshot(prefix: String) async throws -> ControlSnapshot {
        try check(prefix)
        if let fresh = brought.withLock({ $0.take() }) { return fresh }
        guard let snapshot = try await fetch(after: -1) else {
            throw ControlStoreError.unavailable(reason: "the origin has nothing to tell yet")
        }
        return snapshot
    }

    package func record(_ key: String) async throws -> ControlRecord? {
        try check(key)
        return try await snapshot(prefix: prefix).records.first { $0.key.utf8.elementsEqual(key.utf8) }
    }

    package func changed(after revision: Int64) async throws -> Int64 {
        while !Task.isCancelled {
            guard let snapshot = try await fetch(after: revision) else { continue }
            guard snapshot.revision > revision else {
                throw ControlStoreError.unavailable(reason: "the origin answered with an old revision")
            }
            brought.withLock { $0 = snapshot }
            return snapshot.revision
        }
        return revision
    }

    package func commit(_ transaction: ControlTransaction) async throws -> Int64 {
        throw ControlStoreError.unavailable(reason: "this process only follows the control store")
    }

    package func close() async throws {}

    private func check(_ name: String) throws {
        guard name.utf8.starts(with: prefix.utf8) else {
            throw ControlStoreError.unavailable(reason: "only \(prefix) is followed here")
        }
    }

    private func fetch(after revision: Int64) async throws -> ControlSnapshot? {
        do {
            guard let bytes = try await source.fetch(after: revision) else { return nil }
            let document = try ControlFeedDocument.decode(bytes)
            guard document.prefix == prefix else {
                throw ControlStoreError.unavailable(reason: "the origin feeds \(document.prefix), not \(prefix)")
            }
            return document.snapshot
        } catch let error as ControlStoreError {
            throw error
        } catch {
            throw ControlStoreError.unavailable(reason: "\(error)")
        }
    }
}
