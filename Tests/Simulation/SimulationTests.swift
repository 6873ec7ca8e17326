import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `SIM_SEED=n` replays one seed, `SIM_SEEDS=n` says how many are tried, `SIM_FIRST=n` where they begin.
@Suite(.serialized) struct SimulationTests {
    private static func setting(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    @Test func regionsConverge() {
        let seeds: Range<UInt64>
        if let seed = Self.setting("SIM_SEED") {
            seeds = seed..<seed + 1
        } else {
            let first = Self.setting("SIM_FIRST") ?? 1
            seeds = first..<first + (Self.setting("SIM_SEEDS") ?? 1_000)
        }
        var operations = 0
        var applies = 0
        var faults = Faults.Counts()
        for seed in seeds {
            let report = Scenario(seed: seed, mutation: .none).run()
            operations += report.operations
            applies += report.faults.applies
            faults.add(report.faults)
            if !report.violations.isEmpty {
                print("SIM_SEED=\(seed)")
                for event in report.events { print("  \(event)") }
                Issue.record("SIM_SEED=\(seed): \(report.violations.prefix(8).joined(separator: "; "))")
            } else if seeds.count == 1 {
                print("SIM_SEED=\(seed) digest \(report.digest), \(report.virtualMilliseconds) virtual ms")
            }
        }
        print("\(seeds.count) seeds, \(operations) acknowledged writes, \(faults)")
        // A run in which nothing happens proves nothing.
        #expect(seeds.count < 100 || applies > operations)
        #expect(seeds.count < 100 || faults.isEveryKindThere)
    }

    @Test func aSeedRepeatsExactly() {
        for seed in UInt64(1)...4 {
            let first = Scenario(seed: seed, mutation: .none).run()
            let second = Scenario(seed: seed, mutation: .none).run()
            #expect(first.digest == second.digest)
            #expect(first.virtualMilliseconds == second.virtualMilliseconds)
        }
    }

    /// A checker that finds nothing wrong with a broken system is worth nothing.
    @Test(arguments: Mutation.allCases.filter { $0 != .none })
    func deliberateMistakesAreFound(mutation: Mutation) {
        var unnoticed = mutation.consequences
        for seed in UInt64(1)...40 where !unnoticed.isEmpty {
            let found = Scenario(seed: seed, mutation: mutation).run().violations
            unnoticed.removeAll { text in found.contains { $0.contains(text) } }
        }
        #expect(unnoticed.isEmpty, "\(mutation) went through 40 seeds without these words")
    }
}
