package import S3Model

/// Why a request went where it went; logged, counted and shown.
package enum RouteReason: String, Sendable, Hashable, CaseIterable {
    /// The nearest active region; for listings under shared traffic the nearest of those that share.
    case nearest
    /// Drawn by the dials' shares.
    case share
    /// The regions that share the traffic are down; a region left at 100 stands in.
    case standby
    /// The request belongs to a region: a multipart upload or a listing that was started there.
    case pinned
    /// The region that the rules name is down, and the next active one was taken; or every active one is down, and the
    /// nearest is tried nevertheless, because traffic never moves to a passive region by itself (spec/mrap.md §10.1).
    case fallback
}

/// Which member serves a request. Pure: the same inputs give the same choice.
///
/// Rules: DESIGN §5.5 and spec/mrap.md §10. Only members with a dial above 0 get new traffic; equal distances go by
/// region name.
package enum RouteChooser {
    package struct Choice: Sendable, Hashable {
        package let member: RoutingEntry.Member
        package let reason: RouteReason
        /// No healthy region was left, the member is thought to be down. A caller that marks tried regions as unhealthy
        /// to choose again ends here.
        package let isLastResort: Bool

        package init(member: RoutingEntry.Member, reason: RouteReason, isLastResort: Bool) {
            self.member = member
            self.reason = reason
            self.isLastResort = isLastResort
        }
    }

    /// `home` is the region of the edge that has the request, `healthy` says whether a region is thought to be up,
    /// `random` is uniform over all 64 bits (only dials below 100 use it), `distance` is any measure that grows with
    /// distance. Without `random` the nearest of those that could be drawn is taken: for requests that have to meet the
    /// same region again although nothing in them can name it, such as the pages of a listing by markers.
    ///
    /// A `pin` on a member wins over dials and health: the upload's parts are there and nowhere else. A pin on a region
    /// that is not a member is ignored. `nil` only when no member is active.
    package static func choose(
        _ entry: RoutingEntry, home: RegionName, healthy: (RegionName) -> Bool, pin: RegionName? = nil,
        random: UInt64?,
        distance: (RegionName, RegionName) -> Double
    ) -> Choice? {
        if let pin, let member = entry.member(in: pin) {
            return Choice(member: member, reason: .pinned, isLastResort: !healthy(pin))
        }
        let (first, firstUp) = closest(entry.members, home: home, healthy: healthy, distance: distance)
        guard let nearest = first else { return nil }
        guard let nearestUp = firstUp else { return Choice(member: nearest, reason: .fallback, isLastResort: true) }
        func chosen(_ member: RoutingEntry.Member, _ reason: RouteReason) -> Choice {
            Choice(member: member, reason: reason, isLastResort: false)
        }
        switch entry.mode {
        case .nearest:
            return chosen(nearestUp, nearestUp == nearest ? .nearest : .fallback)
        case .shares:
            let sharing = entry.members.filter { (1..<100).contains($0.dial) && healthy($0.region) }
            guard !sharing.isEmpty else { return chosen(nearestUp, .standby) }
            guard let random else {
                let all = entry.members.filter { (1..<100).contains($0.dial) }
                let (first, firstUp) = closest(all, home: home, healthy: healthy, distance: distance)
                return chosen(firstUp ?? nearestUp, firstUp == first ? .nearest : .fallback)
            }
            return chosen(draw(sharing, weights: sharing.map { Double($0.dial) }, random: random), .share)
        case .nearestShares:
            guard nearestUp.dial < 100, let random else {
                return chosen(nearestUp, nearestUp == nearest ? .nearest : .fallback)
            }
            let active = entry.members.filter { $0.isActive && healthy($0.region) }
            let ordered = order(active, home: home, distance: distance)
            return chosen(draw(ordered, weights: passedOn(ordered), random: random), .share)
        }
    }

    /// The nearest active member, and the nearest that is also up: one pass without allocating, since nearly every
    /// request needs no more than this.
    private static func closest(
        _ members: [RoutingEntry.Member], home: RegionName, healthy: (RegionName) -> Bool,
        distance: (RegionName, RegionName) -> Double
    ) -> (any: RoutingEntry.Member?, up: RoutingEntry.Member?) {
        typealias Candidate = (member: RoutingEntry.Member, distance: Double)
        func isNearer(_ candidate: Candidate, than best: Candidate?) -> Bool {
            guard let best else { return true }
            return candidate.distance != best.distance
                ? candidate.distance < best.distance : candidate.member.region < best.member.region
        }
        var first: Candidate?
        var firstUp: Candidate?
        for member in members where member.isActive {
            let candidate = (member: member, distance: distance(home, member.region))
            if isNearer(candidate, than: first) { first = candidate }
            if isNearer(candidate, than: firstUp), healthy(member.region) { firstUp = candidate }
        }
        return (first?.member, firstUp?.member)
    }

    /// What part of the requests that reach `home` each member gets, as fractions that add up to 1, in the members'
    /// order: what a person sees before and after turning a dial. All zero when nothing is active.
    package static func effectiveSplit(
        _ entry: RoutingEntry, home: RegionName, healthy: (RegionName) -> Bool,
        distance: (RegionName, RegionName) -> Double
    ) -> [(region: RegionName, share: Double)] {
        let active = order(entry.members.filter(\.isActive), home: home, distance: distance)
        let up = active.filter { healthy($0.region) }
        let candidates = up.isEmpty ? Array(active.prefix(1)) : up
        var shares: [RegionName: Double] = [:]
        switch entry.mode {
        case .nearest:
            if let first = candidates.first { shares[first.region] = 1 }
        case .shares:
            let sharing = candidates.filter { $0.dial < 100 }
            let total = Double(sharing.reduce(0) { $0 + $1.dial })
            for member in sharing { shares[member.region] = Double(member.dial) / total }
            if sharing.isEmpty, let first = candidates.first { shares[first.region] = 1 }
        case .nearestShares:
            let weights = passedOn(candidates)
            let total = weights.reduce(0, +)
            for (member, weight) in zip(candidates, weights) { shares[member.region] = weight / total }
        }
        return entry.members.map { ($0.region, shares[$0.region] ?? 0) }
    }

    /// Nearest first, equal distances by name.
    private static func order(
        _ members: [RoutingEntry.Member], home: RegionName, distance: (RegionName, RegionName) -> Double
    ) -> [RoutingEntry.Member] {
        guard members.count > 1 else { return members }
        return members.map { (member: $0, distance: distance(home, $0.region)) }
            .sorted { $0.distance != $1.distance ? $0.distance < $1.distance : $0.member.region < $1.member.region }
            .map(\.member)
    }

    /// The weight of each member when every one keeps its dial's share of what reaches it and passes on the rest. What
    /// the last one passes on starts again at the first, which only scales the weights; so they need not add up to 1.
    private static func passedOn(_ members: [RoutingEntry.Member]) -> [Double] {
        var left = 1.0
        return members.map { member in
            let kept = left * Double(member.dial) / 100
            left -= kept
            return kept
        }
    }

    private static func draw(_ members: [RoutingEntry.Member], weights: [Double], random: UInt64)
        -> RoutingEntry.Member
    {
        let unit = Double(random >> 11) * 0x1p-53
        var point = unit * weights.reduce(0, +)
        for (member, weight) in zip(members, weights) {
            if point < weight { return member }
            point -= weight
        }
        // Rounding left a sliver; it belongs to the last member that has any weight.
        let last = weights.lastIndex { $0 > 0 } ?? members.count - 1
        return members[last]
    }
}
