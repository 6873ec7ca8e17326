import Crypto
package import S3Model

/// How one process of an installation proves to another that it may ask: a MAC over what is asked, when, and the digest of
/// the call's head. The content behind the head is checked by whoever stores it, against the record in the head.
package struct PeerProof: Sendable, Hashable {
    /// `v1 CALL SECONDS LENGTH SHA256 MAC`, signed with the key that all processes of the installation share.
    package static let header = "x-meridian-peer"

    /// The name of the call, for example `apply`.
    package let call: String
    /// How many bytes of the body are the head.
    package let headLength: Int
    package let headDigest: [UInt8]

    package init(call: String, head: [UInt8]) {
        self.call = call
        headLength = head.count
        headDigest = Array(SHA256.hash(data: head))
    }

    private init(call: String, headLength: Int, headDigest: [UInt8]) {
        self.call = call
        self.headLength = headLength
        self.headDigest = headDigest
    }

    package func covers(_ head: [UInt8]) -> Bool {
        headLength == head.count && headDigest == Array(SHA256.hash(data: head))
    }

    package func signed(with key: EdgeKey, now: Timestamp) -> String {
        key.seal("peer1 \(call) \(now.seconds) \(headLength) \(Hex.encode(headDigest))")
    }

    /// `nil` for anything that was not signed with `key` within the tolerated time.
    package init?(_ text: String, key: EdgeKey, now: Timestamp) {
        guard let fields = key.unseal(text), fields.count == 5, fields[0] == "peer1", key.isRecent(fields[2], now: now),
            let length = Int(fields[3]), length >= 0, let digest = Hex.decode(String(fields[4]))
        else { return nil }
        self.init(call: String(fields[1]), headLength: length, headDigest: digest)
    }

    /// How far the clock that signed `text` with `key` is ahead of `now`, in seconds, when that is why it proves nothing;
    /// `nil` when it was not signed with `key`, or lately.
    static func clockDifference(_ text: String, key: EdgeKey, now: Timestamp) -> Int64? {
        guard let fields = key.unseal(text), fields.count == 5, fields[0] == "peer1", let signed = Int64(fields[2]),
            signed > 0, signed < 1 << 40, !key.isRecent(fields[2], now: now)
        else { return nil }
        return signed - now.seconds
    }
}
