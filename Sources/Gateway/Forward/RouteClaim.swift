package import AccessPoints
import Crypto
package import S3Model

/// What an edge tells the region it forwards to: which region it chose for a request to an access point, and why.
///
/// On the wire, in ``header``: `v1 REGION REASON HOME VERSION SECONDS MAC`, or the forms of ``ForwardingNote``. The MAC is HMAC-SHA-256 with a key that only
/// our processes have, over everything before it. A claim is good for ten minutes around its time and for any request:
/// clients never see one, and whoever had one could only choose among the regions of access points that it may use anyway.
package struct RouteClaim: Sendable, Hashable {
    /// Never taken over from clients: an edge drops it, a region ignores it without a good MAC.
    package static let header = "x-meridian-edge-route"
    static let toleranceSeconds: Int64 = 300

    package let region: RegionName
    package let reason: RouteReason
    /// Where the edge stands: what the region decides by when it knows newer routes.
    package let home: RegionName
    /// ``Routes/version`` that the choice was made by.
    package let routesVersion: Int64

    package init(region: RegionName, reason: RouteReason, home: RegionName, routesVersion: Int64) {
        self.region = region
        self.reason = reason
        self.home = home
        self.routesVersion = routesVersion
    }

    /// What the claim comes to at the region that received it: the edge's choice while both know the same routes;
    /// otherwise `nil`, and the region chooses as if it stood where the edge stands.
    package func choice(in entry: RoutingEntry) -> RouteChooser.Choice? {
        guard entry.routes.version == routesVersion, let member = entry.member(in: region) else { return nil }
        guard member.isActive || reason == .pinned else { return nil }
        return RouteChooser.Choice(member: member, reason: reason, isLastResort: false)
    }
}

/// What a process of ours says about a request that it sends on: ``RouteClaim``, and whether the request has arrived.
///
/// An edge only says what it chose; the process that has the region may be another one than the edge's origin. A process
/// that knows which one has the region sends the request there for good: whoever receives that answers, or refuses, and
/// never sends it on, so that configurations that differ cannot make a request go round. On the wire the same as a claim
/// with `hop1` in place of `v1`; for a bucket by its name, which leaves no choice, `hop1 SECONDS MAC`.
package struct ForwardingNote: Sendable, Hashable {
    static let edgeMark = "v1"
    static let finalMark = "hop1"

    package let claim: RouteClaim?
    /// The receiver must not send the request on.
    package let isFinal: Bool

    package init(claim: RouteClaim?, isFinal: Bool) {
        self.claim = claim
        self.isFinal = isFinal
    }
}

/// The secret that the edges and regions of one installation share.
package struct EdgeKey: Sendable {
    package static let byteCount = 32
    private let key: SymmetricKey

    /// `nil` unless there are ``byteCount`` bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        key = SymmetricKey(data: bytes)
    }

    package func sign(_ claim: RouteClaim, now: Timestamp) -> String {
        sign(ForwardingNote(claim: claim, isFinal: false), now: now)
    }

    package func sign(_ note: ForwardingNote, now: Timestamp) -> String {
        let mark = note.isFinal ? ForwardingNote.finalMark : ForwardingNote.edgeMark
        guard let claim = note.claim else { return seal("\(mark) \(now.seconds)") }
        return seal(
            "\(mark) \(claim.region) \(claim.reason.rawValue) \(claim.home) \(claim.routesVersion) \(now.seconds)")
    }

    /// `nil` for anything that was not signed with this key within the tolerated time.
    package func note(_ text: String, now: Timestamp) -> ForwardingNote? {
        guard let fields = unseal(text), let last = fields.last, isRecent(last, now: now) else { return nil }
        let isFinal = fields[0] == ForwardingNote.finalMark
        guard isFinal || fields[0] == ForwardingNote.edgeMark else { return nil }
        if isFinal, fields.count == 2 { return ForwardingNote(claim: nil, isFinal: true) }
        guard fields.count == 6, let region = RegionName(String(fields[1])),
            let reason = RouteReason(rawValue: String(fields[2])), let home = RegionName(String(fields[3])),
            let version = Int64(fields[4])
        else { return nil }
        let claim = RouteClaim(region: region, reason: reason, home: home, routesVersion: version)
        return ForwardingNote(claim: claim, isFinal: isFinal)
    }

    /// The choice of an edge; `nil` for anything else.
    package func claim(_ text: String, now: Timestamp) -> RouteClaim? { note(text, now: now)?.claim }

    /// Proves to the origin that an edge asks for its routes.
    package func signFeedRequest(now: Timestamp) -> String { seal("feed1 \(now.seconds)") }

    package func isFeedRequest(_ text: String, now: Timestamp) -> Bool {
        guard let fields = unseal(text), fields.count == 2, fields[0] == "feed1" else { return false }
        return isRecent(fields[1], now: now)
    }

    func isRecent(_ text: Substring, now: Timestamp) -> Bool {
        guard let seconds = Int64(text), seconds > 0, seconds < 1 << 40 else { return false }
        return abs(seconds - now.seconds) <= RouteClaim.toleranceSeconds
    }

    func seal(_ text: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
        return text + " " + Hex.encode(Array(code))
    }

    func unseal(_ text: String) -> [Substring]? {
        guard text.utf8.count <= 256, let space = text.utf8.lastIndex(of: UInt8(ascii: " ")),
            let code = Hex.decode(String(text[text.utf8.index(after: space)...]))
        else { return nil }
        let signed = text[..<space]
        guard HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Array(signed.utf8), using: key) else {
            return nil
        }
        return signed.split(separator: " ", omittingEmptySubsequences: false)
    }
}
