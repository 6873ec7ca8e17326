import Testing

@testable import Cluster

/// What every control store has to do, on each of those of this target.
@Suite struct ControlStoreContractTests {
    enum Kind: String, CaseIterable, Sendable { case inMemory, embedded, remote }

    private func withStore(_ kind: Kind, _ body: (any ControlStore) async throws -> Void) async throws {
        try await withScratchFolder { folder in
            let store: any ControlStore =
                switch kind {
                case .inMemory, .remote: InMemoryControlStore()
                case .embedded: try await EmbeddedControlStore.open(path: folder + "/control.sqlite")
                }
            do {
                if kind == .remote { try await withRemote(of: store, body) } else { try await body(store) }
            } catch {
                try await store.close()
                throw error
            }
            try await store.close()
        }
    }

    private func withRemote(of store: any ControlStore, _ body: (any ControlStore) async throws -> Void) async throws {
        let time = ControlFeedTests.StandingTime()
        let remote = RemoteControlStore(
            transport: DirectTransport(answers: ControlAnswers(store: store, time: time)), time: time)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await remote.run() }
            try await body(remote)
            try await remote.close()
        }
    }

    private func put(_ key: String, _ value: [UInt8], expecting: [ControlTransaction.Expectation] = [])
        -> ControlTransaction
    {
        var transaction = ControlTransaction()
        transaction.expectations = expecting
        transaction.writes = [.put(key: key, value: value)]
        return transaction
    }

    @Test(arguments: Kind.allCases) func writesAreReadBackWithTheirRevision(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            #expect(try await store.record("a") == nil)
            let first = try await store.commit(put("a", [1, 0, 255]))
            let second = try await store.commit(put("b", []))
            #expect(second > first)
            #expect(try await store.record("a") == ControlRecord(key: "a", value: [1, 0, 255], revision: first))
            #expect(try await store.record("b") == ControlRecord(key: "b", value: [], revision: second))
            let third = try await store.commit(put("a", [2]))
            #expect(try await store.record("a") == ControlRecord(key: "a", value: [2], revision: third))
        }
    }

    @Test(arguments: Kind.allCases) func expectationsHoldForTheWholeTransaction(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            let first = try await store.commit(put("a", [1], expecting: [.absent(key: "a")]))
            await #expect(throws: ControlStoreError.conflict) {
                _ = try await store.commit(put("x", [1], expecting: [.absent(key: "x"), .absent(key: "a")]))
            }
            await #expect(throws: ControlStoreError.conflict) {
                _ = try await store.commit(put("a", [2], expecting: [.unchanged(key: "a", revision: first - 1)]))
            }
            await #expect(throws: ControlStoreError.conflict) {
                _ = try await store.commit(put("x", [2], expecting: [.unchanged(key: "x", revision: first)]))
            }
            #expect(try await store.record("x") == nil)
            #expect(try await store.record("a")?.value == [1])
            #expect(try await store.snapshot(prefix: "").revision == first, "a refused commit moves nothing")
            _ = try await store.commit(put("a", [2], expecting: [.unchanged(key: "a", revision: first)]))
            #expect(try await store.record("a")?.value == [2])
        }
    }

    @Test(arguments: Kind.allCases) func oneTransactionIsOneRevision(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            _ = try await store.commit(put("gone", [1]))
            var transaction = ControlTransaction()
            transaction.writes = [
                .put(key: "a", value: [1]), .put(key: "b", value: [2]), .delete(key: "gone"), .delete(key: "never"),
            ]
            let revision = try await store.commit(transaction)
            let snapshot = try await store.snapshot(prefix: "")
            #expect(snapshot.revision == revision)
            #expect(snapshot.records.map(\.key) == ["a", "b"])
            #expect(snapshot.records.allSatisfy { $0.revision == revision })
            #expect(try await store.commit(ControlTransaction()) == revision, "writing nothing changes nothing")
        }
    }

    @Test(arguments: Kind.allCases) func snapshotsHoldExactlyThePrefixInByteOrder(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            // Two spellings of one letter are two keys; "0" is the byte after "/".
            let keys = ["p", "p/", "p/a", "p/b/c", "p/é", "p/e\u{301}", "p0", "q", "o", "p/\u{10FFFF}"]
            for key in keys { _ = try await store.commit(put(key, Array(key.utf8))) }
            let found = try await store.snapshot(prefix: "p/").records.map { Array($0.key.utf8) }
            let expected = keys.map { Array($0.utf8) }.filter { $0.starts(with: "p/".utf8) }
                .sorted { $0.lexicographicallyPrecedes($1) }
            #expect(found == expected)
            #expect(try await store.snapshot(prefix: "").records.count == keys.count)
            #expect(try await store.snapshot(prefix: "nothing").records.isEmpty)
        }
    }

    @Test(arguments: Kind.allCases) func changesWakeEveryWaiter(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            let start = try await store.commit(put("a", [0]))
            #expect(try await store.changed(after: start - 1) == start, "a change that has happened needs no waiting")
            let woken = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<200 { group.addTask { try await store.changed(after: start) } }
                group.addTask { try await store.commit(put("a", [1])) }
                var revisions: [Int64] = []
                for try await revision in group { revisions.append(revision) }
                return revisions
            }
            #expect(woken.count == 201)
            #expect(woken.allSatisfy { $0 > start })
        }
    }

    @Test(arguments: Kind.allCases) func cancellationEndsAWait(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            let start = try await store.commit(put("a", [0]))
            let revision = try await withThrowingTaskGroup(of: Int64.self) { group in
                group.addTask { try await store.changed(after: start + 100) }
                await Task.yield()
                group.cancelAll()
                return try await group.next()
            }
            #expect(revision == start)
        }
    }

    @Test(arguments: Kind.allCases) func closingEndsWaitsAndRefusesLaterOnes(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            await withTaskGroup(of: Bool.self) { group in
                group.addTask { (try? await store.changed(after: 1_000)) == nil }
                group.addTask { (try? await store.close()) != nil }
                for await isRight in group { #expect(isRight) }
            }
            await #expect(throws: ControlStoreError.self) { _ = try await store.changed(after: 1_000) }
        }
    }

    @Test(arguments: Kind.allCases) func concurrentIncrementsAreNeverLost(_ kind: Kind) async throws {
        try await withStore(kind) { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var done = 0
                        while done < 20 {
                            let found = try await store.record("n")
                            let expectation: ControlTransaction.Expectation =
                                found.map { .unchanged(key: "n", revision: $0.revision) } ?? .absent(key: "n")
                            do {
                                let next = (found?.value.first ?? 0) + 1
                                _ = try await store.commit(put("n", [next], expecting: [expectation]))
                                done += 1
                            } catch ControlStoreError.conflict { await Task.yield() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.record("n")?.value == [160])
        }
    }
}

@Suite struct RevisionWaitersTests {
    @Test func moreWaitersThanTheLimitAreRefused() async throws {
        let waiters = RevisionWaiters(revision: 0)
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0...RevisionWaiters.limit {
                group.addTask {
                    do {
                        _ = try await waiters.changed(after: 0)
                        return false
                    } catch {
                        return true
                    }
                }
            }
            // The refused one is the first to end; then the others are let go.
            var refused = await group.next() == true ? 1 : 0
            waiters.advance(to: 1)
            for await wasRefused in group where wasRefused { refused += 1 }
            return refused
        }
        #expect(refused == 1)
    }

    @Test func revisionsNeverGoBack() async throws {
        let waiters = RevisionWaiters(revision: 5)
        waiters.advance(to: 3)
        #expect(waiters.revision == 5)
        #expect(try await waiters.changed(after: 4) == 5)
    }
}
