import AccessPoints
import Cluster
package import Environment
package import Logging
package import NIOCore
import NIOHTTP1
package import S3Model

/// The front of a process that has some of the regions: answers what is for them, and sends what is for other regions on
/// to the processes that have them. The receiver verifies the client's own signature, so nothing of a request is changed
/// on the way, and it learns by a ``ForwardingNote`` that it must not send the request on.
package struct RegionForwarder: HTTPResponder {
    private let local: any HTTPResponder
    private let router: EdgeRouter
    private let served: Set<RegionName>
    private let forwarders: [RegionName: Forwarder]
    private let origin: Forwarder?
    private let key: EdgeKey
    private let signer: ClaimSigner
    private let unreachable: UnreachableRegions
    private let time: any TimeSource
    private let refusal: ForwardingRefusal

    /// Short for connecting, because another region may be able to answer.
    package static var limits: UpstreamLimits {
        var limits = UpstreamLimits()
        limits.connect = .seconds(2)
        return limits
    }

    /// - Parameters:
    ///   - local: what answers for the regions of this process, and for everything that is nobody else's.
    ///   - router: with the directory of buckets.
    ///   - served: the regions of this process.
    ///   - elsewhere: where the processes of the other regions listen.
    ///   - origin: the server, which S3 Control, ListBuckets and CreateBucket are for; `nil` in the server itself.
    ///   - group: the event loops of the front.
    package init(
        local: any HTTPResponder, router: EdgeRouter, served: Set<RegionName>,
        elsewhere: [RegionName: ListenAddress], origin: ListenAddress?, on group: any EventLoopGroup,
        limits: UpstreamLimits = Self.limits, key: EdgeKey, time: any TimeSource, random: any RandomSource,
        logger: Logger
    ) {
        self.local = local
        self.router = router
        self.served = served
        // Regions of one process share its connections.
        var byAddress: [ListenAddress: Forwarder] = [:]
        func forwarder(to address: ListenAddress) -> Forwarder {
            if let known = byAddress[address] { return known }
            let made = Forwarder(to: address, group: group, limits: limits)
            byAddress[address] = made
            return made
        }
        forwarders = elsewhere.filter { !served.contains($0.key) }.mapValues(forwarder)
        // Nothing that goes there takes long: a server that hangs must not hold its callers for as long as a copy may take.
        var short = limits
        short.stall = min(limits.stall, .seconds(30))
        self.origin = origin.map { Forwarder(to: $0, group: group, limits: short) }
        self.key = key
        signer = ClaimSigner(key)
        unreachable = UnreachableRegions(time: time)
        self.time = time
        refusal = ForwardingRefusal(random: random, logger: logger)
    }

    /// Closes the connections to other processes. Requests in flight fail.
    package func close() {
        for forwarder in forwarders.values { forwarder.close() }
        origin?.close()
    }

    package func refuse(status: Int, reason: String) -> HTTPResponse { local.refuse(status: status, reason: reason) }

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        var request = request
        request.note = request.headers.first(name: RouteClaim.header).flatMap { key.note($0, now: now) }
        if let note = request.note, note.isFinal { return await local.respond(to: request) }
        switch router.decide(request, claim: request.note?.claim, healthy: isUp) {
        case .bucket(let location):
            guard let forwarder = forwarders[location.region] else { break }
            return await forward(request, to: forwarder, in: location.region)
        case .accessPoint(let claim):
            return await toMember(request, claim)
        case .control, .service, .creation:
            guard let origin else { break }
            return await forward(request, to: origin, in: nil)
        case .unknown, .token, .own: break
        }
        return await local.respond(to: request)
    }

    private var now: Timestamp { Timestamp(milliseconds: time.wallMilliseconds()) }

    /// Whether a region may be chosen: it is here, or nothing is known against its process.
    private func isUp(_ region: RegionName) -> Bool {
        served.contains(region) || forwarders[region] != nil && !unreachable.contains(region)
    }

    private func forward(_ request: HTTPRequest, to forwarder: Forwarder, in region: RegionName?) async -> HTTPResponse
    {
        do {
            let note = ForwardingNote(claim: nil, isFinal: true)
            return try await forwarder.forward(request, claim: signer.sign(note, now: now))
        } catch {
            return refusal.answer(error, to: request, region: region)
        }
    }

    /// Goes to the region that was chosen. While its process cannot be connected to, so that nothing has been asked of it,
    /// the next one that the rules allow is taken instead; what is pinned to its region is not moved.
    private func toMember(_ request: HTTPRequest, _ first: RouteClaim) async -> HTTPResponse {
        var claim = first
        var tried: Set<RegionName> = []
        while true {
            guard let forwarder = forwarders[claim.region] else {
                var request = request
                request.note = ForwardingNote(claim: claim, isFinal: false)
                return await local.respond(to: request)
            }
            let start = time.monotonicNanoseconds()
            do {
                let note = ForwardingNote(claim: claim, isFinal: true)
                return try await forwarder.forward(request, claim: signer.sign(note, now: now))
            } catch {
                guard case UpstreamFault.cannotConnect = error else {
                    return refusal.answer(error, to: request, region: claim.region)
                }
                unreachable.insert(claim.region, since: start)
                tried.insert(claim.region)
                guard claim.reason != .pinned, let next = choose(request, without: tried) else {
                    return refusal.answer(error, to: request, region: claim.region)
                }
                claim = next
            }
        }
    }

    /// Another member than those tried, if the rules allow one.
    private func choose(_ request: HTTPRequest, without tried: Set<RegionName>) -> RouteClaim? {
        let decision = router.decide(
            request, claim: request.note?.claim, healthy: { !tried.contains($0) && isUp($0) })
        guard case .accessPoint(let claim) = decision, !tried.contains(claim.region) else { return nil }
        return claim
    }
}
