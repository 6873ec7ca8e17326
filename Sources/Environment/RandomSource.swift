/// Randomness as an input: the system's generator in production, a seeded one in the simulation.
package protocol RandomSource: Sendable {
    func next() -> UInt64
}

extension RandomSource {
    /// `count` random bytes.
    package func bytes(_ count: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(count + 7)
        while out.count < count { withUnsafeBytes(of: next()) { out.append(contentsOf: $0) } }
        out.removeLast(out.count - count)
        return out
    }

    /// A uniform number in `0..<bound`; `bound` must not be zero.
    package func uniform(below bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        let limit = UInt64.max - UInt64.max % bound
        while true {
            let value = next()
            if value < limit { return value % bound }
        }
    }
}

/// The operating system's cryptographically secure generator.
package struct SystemRandomSource: RandomSource {
    package init() {}
    package func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
