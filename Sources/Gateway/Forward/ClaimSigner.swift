import S3Model
import Synchronization

/// Signs claims and notes, each of them once in half a minute: a busy edge has a few regions and routes, not a new HMAC per
/// request.
final class ClaimSigner: Sendable {
    private static let slotSeconds: Int64 = 30
    private static let maximumCount = 4096

    private struct Signed {
        let slot: Int64
        let text: String
    }

    private let key: EdgeKey
    private let signed = Mutex<[ForwardingNote: Signed]>([:])

    init(_ key: EdgeKey) { self.key = key }

    func sign(_ claim: RouteClaim, now: Timestamp) -> String {
        sign(ForwardingNote(claim: claim, isFinal: false), now: now)
    }

    func sign(_ note: ForwardingNote, now: Timestamp) -> String {
        let slot = now.seconds / Self.slotSeconds
        return signed.withLock { signed in
            if let known = signed[note], known.slot == slot { return known.text }
            if signed.count >= Self.maximumCount { signed.removeAll() }
            let text = key.sign(note, now: now)
            signed[note] = Signed(slot: slot, text: text)
            return text
        }
    }
}
