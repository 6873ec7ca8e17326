package import Environment
package import S3Model

/// Another process of the installation, as those see it who ask it now and then and need no content.
package protocol PeerCalling: Sendable {
    /// Where it is asked, for people.
    var place: String { get }
    /// Throws ``PeerFault`` or `CancellationError`.
    func call(_ name: String, _ message: PeerMessage) async throws -> PeerMessage
}

extension PeerClient: PeerCalling {
    package var place: String { "\(address)" }

    package func call(_ name: String, _ message: PeerMessage) async throws -> PeerMessage {
        try await call(name, message, on: nil)
    }
}

extension PeerCalling {
    /// The head of the answer, or ``PeerFault/unavailable(reason:)`` when it takes longer than `patience` milliseconds.
    package func answer(
        _ name: String, _ head: [UInt8], patience: Int64, time: any TimeSource
    ) async throws -> [UInt8] {
        let answer = try await time.limit(milliseconds: patience) { try await call(name, PeerMessage(head: head)).head }
        guard let answer else { throw PeerFault.unavailable(reason: "\(place): no answer within \(patience) ms") }
        return answer
    }
}

extension S3Error {
    /// What a fault of the process that has `region` means to who asked for something of the region.
    package init(_ fault: PeerFault, from region: RegionName) {
        switch fault {
        case .unavailable(let reason):
            self.init(.serviceUnavailable, "The region \(region) cannot be reached: \(reason)")
        case .refused(let code, let reason):
            let code = code ?? .internalError
            let prefix = code.rawValue + ": "
            self.init(code, reason.hasPrefix(prefix) ? String(reason.dropFirst(prefix.count)) : reason)
        }
    }
}
