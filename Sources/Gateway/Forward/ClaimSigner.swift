import S3Model
import Synchronization

/// Signs an edge's claims, each of them once in half a minute: a busy edge has a few regions and routes, not a new HMAC per
/// request.
final class ClaimSigner: Sendable {
    private static let slotSeconds: Int64 = 30
    private static let maximumCount = 4096

    private struct Signed {
        let slot: Int64
        let text: String
    }

    private let key: EdgeKey
    private let signed = Mutex<[RouteClaim: Signed]>([:])

    init(_ key: EdgeKey) { self.key = key }

    func sign(_ claim: RouteClaim, now: Timestamp) -> String {
        let slot = now.seconds / Self.slotSeconds
        return signed.withLock { signed in
            if let known = signed[claim], known.slot == slot { return known.text }
            if signed.count >= Self.maximumCount { signed.removeAll() }
            let text = key.sign(claim, now: now)
            signed[claim] = Signed(slot: slot, text: text)
            return text
        }
    }
}
