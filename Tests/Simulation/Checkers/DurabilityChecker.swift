import NIOCore
import S3Model
import Storage

/// Nothing that was acknowledged is lost, and all bytes everywhere are those that were sent.
enum DurabilityChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        lost(outcome) + outcome.snapshots.flatMap { wrongBytes($0, outcome.ledger) }
    }

    private static func lost(_ outcome: Outcome) -> [String] {
        let erased = outcome.ledger.erased
        return outcome.ledger.acknowledged.compactMap { write in
            guard !erased.contains(write.version.stamp),
                let snapshot = outcome.snapshots.first(where: { $0.region == write.region }),
                snapshot.version(write.version.stamp, of: write.version.key) == nil
            else { return nil }
            return "\(write.region) has lost the acknowledged \(write.version.key)"
        }
    }

    private static func wrongBytes(_ snapshot: Snapshot, _ ledger: Ledger) -> [String] {
        snapshot.all.compactMap { version in
            guard let object = version.object else { return nil }
            guard let name = object.metadata.user.first(where: { $0.name == "body" })?.value,
                let expected = ledger.body(named: name)
            else { return "\(version.key) in \(snapshot.region) has no body that anybody sent" }
            switch snapshot.bytes[version.stamp] {
            case .success(let bytes):
                return bytes == expected ? nil : "\(version.key) in \(snapshot.region) has other bytes than were sent"
            case .failure(let error): return "\(version.key) in \(snapshot.region) cannot be read: \(error)"
            case nil: return "\(version.key) in \(snapshot.region) was not read"
            }
        }
    }
}
